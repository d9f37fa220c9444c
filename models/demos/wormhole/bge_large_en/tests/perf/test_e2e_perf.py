# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGE-large end to end, new texts at each iteration: tokeniser, upload, compute, readback, as a server does it.

    pytest -s -m models_performance_bare_metal models/demos/wormhole/bge_large_en/tests/perf/test_e2e_perf.py

Speed is asserted on silicon only. Elsewhere a small seeded checkpoint shows that each vector belongs to its text.
"""

import random
import time
from pathlib import Path

import pytest
import torch
from loguru import logger
from transformers import AutoTokenizer

from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE, find_checkpoint, registry_minilm
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.device_params import DEVICE_PARAMS, QUEUES
from models.demos.wormhole.bge_large_en.runner.target import SILICON, target
from models.demos.wormhole.bge_large_en.tests.perf.targets import FILE, MODEL, Target, find
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

BATCH = 8
SMALL = {**TINY, "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128}
ITERATIONS = {True: 50, False: 2}  # on silicon, elsewhere


@pytest.fixture(scope="module")
def checkpoint(model_location_generator, tmp_path_factory) -> Path:
    """BGE-large on silicon, or seeded weights of its config, which are as fast; a small seeded one elsewhere."""
    silicon = target() == SILICON
    found = find_checkpoint(str(model_location_generator(BGE_LARGE))) if silicon else None
    if found is not None:
        return locate(str(found))
    tokenizer = registry_minilm()
    if tokenizer is None:
        pytest.skip(f"neither {BGE_LARGE} nor a package with its tokenizer can be had here")
    return write_seeded_checkpoint(tmp_path_factory.mktemp("seeded") / "bge", tokenizer, **({} if silicon else SMALL))


def new_texts(iteration: int, words: int) -> list[str]:
    """A batch of texts of at least so many words, and so of as many tokens; other ones at each iteration."""
    choose, texts = random.Random(iteration), []
    for _ in range(BATCH):
        text: list[str] = []
        while len(text) < words:
            text += choose.choice(SENTENCES).split()
        texts.append(" ".join(text))
    return texts


def serve(model: BGEForEmbedding, tokenizer, texts: list[str]) -> torch.Tensor:
    """Texts -> (N, H) fp32 on the host."""
    return model.embed(tokenizer(texts, padding=False, truncation=True, max_length=model.max_seq_len)["input_ids"])


def report(target: Target, first: float, each: float) -> None:
    """tt-metal's CSV and benchmark data, in its tree. first, each: seconds of the first iteration and of a later one."""
    try:
        from models.perf.perf_utils import prep_perf_report
    except ImportError as error:
        logger.info(f"no report, tt-metal's models.perf can't be imported: {error}")
        return
    prep_perf_report(
        model_name=MODEL,
        batch_size=target.batch,
        inference_and_compile_time=first,
        inference_time=each,
        expected_compile_time=0,  # none is set
        expected_inference_time=target.batch / target.sentences_per_second,
        comments=f"seq{target.sequence}",
    )


@pytest.mark.models_performance_bare_metal
@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize("sequence_length", [384, 512])
def test_e2e_perf(device, checkpoint, sequence_length):
    silicon, expected = target() == SILICON, find(BATCH, sequence_length)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    batches = [new_texts(iteration, sequence_length) for iteration in range(1 + ITERATIONS[silicon])]
    model = BGEForEmbedding(
        device=device,
        model_name=str(checkpoint),
        max_batch_size=BATCH,
        max_seq_len=sequence_length,
        buckets=Buckets((sequence_length,), (BATCH,) if silicon else (1, BATCH)),
        num_command_queues=QUEUES,
    )
    started = time.perf_counter()
    served = [serve(model, tokenizer, batches[0])]  # compiles, and captures the trace
    warm = time.perf_counter()
    served += [serve(model, tokenizer, texts) for texts in batches[1:]]
    each = (time.perf_counter() - warm) / ITERATIONS[silicon]
    alone = None if silicon else [[serve(model, tokenizer, [text])[0] for text in texts] for texts in batches]
    model.close()
    if alone is None:
        logger.info(f"batch {BATCH}, {sequence_length} tokens: {BATCH / each:.1f} sentences/s end to end")
        if expected is None:
            logger.warning(f"no target in {FILE.name} to compare this with")
            return
        report(expected, warm - started, each)
        expected.check(BATCH / each)
        return
    print(f"emulated: not a speed; batch {BATCH}, {sequence_length} tokens, {len(batches)} iterations")
    for iteration, (vectors, expected) in enumerate(zip(served, alone)):
        others = (vectors != torch.stack(expected)).any(dim=1).nonzero().flatten().tolist()
        assert not others, f"iteration {iteration}: texts {others} have other vectors than when computed alone"
    every = torch.cat(served)
    assert len(every.unique(dim=0)) == len(every) == BATCH * len(batches)
