# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What clients send beside what vLLM reads: by vLLM's own request classes, on its own routes, without an engine."""

import json

import pytest

pytest.importorskip("vllm")

from fastapi.testclient import TestClient  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.front_end.vllms_app import (  # noqa: E402
    CLASSES,
    GOOD,
    PROMPTS,
    client_of,
    refusal,
    vllms_app,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import FIELDS  # noqa: E402


@pytest.fixture
def client() -> TestClient:
    return client_of(prompts=PROMPTS)


# --- null is absent --------------------------------------------------------------------------------------------------


def optional_fields() -> list[tuple[str, str]]:
    """Of every route, as vLLM's OpenAPI document has them."""
    document = vllms_app().openapi()
    found = set()
    for path in CLASSES:
        schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for part in schema.get("anyOf", [schema]):
            fields = document["components"]["schemas"][part["$ref"].rpartition("/")[2]]["properties"]
            found |= {(path, name) for name in fields if name not in GOOD[path]}
    return sorted(found)


def test_null_is_absent_for_every_optional_field_of_every_route(client):
    fields = optional_fields()
    assert len(fields) > 100 and ("/rerank", "top_n") in fields and ("/v1/embeddings", "encoding_format") in fields
    for path, name in fields:
        plain, answer = client.post(path, json=GOOD[path]), client.post(path, json={**GOOD[path], name: None})
        assert answer.status_code == 200, (path, name, answer.text)
        ids = ("request_id", "id")
        assert {k: v for k, v in answer.json().items() if k not in ids} == {
            k: v for k, v in plain.json().items() if k not in ids
        }, (path, name)


def test_vllm_still_refuses_null():
    """When this fails: `check` need not delete what is null."""
    plain = TestClient(vllms_app())
    assert plain.post("/v1/embeddings", json={"input": "a", "encoding_format": None}).status_code == 400
    assert plain.post("/rerank", json={**GOOD["/rerank"], "top_n": None}).status_code == 400


# --- the route says which fields count -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/embed", "/predict", "/nope", "/v1/embeds"])
@pytest.mark.parametrize("body", [b'{"inputs": "hello"}', b"{", b"", b"[1]"])
def test_an_unknown_route_is_not_found_whatever_is_sent(client, path, body):
    assert client.post(path, content=body).status_code == 404


def test_another_method_is_not_allowed_whatever_is_sent(client):
    assert client.put("/v1/embeddings", content=b"{").status_code == 405


@pytest.mark.parametrize("path", FIELDS)
def test_fields_of_other_routes_are_ignored(client, path):
    own = {name for route, name in optional_fields() if route == path} | GOOD[path].keys()
    others = {"inputs": "x", "images": [], "documents": [], "texts": 5, "query": {}, "tokens": "x", "top_n": "x"}
    others |= {"input": [None], "messages": 5, "text_1": [], "prompt": []}
    body = GOOD[path] | {name: value for name, value in others.items() if name not in own}
    assert client.post(path, json=body).status_code == 200, body
    deep = json.loads("[" * 40 + "]" * 40)
    assert "nested deeper" in refusal(client.post(path, json={**GOOD[path], "unknown": deep}))["message"]


# --- texts in objects, Cohere's names --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_the_text_of_an_object_is_taken(client, path):
    body = {"query": {"text": "q"}, "documents": [{"text": "a", "id": 7}, "b", {"text": ""}], "rank_fields": ["text"]}
    answer = client.post(path, json={**body, "return_documents": False, "max_tokens_per_doc": None})
    assert (answer.json()["query"], answer.json()["documents"]) == ("q", ["a", "b", ""])


@pytest.mark.parametrize(
    "change, said",
    [
        ({"documents": [{"title": "a"}]}, 'documents[0] is an object of 1 without a "text" that is a text; allowed'),
        ({"documents": ["a", {"text": 5}]}, "documents[1] is an object of 1"),
        ({"rank_fields": ["title"]}, 'rank_fields is a list of 1; allowed: ["text"]'),
        ({"query": {}}, "query is an object of 0"),
    ],
)
def test_other_objects_are_refused_in_one_line(client, change, said):
    assert said in refusal(client.post("/rerank", json={**GOOD["/rerank"], **change}))["message"]


@pytest.mark.parametrize(
    "prompts, asked, found",
    [
        (PROMPTS, "search_query", "query"),
        (PROMPTS, "search_document", "passage"),
        ({"document": "", "passage": "p"}, "search_document", "document"),
        (PROMPTS, "classification", None),
        (PROMPTS, "clustering", None),
        ({"clustering": "c: "}, "clustering", "clustering"),
        ({"search_query": "s: ", "query": "q: "}, "search_query", "search_query"),
        (None, "search_query", None),
        (PROMPTS, "query", "query"),
        (PROMPTS, "anything", "anything"),  # vLLM refuses it, naming those that there are
    ],
)
def test_coheres_names_of_prompts(prompts, asked, found):
    answer = client_of(prompts=prompts).post("/v2/embed", json={"texts": ["a"], "input_type": asked, "images": []})
    assert answer.json()["input_type"] == found


def test_coheres_first_api(client):
    body = {"texts": ["a"], "input_type": "search_query", "embedding_types": ["float"], "truncate": "NONE"}
    answer = client.post("/v1/embed", json=body).json()
    assert (answer["texts"], answer["input_type"], answer["truncate"]) == (["a"], "query", "NONE")
    error = refusal(client.post("/v1/embed", json={"texts": ["a"]}))
    assert error["param"] == "embedding_types" and error["message"].startswith("embedding_types is missing")


# --- probes ----------------------------------------------------------------------------------------------------------


def test_head_is_get(client):
    assert client.head("/health").status_code == 200
    assert client.head("/v1/embeddings").status_code == 405 and client.head("/nope").status_code == 404


def test_one_model(client):
    assert client.get("/v1/models/a").json() == {"id": "a"}
    assert client.get("/v1/models/org%2Fb").json() == client.get("/v1/models/org/b").json() == {"id": "org/b"}
    answer = client.get("/v1/models/c")
    assert answer.status_code == 404 and answer.json()["error"]["message"].endswith("served: a, org/b")
