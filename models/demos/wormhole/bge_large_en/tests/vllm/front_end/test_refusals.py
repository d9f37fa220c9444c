# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A refused request gets one line that names field, value and limit: of vLLM's own classes, and of encoded bodies."""

import gzip
import json
import zlib

import pytest

pytest.importorskip("vllm")

from fastapi.testclient import TestClient  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.front_end.vllms_app import (  # noqa: E402
    GOOD,
    PROMPTS,
    client_of,
    refusal,
    vllms_app,
)


@pytest.fixture
def client() -> TestClient:
    return client_of(prompts=PROMPTS)


# --- one line --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, change, param, said",
    [
        (
            "/v1/embeddings",
            {"encoding_format": "hex"},
            "encoding_format",
            "encoding_format is \"hex\"; allowed: 'float'",
        ),
        ("/v1/embeddings", {"dimensions": "many"}, "dimensions", 'dimensions is "many"; allowed: a valid integer'),
        ("/v1/embeddings", {"truncate_prompt_tokens": -2}, "truncate_prompt_tokens", "is -2; allowed: greater than or"),
        ("/v1/embeddings", {"user": {"a": 1}}, "user", "user is an object of 1; allowed: a valid string"),
        ("/v1/embeddings", {"cache_salt": ""}, "cache_salt", "must be a non-empty string"),
        ("/v1/embeddings", {"input": None}, "input", "input is null; allowed: a text"),
        ("/pooling", {"task": 5}, "task", "task is 5; allowed: 'embed'"),
        ("/rerank", {"top_n": -1}, "top_n", "top_n is -1; allowed: greater than or equal to 0"),
        ("/rerank", {"query": ["a"]}, "query", "query is a list of 1; allowed: a valid string"),
        (
            "/v2/embed",
            {"embedding_types": ["float", "int8"]},
            "embedding_types",
            'embedding_types[1] is "int8"; allowed',
        ),
        ("/v2/embed", {"texts": None}, "body", "Exactly one of texts, images, or inputs must be provided"),
    ],
)
def test_refusals_name_field_value_and_limit(client, path, change, param, said):
    error = refusal(client.post(path, json={**GOOD[path], **change}))
    assert said in error["message"] and error["param"] == param, error


@pytest.mark.parametrize(
    "path, body, param",
    [
        ("/v1/embeddings", {}, "input"),
        ("/score", {"text_1": "a"}, "text_2"),
        ("/score", {"data_2": "a"}, "data_1"),
        ("/rerank", {"query": "a"}, "documents"),
        ("/rerank", {"query": "a", "documents": None}, "documents"),
        ("/tokenize", {"model": "a"}, "prompt"),
    ],
)
def test_the_missing_field_is_named(client, path, body, param):
    error = refusal(client.post(path, json=body))
    assert error == error | {"message": f"{param} is missing: Field required", "param": param}


@pytest.mark.parametrize(
    "body, param, said",
    [
        ({"prompt": "a"}, "input", 'input is missing: a request has "input" or "messages", "text_1" with "text_2", or'),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "encoding_format is \"hex\"; allowed: 'float'"),
        ({"input": [[101]], "dimensions": "many"}, "dimensions", 'dimensions is "many"; allowed: a valid integer'),
        ({"text_1": "a"}, "text_2", "text_2 is missing"),
        ({"query": "a", "documents": ["b"], "top_n": -1}, "top_n", "top_n is -1; allowed: greater than or equal to 0"),
    ],
)
def test_invocations_say_what_the_route_that_is_meant_says(client, body, param, said):
    """vLLM itself says that it cannot find a suitable handler, and names classes."""
    error = refusal(client.post("/invocations", json=body))
    assert said in error["message"] and error["param"] == param, error
    for good in ({"input": "a"}, {"input": [[101]]}, *(GOOD[path] for path in ("/score", "/rerank"))):
        answer = client.post("/invocations", json=good)
        assert answer.status_code == 200 and good.items() <= answer.json().items()


def test_vllm_still_answers_in_many_lines():
    """When this fails: look whether front_end/validation_errors.py can go."""
    answer = TestClient(vllms_app()).post("/v1/embeddings", json={"input": "a", "encoding_format": "hex"})
    assert answer.json()["error"]["message"].count("\n") > 5


# --- bodies that are encoded -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding, encode", [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP", gzip.compress)]
)
def test_an_encoded_body_is_decoded(client, encoding, encode):
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    body = encode(json.dumps({"input": "héllo"}).encode())
    assert client.post("/v1/embeddings", content=body, headers=headers).json()["input"] == "héllo"
    bomb = encode(b" " * 10**6)
    answer = client.post("/v1/embeddings", content=bomb, headers=headers)
    assert answer.status_code == 413 and "limit is 4000 bytes" in answer.json()["error"]["message"]
    for broken in (body[:-9], b"{}"):
        error = refusal_without_param(client.post("/v1/embeddings", content=broken, headers=headers), 400)
        assert f"not valid {encoding.lower()}" in error


def refusal_without_param(answer, status: int) -> str:
    assert answer.status_code == status and answer.json()["error"]["param"] is None, answer.text
    return answer.json()["error"]["message"]


def test_another_encoding_is_named(client):
    answer = client.post("/v1/embeddings", content=b"x", headers={"Content-Encoding": "br"})
    assert "Content-Encoding is 'br'; allowed: gzip" in refusal_without_param(answer, 415)
