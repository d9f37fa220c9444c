# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the server answers beside vectors in JSON: formats, usage, truncation, scores, tokens, metrics."""

import json
import re
import urllib.request

import pytest

pytest.importorskip("openai")

import numpy as np
import openai
import torch

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import (
    MAX_MODEL_LEN,
    NAME,
    START_LIMIT_S,
    embed,
    embed_bytes,
    post,
)
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER, OTHER_WIDTH

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

QUERY, DOCUMENTS = SENTENCES[0], [SENTENCES[i] for i in (40, 1, 77)]
LONG = " ".join(SENTENCES[:40])  # some hundreds of tokens


@pytest.fixture(scope="module")
def similar(reference) -> list[float]:
    """fp32 cosines of QUERY and each of DOCUMENTS."""
    rows = reference.encode([QUERY, *DOCUMENTS])
    return (rows[1:] @ rows[0]).tolist()


# --- formats ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["bytes", "bytes_only"])
def test_bytes_are_the_numbers_of_base64(server, client, encoding):
    body = {"model": NAME, "input": SENTENCES[:3], "encoding_format": encoding}
    answer = post(server, "/v1/embeddings", body)
    assert answer.read() == b"".join(embed_bytes(client, SENTENCES[:3]))
    # "bytes" tells in a header where each vector is, "bytes_only" leaves that to the reader.
    described = answer.headers.get("metadata")
    assert (described is None) == (encoding == "bytes_only")
    if described:
        data = json.loads(described)["data"]
        assert [(item["start"], item["end"]) for item in data] == [(i * 1536, i * 1536 + 1536) for i in range(3)]


@pytest.mark.parametrize("dtype, endianness, numpy_dtype", [("float16", "little", "<f2"), ("float32", "big", ">f4")])
def test_other_number_formats(client, dtype, endianness, numpy_dtype):
    rows = embed_bytes(client, SENTENCES[:3], embed_dtype=dtype, endianness=endianness)
    vectors = torch.from_numpy(np.stack([np.frombuffer(row, numpy_dtype) for row in rows]).astype("f4"))
    torch.testing.assert_close(vectors, embed(client, SENTENCES[:3]), atol=1e-4, rtol=1e-3)


def test_unknown_format_is_refused(server):
    answer = post(server, "/v1/embeddings", {"model": NAME, "input": "text", "encoding_format": "hex"})
    assert answer.status == 400 and "bytes_only" in json.load(answer)["error"]["message"]


def test_unknown_model_is_refused(server):
    answer = post(server, "/v1/embeddings", {"model": "another", "input": "text"})
    assert answer.status == 404 and "another" in json.load(answer)["error"]["message"]


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["string", "list", "ids", "lists of ids"])
def test_usage_counts_tokens(client, ids, form):
    value = {"string": SENTENCES[4], "list": SENTENCES[4:7], "ids": ids[4], "lists of ids": ids[4:7]}[form]
    usage = client.embeddings.create(model=NAME, input=value).usage
    tokens = sum(len(row) for row in (ids[4:7] if "list" in form else ids[4:5]))
    assert (usage.prompt_tokens, usage.total_tokens) == (tokens, tokens)


@pytest.mark.parametrize("limit", [3, 33, -1])
def test_truncation_is_hugging_faces_right_truncation(client, reference, limit):
    tokens = MAX_MODEL_LEN if limit == -1 else limit
    answer = client.embeddings.create(model=NAME, input=LONG, extra_body={"truncate_prompt_tokens": limit})
    assert answer.usage.prompt_tokens == tokens
    kept = reference.tokenizer(LONG, truncation=True, max_length=tokens)["input_ids"]
    same = client.embeddings.create(model=NAME, input=kept)
    assert answer.data[0].embedding == same.data[0].embedding


@pytest.mark.parametrize("side, kept", [("left", slice(-20, None)), ("right", slice(20))])
def test_a_truncation_side_cuts_special_tokens_off(client, reference, side, kept):
    """vLLM's doing, and a limit in the guide: on the left [CLS] goes, on the right [SEP], unlike with no side given."""
    whole = reference.tokenizer(LONG, truncation=False)["input_ids"]
    vector = embed_bytes(client, LONG, truncate_prompt_tokens=20, truncation_side=side)
    assert vector == embed_bytes(client, [whole[kept]])


@pytest.mark.parametrize("limit, said", [(0, "no tokens"), (257, "max_model_len"), (-2, "-1")])
def test_truncation_out_of_range_is_refused(client, limit, said):
    with pytest.raises(openai.BadRequestError, match=said):
        embed_bytes(client, "text", truncate_prompt_tokens=limit)


def test_what_is_too_long_names_the_ways(client):
    with pytest.raises(openai.BadRequestError, match="maximum context length is 256 tokens") as caught:
        embed_bytes(client, LONG)
    said = caught.value.body["message"]
    assert all(
        way in said for way in ('"truncate_prompt_tokens": -1', '"enable_chunked_processing": true', "pieces of it")
    )


def test_dimensions_may_be_the_models_own(client):
    assert embed_bytes(client, SENTENCES[:3], dimensions=384) == embed_bytes(client, SENTENCES[:3])
    with pytest.raises(openai.BadRequestError, match=re.escape(OTHER_WIDTH)):
        client.embeddings.create(model=NAME, input="text", dimensions=128)


# --- other routes ----------------------------------------------------------------------------------------------------


def test_pooling_is_embedding(server, client):
    answer = json.load(post(server, "/pooling", {"model": NAME, "input": SENTENCES[:2]}))
    rows = np.array([item["data"] for item in answer["data"]], dtype="<f4")
    assert [row.tobytes() for row in rows] == embed_bytes(client, SENTENCES[:2])


@pytest.mark.parametrize(
    "path, query, documents", [("/score", "text_1", "text_2"), ("/v1/score", "queries", "documents")]
)
def test_scores_are_cosines(server, similar, ids, path, query, documents):
    answer = json.load(post(server, path, {"model": NAME, query: QUERY, documents: DOCUMENTS}))
    assert [item["score"] for item in answer["data"]] == pytest.approx(similar, abs=0.005)
    counted = sum(len(ids[i]) for i in (0, 40, 1, 77))
    if not NEWER:  # counts the query for each pair, and a separator that the model never sees
        counted += 2 * len(ids[0]) + 3
    assert answer["usage"]["prompt_tokens"] == counted


def test_scores_of_pairs(server, reference):
    left, right = SENTENCES[:2], SENTENCES[1:3]
    answer = json.load(post(server, "/score", {"model": NAME, "text_1": left, "text_2": right}))
    cosines = (reference.encode(left) * reference.encode(right)).sum(-1)
    assert [item["score"] for item in answer["data"]] == pytest.approx(cosines.tolist(), abs=0.005)


@pytest.mark.parametrize("path, top_n", [("/rerank", 0), ("/v1/rerank", 2), ("/v2/rerank", 2)])
def test_rerank_sorts_by_cosine(server, similar, path, top_n):
    answer = json.load(post(server, path, {"model": NAME, "query": QUERY, "documents": DOCUMENTS, "top_n": top_n}))
    order = sorted(range(3), key=lambda i: -similar[i])[: top_n or None]
    assert [result["index"] for result in answer["results"]] == order
    assert [result["document"]["text"] for result in answer["results"]] == [DOCUMENTS[i] for i in order]
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == pytest.approx([similar[i] for i in order], abs=0.005)


def test_tokenize_and_back(server, ids):
    answer = json.load(post(server, "/tokenize", {"model": NAME, "prompt": SENTENCES[3]}))
    assert (answer["tokens"], answer["count"], answer["max_model_len"]) == (ids[3], len(ids[3]), 256)
    text = json.load(post(server, "/detokenize", {"model": NAME, "tokens": ids[3]}))["prompt"]
    assert text.startswith("[CLS] ") and text.endswith(" [SEP]")


def test_metrics_count_requests_and_tokens(server, client, ids):
    def counted(name: str) -> float:
        with urllib.request.urlopen(f"{server.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{"))

    names = ("request_success_total", "prompt_tokens_total")
    before = [counted(name) for name in names]
    embed_bytes(client, ids[5:9])
    after = [counted(name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [4, sum(map(len, ids[5:9]))]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_what_an_encoder_cannot_do_is_not_there(server, path):
    assert post(server, path, {"model": NAME, "prompt": "text", "input": "text"}).status == 404


def test_a_route_of_another_kind_of_model_names_the_right_one(server):
    answer = post(server, "/classify", {"input": "text"})
    message = json.load(answer)["error"]["message"]
    assert (
        answer.status == 400 and message.startswith("/classify is not for this model") and "/v1/embeddings" in message
    )
