# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts longer than the model, embedded in pieces by LLM.embed; of a checkpoint with mean pooling."""

import json

import pytest
import torch
import transformers

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked

pytest.importorskip("vllm")

CLS, SEP = 101, 102
OFFLINE = """
import json, sys
from vllm import LLM

model, text, pieces = sys.argv[1], *map(json.loads, sys.argv[2:])
if __name__ == "__main__":
    pooler = {"enable_chunked_processing": True, "max_embed_len": 200}
    options = {"tt": {"enable_model_warmup": False}}
    llm = LLM(model=model, max_model_len=64, pooler_config=pooler, additional_config=options)
    whole, short = llm.embed([text, "a short text"])
    refused = None
    try:
        llm.embed("word " * 199)
    except ValueError as error:
        refused = str(error)
    alone = llm.embed([{"prompt_token_ids": ids} for ids in pieces])
    first = llm.embed(text, tokenization_kwargs={"truncate_prompt_tokens": -1})[0]
    found = [whole.outputs.embedding, len(whole.prompt_token_ids), [each.outputs.embedding for each in alone]]
    print("FOUND", json.dumps([*found, len(short.prompt_token_ids), len(first.prompt_token_ids), refused]))
"""


@pytest.mark.slow
def test_offline_and_with_mean_pooling(minilm, vllm_environment, tmp_path):
    text = " ".join(SENTENCES[:25])
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    inner = tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = [[CLS, *inner[i : i + 62], SEP] for i in range(0, len(inner), 62)]
    assert 2 <= len(pieces) and len(inner) + 2 <= 200
    arguments = [str(minilm), json.dumps(text), json.dumps(pieces)]
    done = run_forked("offline", arguments, vllm_environment, tmp_path, code=OFFLINE)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    whole, tokens, alone, short, first, refused = json.loads(line.removeprefix("FOUND "))
    total = sum((len(ids) * torch.tensor(v) for ids, v in zip(pieces, alone, strict=True)), torch.zeros(384))
    expected = torch.nn.functional.normalize(total / sum(map(len, pieces)), dim=0)
    assert torch.equal(torch.tensor(whole), expected)
    assert (tokens, short, first) == (len(inner) + 2, 5, 64)
    assert "201 input tokens" in refused and "max_embed_len" in refused
