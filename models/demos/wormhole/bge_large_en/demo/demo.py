# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Eight sentences at 384 tokens through the encoder, compared one by one with fp32.

    pytest -s models/demos/wormhole/bge_large_en/demo/demo.py
    MESH_DEVICE=N300 pytest -s models/demos/wormhole/bge_large_en/demo/demo.py::test_bge_demo_inference_dp

With the real BGE-large checkpoint where it can be had, else with its exact config and seeded weights, as it says.
"""

import itertools
from pathlib import Path

import pytest
import torch
from loguru import logger
from transformers import AutoTokenizer, BertConfig

from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE, find_checkpoint, registry_minilm
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.demo.search.similarity_plot import similarity_matrix
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.runner.device_params import DEVICE_PARAMS, QUEUES
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

SENTENCES = [
    "Artificial intelligence is changing how people work with machines.",
    "AI alters the way in which humans and computers cooperate.",
    "A learning algorithm finds patterns in large amounts of data.",
    "Deep networks recognise complex structures in their input.",
    "The brain's neurons inspired the first neural networks.",
    "Computers understand text through natural language processing.",
    "A camera and a model let a robot see its surroundings.",
    "It is sunny today and there is not a cloud in the sky.",
]
MIN_COSINE = 0.997
pytestmark = pytest.mark.timeout(1800)  # tt-metal's 300 s are few emulated, and where kernels must be compiled first


@pytest.fixture(scope="module")
def checkpoint(model_location_generator, tmp_path_factory) -> Path:
    """Folder of the real BGE-large, or of a seeded one of its config."""
    located = model_location_generator(BGE_LARGE)
    found = find_checkpoint(str(located))
    if found is not None:
        logger.info(f"weights: the real {BGE_LARGE}")
        return locate(str(found))
    tokenizer = registry_minilm()
    if tokenizer is None:
        pytest.skip(f"neither {BGE_LARGE} nor a package with its tokenizer can be had here")
    logger.warning(f"weights: SEEDED, in the exact config of {BGE_LARGE}, which can't be had here")
    return write_seeded_checkpoint(tmp_path_factory.mktemp("seeded") / "bge-large-seeded", tokenizer)


def tokenize(checkpoint: Path, sentences: list[str], length: int):
    """ids and mask, (N, length) int64, of N sentences, padded or cut to `length` tokens."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    return tokenizer(sentences, padding="max_length", truncation=True, max_length=length, return_tensors="pt")


def check(vectors: torch.Tensor, checkpoint: Path, batch) -> None:
    """Print the similarities of vectors (N, H), and compare each with the reference, down to MIN_COSINE."""
    reference = ReferenceEncoder.from_pretrained(checkpoint)
    expected = reference.forward(batch["input_ids"], batch["attention_mask"])
    labels = SENTENCES[: len(vectors)]
    logger.info(f"cosine similarities\n{similarity_matrix(labels, vectors[: len(labels)] @ vectors[: len(labels)].T)}")
    for sentence, cosine in zip(itertools.cycle(SENTENCES), (vectors * expected).sum(-1).tolist()):
        logger.info(f"cosine to fp32 {cosine:.5f}  {sentence}")
        assert cosine >= MIN_COSINE, f"{sentence!r} has a cosine of {cosine:.5f} to fp32; the limit is {MIN_COSINE}"
    assert torch.allclose(vectors.norm(dim=-1), torch.ones(len(vectors)), atol=1e-5)


def run_bge_demo_inference(device, checkpoint, sequence_length) -> None:
    """The class used directly; every chip of a mesh gets the sentences."""
    options = dict(max_seq_len=sequence_length, num_command_queues=QUEUES)
    model = BGEForEmbedding(device=device, model_name=str(checkpoint), **options)
    batch = tokenize(checkpoint, SENTENCES * device.get_num_devices(), sequence_length)
    vectors = model.forward(batch["input_ids"], attention_mask=batch["attention_mask"])
    model.close()
    check(vectors, checkpoint, batch)


def run_bge_vllm_demo(device, checkpoint, sequence_length) -> None:
    """The interface that vLLM's TT loaders call, all tokens of each row computed."""
    config, chips = BertConfig.from_pretrained(checkpoint), device.get_num_devices()
    model = BGEForEmbedding.initialize_vllm_model(
        hf_config=config,
        mesh_device=device,
        max_batch_size=len(SENTENCES) * chips,
        max_seq_len=sequence_length,
        model_location_generator=lambda name: checkpoint,
        tt_data_parallel=chips,
        num_command_queues=QUEUES,
    )
    assert (model.get_embedding_dim(), model.get_max_seq_len()) == (config.hidden_size, sequence_length)
    long = [" ".join([sentence] * 40) for sentence in SENTENCES]
    batch = tokenize(checkpoint, long * chips, sequence_length)
    vectors = model.forward(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"].float())
    model.close()
    check(vectors, checkpoint, batch)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize("sequence_length", [384])
def test_bge_demo_inference(device, checkpoint, sequence_length):
    run_bge_demo_inference(device, checkpoint, sequence_length)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize("sequence_length", [384])
def test_bge_demo_inference_dp(mesh_device, checkpoint, sequence_length):
    several_chips(mesh_device)
    run_bge_demo_inference(mesh_device, checkpoint, sequence_length)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize("sequence_length", [384])
def test_bge_vllm_demo(device, checkpoint, sequence_length):
    run_bge_vllm_demo(device, checkpoint, sequence_length)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize("sequence_length", [384])
def test_bge_vllm_demo_dp(mesh_device, checkpoint, sequence_length):
    several_chips(mesh_device)
    run_bge_vllm_demo(mesh_device, checkpoint, sequence_length)


def several_chips(mesh_device) -> None:
    """Skip on one chip, where the other variant does the same."""
    if mesh_device.get_num_devices() == 1:
        pytest.skip("there is one chip; MESH_DEVICE=N300 or T3K asks for several")
