# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A real server of a seeded cross-encoder: scores, ranks, cut pairs and routes of other models."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, post

pytest.importorskip("vllm")
pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

QUERY, DOCUMENTS = SENTENCES[40], SENTENCES[25:37]
LONG = "Bees dance to tell where flowers are. " * 30
PAIR_LEN = 96
LOGITS = 0.01
SCORES = LOGITS / 4  # the largest slope of a sigmoid


@pytest.fixture(scope="module")
def logits(cross_encoder):
    """Function from pairs to transformers' fp32 logits; pairs longer than PAIR_LEN are cut, the longer text first."""
    tokenizer = AutoTokenizer.from_pretrained(cross_encoder)
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder, dtype=torch.float32).eval()

    @torch.no_grad()
    def of(*pairs: tuple[str, str]) -> list[float]:
        cut = dict(truncation="longest_first", max_length=PAIR_LEN, return_tensors="pt")
        return [model(**tokenizer(*pair, **cut)).logits.item() for pair in pairs]

    return of


def answer(server, path: str, **body) -> dict:
    found = post(server, path, body)
    said = json.load(found)
    assert found.status == 200, said
    return said


def refusal(server, path: str, **body) -> str:
    found = post(server, path, body)
    assert found.status == 400
    return json.load(found)["error"]["message"]


def probability(logit: float) -> float:
    return torch.sigmoid(torch.tensor(logit)).item()


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_documents_in_the_order_of_transformers_scores(cross_server, logits, path):
    expected = logits(*((QUERY, document) for document in DOCUMENTS))
    found = answer(cross_server, path, query=QUERY, documents=DOCUMENTS)["results"]
    scores = [item["relevance_score"] for item in sorted(found, key=lambda item: item["index"])]
    assert scores == pytest.approx(list(map(probability, expected)), abs=SCORES)
    assert [item["index"] for item in found] == sorted(range(len(scores)), key=lambda i: -scores[i])
    best = answer(cross_server, path, query=QUERY, documents=DOCUMENTS, top_n=3)["results"]
    assert best == found[:3]


def test_scores_are_logits_where_no_activation_is_wanted(cross_server, logits):
    expected = logits(*((QUERY, document) for document in DOCUMENTS))
    body = dict(queries=QUERY, documents=DOCUMENTS)
    raw = [item["score"] for item in answer(cross_server, "/score", **body, use_activation=False)["data"]]
    scores = [item["score"] for item in answer(cross_server, "/score", **body)["data"]]
    assert raw == pytest.approx(expected, abs=LOGITS) and scores == pytest.approx(list(map(probability, raw)), abs=1e-6)
    alone = [
        answer(cross_server, "/score", queries=QUERY, documents=text)["data"][0]["score"] for text in DOCUMENTS[:4]
    ]
    assert alone == scores[:4]  # to the bit


@pytest.mark.parametrize("pair", [("short", LONG), (LONG, "short"), (LONG, LONG)])
def test_long_pairs_are_cut_by_rerank_and_where_asked_by_score(cross_server, logits, pair):
    (expected,) = map(probability, logits(pair))
    query, document = pair
    ranked = answer(cross_server, "/rerank", query=query, documents=[document], max_tokens_per_doc=4096)
    assert ranked["results"][0]["relevance_score"] == pytest.approx(expected, abs=SCORES)
    body = dict(text_1=query, text_2=document)
    scored = answer(cross_server, "/score", **body, truncate_prompt_tokens=-1)
    assert scored["data"][0]["score"] == ranked["results"][0]["relevance_score"]
    assert scored["usage"]["prompt_tokens"] == PAIR_LEN
    assert str(PAIR_LEN) in refusal(cross_server, "/score", **body)


def test_classify_takes_texts(cross_server, logits):
    found = answer(cross_server, "/classify", input=[QUERY, DOCUMENTS[0]])["data"]
    assert [item["num_classes"] for item in found] == [1, 1]
    assert found[0]["probs"] != found[1]["probs"]


@pytest.mark.parametrize("path, field", [("/v1/embeddings", "input"), ("/v2/embed", "texts"), ("/v1/embed", "texts")])
def test_a_route_for_embeddings_names_the_right_one(cross_server, path, field):
    message = refusal(cross_server, path, **{field: ["text"], "embedding_types": ["float"]})
    assert message.startswith(f"{path} is not for this model, which is a cross-encoder") and "/rerank" in message
    assert "'classify'" in refusal(cross_server, "/pooling", input="text", task="embed")


def test_the_banner_names_the_route(cross_server):
    said = cross_server.log.read_text()
    if "address  " in said:  # of the start script
        assert "/rerank (ready when" in said
