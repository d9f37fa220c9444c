# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What clients send beside what vLLM reads: by vLLM's own request classes, on its own routes, without an engine."""

import gzip
import json
import zlib
from argparse import Namespace
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from fastapi import FastAPI, Request  # noqa: E402
from fastapi.exceptions import RequestValidationError  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from vllm.entrypoints.pooling.classify.protocol import ClassificationRequest  # noqa: E402
from vllm.entrypoints.pooling.embed.protocol import CohereEmbedRequest, EmbeddingRequest  # noqa: E402
from vllm.entrypoints.pooling.pooling.protocol import PoolingRequest  # noqa: E402
from vllm.entrypoints.pooling.scoring.protocol import RerankRequest, ScoreRequest  # noqa: E402
from vllm.entrypoints.serve.tokenize.protocol import DetokenizeRequest, TokenizeRequest  # noqa: E402
from vllm.entrypoints.serve.utils.server_utils import validation_exception_handler  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import OpenAIErrors  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.probes import Probes  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_limits import RequestLimits  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import FIELDS  # noqa: E402

CLASSES = {
    "/v1/embeddings": EmbeddingRequest,
    "/pooling": PoolingRequest,
    "/classify": ClassificationRequest,
    "/v2/embed": CohereEmbedRequest,
    **dict.fromkeys(("/score", "/v1/score"), ScoreRequest),
    **dict.fromkeys(("/rerank", "/v1/rerank", "/v2/rerank"), RerankRequest),
    "/tokenize": TokenizeRequest,
    "/detokenize": DetokenizeRequest,
}
GOOD = {
    "/v1/embeddings": {"input": "a"},
    **dict.fromkeys(("/pooling", "/classify"), {"input": ["a", "b"]}),
    "/v2/embed": {"texts": ["a"]},
    **dict.fromkeys(("/score", "/v1/score"), {"text_1": "a", "text_2": ["b"]}),
    **dict.fromkeys(("/rerank", "/v1/rerank", "/v2/rerank"), {"query": "a", "documents": ["b"]}),
    "/tokenize": {"prompt": "a"},
    "/detokenize": {"tokens": [101]},
}
PROMPTS = {"query": "Query: ", "passage": ""}


def vllms_app(*middleware, prompts: dict | None = None) -> FastAPI:
    """vLLM's request classes on its routes, its handler of errors, and ours."""
    app = FastAPI(exception_handlers={RequestValidationError: validation_exception_handler})
    app.state.args = Namespace(additional_config={"tt": {"max_body_bytes": 4000}}, log_error_stack=False)
    pooler = SimpleNamespace(use_activation=True)
    model = SimpleNamespace(get_vocab_size=lambda: 30522, pooler_config=pooler)
    app.state.vllm_config = SimpleNamespace(model_config=model)
    app.state.serving_embedding = SimpleNamespace(io_processor=SimpleNamespace(task_instructions=prompts))
    cards = [SimpleNamespace(id=name, model_dump=lambda name=name: {"id": name}) for name in ("a", "org/b")]

    async def show_available_models():
        return SimpleNamespace(data=cards)

    app.state.openai_serving_models = SimpleNamespace(show_available_models=show_available_models)
    for path, request_class in CLASSES.items():

        async def read(request) -> dict:
            return request.model_dump(mode="json")

        read.__annotations__["request"] = request_class
        app.post(path)(read)

    @app.post("/invocations")
    async def invocations(request: Request) -> dict:
        return await request.json()

    @app.get("/health")
    async def health() -> dict:
        return {}

    for layer in middleware:
        app.add_middleware(layer)
    return app


def client_of(**options) -> TestClient:
    return TestClient(vllms_app(OpenAIErrors, RequestLimits, Probes, **options))


@pytest.fixture
def client() -> TestClient:
    return client_of(prompts=PROMPTS)


def refusal(answer) -> dict:
    error = answer.json()["error"]
    assert answer.status_code == error["code"] == 400, answer.text
    assert "\n" not in error["message"] and "[" not in error["param"] and len(error["message"]) < 300, error
    assert not any(word in error["message"] for word in ("function-", "validation error", "pydantic", "Request"))
    return error


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
    assert "function-wrap[__log_extra_fields__()]" in answer.json()["error"]["message"]


# --- bodies that are encoded, probes ---------------------------------------------------------------------------------


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


def test_head_is_get(client):
    assert client.head("/health").status_code == 200
    assert client.head("/v1/embeddings").status_code == 405 and client.head("/nope").status_code == 404


def test_one_model(client):
    assert client.get("/v1/models/a").json() == {"id": "a"}
    assert client.get("/v1/models/org%2Fb").json() == client.get("/v1/models/org/b").json() == {"id": "org/b"}
    answer = client.get("/v1/models/c")
    assert answer.status_code == 404 and answer.json()["error"]["message"].endswith("served: a, org/b")
