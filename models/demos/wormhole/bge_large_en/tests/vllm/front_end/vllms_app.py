# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's request classes on its routes, without an engine, behind our layers."""

from argparse import Namespace
from types import SimpleNamespace

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from vllm.entrypoints.pooling.classify.protocol import ClassificationRequest
from vllm.entrypoints.pooling.embed.protocol import CohereEmbedRequest, EmbeddingRequest
from vllm.entrypoints.pooling.pooling.protocol import PoolingRequest
from vllm.entrypoints.pooling.scoring.protocol import RerankRequest, ScoreRequest
from vllm.entrypoints.serve.tokenize.protocol import DetokenizeRequest, TokenizeRequest

from models.demos.wormhole.bge_large_en.tests.vllm.vllms import validation_exception_handler
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import OpenAIErrors
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.probes import Probes
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_limits import RequestLimits

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


def refusal(answer) -> dict:
    error = answer.json()["error"]
    assert answer.status_code == error["code"] == 400, answer.text
    assert "\n" not in error["message"] and "[" not in error["param"] and len(error["message"]) < 300, error
    assert not any(word in error["message"] for word in ("function-", "validation error", "pydantic", "Request"))
    return error
