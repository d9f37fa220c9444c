# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real servers of a seeded XLM-RoBERTa and of a classifier with three labels, both kinds offline, and two at once."""

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    TINY_BERT,
    TINY_XLMR,
    tiny_xlmr_tokenizer,
    write_cross_encoder,
    write_encoder,
)
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.conftest import PAIR_LEN, program_for
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, assert_like, post, serving

pytest.importorskip("vllm")
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(START_LIMIT_S + 300)]

TEXTS = SENTENCES[20:32]
TT = {"tt": {"enable_model_warmup": False, "optimizations": "accuracy"}}
# 0.01 of a logit: by the slope of a sigmoid, at most 1/4, and of a softmax whose logits go opposite ways
SCORE, PROBABILITY = 0.0025, 0.005
FLAGS = ["--max-model-len", str(PAIR_LEN), "--additional-config", json.dumps(TT)]
OFFLINE = """
import json, sys
from vllm import LLM

model, length, config, texts, pairs = sys.argv[1:]
texts, pairs = json.loads(texts), json.loads(pairs)
if __name__ == "__main__":
    llm = LLM(model=model, max_model_len=int(length), additional_config=json.loads(config))
    classes = [output.outputs.probs for output in llm.classify(texts)]
    scores = [output.outputs.score for output in llm.score(*pairs)] if pairs else []
    print("FOUND", json.dumps([classes, scores]))
"""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "three-labels"
    return write_cross_encoder(folder, tiny_xlmr_tokenizer(), labels=3, **TINY_XLMR)


@torch.no_grad()
def logits(folder, *texts) -> torch.Tensor:
    inputs = AutoTokenizer.from_pretrained(folder)(*texts, padding=True, return_tensors="pt")
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()(**inputs).logits


def test_an_xlm_roberta_by_the_start_script(tmp_path, vllm_environment):
    folder = write_encoder(tmp_path / "tiny-xlm-roberta", tiny_xlmr_tokenizer(), **TINY_XLMR)
    with serving(FLAGS, vllm_environment, tmp_path / "log", program=program_for(folder)) as server:
        found = json.load(post(server, "/v1/embeddings", {"input": TEXTS}))["data"]
    assert_like(
        torch.tensor([item["embedding"] for item in found]), ReferenceEncoder.from_pretrained(folder).encode(TEXTS)
    )


def test_a_classifier_with_three_labels(labelled, tmp_path, vllm_environment):
    environment = vllm_environment | {"VLLM_WORKER_MULTIPROC_METHOD": "spawn"}  # others fork their engine
    with serving(FLAGS, environment, tmp_path / "log", program=program_for(labelled)) as server:
        found = json.load(post(server, "/classify", {"input": TEXTS}))["data"]
        refused = post(server, "/rerank", {"query": "a", "documents": ["b"]})
        message = json.load(refused)["error"]["message"]
    wanted = torch.softmax(logits(labelled, TEXTS), dim=-1)
    torch.testing.assert_close(torch.tensor([item["probs"] for item in found]), wanted, atol=PROBABILITY, rtol=0)
    assert [item["label"] for item in found] == [f"LABEL_{i}" for i in wanted.argmax(dim=1).tolist()]
    assert refused.status == 400 and "a classifier: POST texts to /classify" in message


def test_offline_classes_and_scores(labelled, cross_encoder, vllm_environment):
    pairs = [TEXTS[0], TEXTS[1:]]
    for folder, asked in ((labelled, []), (cross_encoder, pairs)):
        given = [str(folder), str(PAIR_LEN), json.dumps(TT), json.dumps(TEXTS), json.dumps(asked)]
        command = [sys.executable, "-c", OFFLINE, *given]
        done = subprocess.run(command, env=vllm_environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND "))
        classes, scores = json.loads(line.removeprefix("FOUND "))
        wanted = logits(folder, TEXTS)
        wanted = torch.softmax(wanted, -1) if folder == labelled else torch.sigmoid(wanted)
        torch.testing.assert_close(torch.tensor(classes), wanted, atol=PROBABILITY, rtol=0)
        if asked:
            expected = torch.sigmoid(logits(folder, [pairs[0]] * len(pairs[1]), pairs[1])[:, 0])
            torch.testing.assert_close(torch.tensor(scores), expected, atol=SCORE, rtol=0)


def test_one_card_retrieves_and_another_reranks(cross_encoder, vllm_environment, tmp_path):
    """Two servers on an emulated machine of four n300, each with a card: the best four of twelve, in the other's order."""
    folder = write_encoder(tmp_path / "tiny-encoder", AutoTokenizer.from_pretrained(cross_encoder), **TINY_BERT)
    query, best = SENTENCES[40], 4
    with ExitStack() as stack:
        retriever, reranker = (
            stack.enter_context(serving(FLAGS, environment, log, wait=False, program=program_for(model)))
            for model, environment, log in (
                (folder, vllm_environment | card(0), tmp_path / "log 0"),
                (cross_encoder, vllm_environment | card(1), tmp_path / "log 1"),
            )
        )
        for server in (retriever, reranker):
            server.wait_until_healthy()
        found = json.load(post(retriever, "/v1/embeddings", {"input": [query, *TEXTS]}))["data"]
        vectors = torch.tensor([item["embedding"] for item in found])
        nearest = (vectors[1:] @ vectors[0]).topk(best).indices.tolist()
        documents = [TEXTS[i] for i in nearest]
        ranked = json.load(post(reranker, "/rerank", {"query": query, "documents": documents}))["results"]
    assert_like(vectors, ReferenceEncoder.from_pretrained(folder).encode([query, *TEXTS]))
    wanted = torch.sigmoid(logits(cross_encoder, [query] * best, documents)[:, 0])
    scores = [item["relevance_score"] for item in ranked]
    assert len(scores) == best and scores == sorted(scores, reverse=True)
    torch.testing.assert_close(torch.tensor(scores), wanted[[item["index"] for item in ranked]], atol=SCORE, rtol=0)
    for server in (retriever, reranker):
        assert "Opened a mesh of 2 chip(s), (1, 2)" in server.log.read_text(), server.tail()


def card(number: int) -> dict[str, str]:
    return {"MESH_DEVICE": "T3K", "TT_VISIBLE_DEVICES": str(number), "EMULATED_WORMHOLE": "1"}
