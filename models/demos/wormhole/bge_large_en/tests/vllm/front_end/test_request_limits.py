# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The limits by themselves, in a small app; hardening/test_bad_inputs.py asks a real server."""

import asyncio
import json
import time
from argparse import Namespace
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from fastapi import FastAPI, Request  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import Limits  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_limits import RequestLimits  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import (  # noqa: E402
    FIELDS,
    INVOCATIONS,
    check,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import refuse_as_values  # noqa: E402

OPTIONS = {"max_body_bytes": 1000, "max_inputs_per_request": 4, "max_ids_per_input": 5}


def limited_app(use_activation: bool | None = True, with_config: bool = True) -> FastAPI:
    """Answers with the body that it gets."""
    app = FastAPI()
    app.state.args = Namespace(additional_config={"tt": OPTIONS})
    if with_config:
        pooler = SimpleNamespace(use_activation=use_activation)
        model = SimpleNamespace(get_vocab_size=lambda: 30522, pooler_config=pooler)
        app.state.vllm_config = SimpleNamespace(model_config=model)
    app.add_middleware(RequestLimits)

    async def echo(request: Request) -> dict:
        return {"body": (await request.body()).decode(), "length": request.headers.get("content-length")}

    for path in ("/echo", INVOCATIONS, *FIELDS):
        app.post(path)(echo)

    @app.get("/v1/embeddings")
    async def get() -> str:
        return "got"

    return app


@pytest.fixture
def client() -> TestClient:
    return TestClient(limited_app())


def refusal(answer) -> str:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == answer.status_code
    return error["message"]


def test_good_bodies_pass_as_they_are(client):
    for body in ('{"input": "a"}', '{"input": ["a", "b"]}', '{ "x":1e9, "y": []}', "", '{"input":"\\ud83d\\ude42"}'):
        assert client.post("/v1/embeddings", content=body).json()["body"] == body
    assert client.get("/v1/embeddings").json() == "got"


def test_routes_that_embed_are_looked_at_first_and_others_stay(client):
    paths = [route.path for route in client.app.routes]
    assert client.post("/v1/embeddings", content='{"input": "a"}').status_code == 200
    after = [route.path for route in client.app.routes]
    known = [path for path in paths if path in FIELDS or path == INVOCATIONS]
    assert sorted(after) == sorted(paths) and after[: len(known)] == known != paths[: len(known)]
    for _ in range(2):
        assert client.post("/nowhere", content="{").status_code == 404
        assert client.put("/v1/embeddings", content="{").status_code == 405
        assert client.post("/echo", content='{"x": 1}').status_code == 200
        assert client.post("/v1/embeddings", content="{").status_code == 400


def test_a_body_may_have_so_many_bytes_and_no_more(client):
    fits = json.dumps({"input": "x" * (1000 - 13)})
    assert len(fits) == 1000 and client.post("/v1/embeddings", content=fits).status_code == 200
    answer = client.post("/v1/embeddings", content=fits + " ")
    assert answer.status_code == 413 and refusal(answer) == "the body has 1001 bytes; the limit is 1000 bytes"


def test_a_body_without_a_length_is_read_no_further_than_the_limit(client):
    given = []

    def chunks(count: int):
        for index in range(count):
            given.append(index)
            yield b" " * 100

    assert client.post("/v1/embeddings", content=chunks(20)).status_code == 413
    answer = client.post("/v1/embeddings", content=iter([b'{"input"', b': "a"}']))
    assert answer.json()["body"] == '{"input": "a"}'

    async def endless() -> tuple[int, list[int]]:
        """Bytes taken, and statuses sent, when a client never ends."""
        taken, statuses = 0, []

        async def receive():
            nonlocal taken
            taken += 300
            return {"type": "http.request", "body": b" " * 300, "more_body": True}

        async def send(message):
            statuses.extend([message["status"]] if "status" in message else [])

        app = limited_app()
        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": [], "app": app}
        await RequestLimits(app)(scope, receive, send)
        return taken, statuses

    assert asyncio.run(endless()) == (1200, [413])


def test_lengths_that_are_no_numbers_or_too_long_for_one(client):
    assert client.post("/v1/embeddings", content="{}", headers={"Content-Length": "9" * 5000}).status_code == 413


def test_a_client_that_goes_gets_no_answer():
    async def leave() -> list:
        sent, messages = [], [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/v1/embeddings", "headers": [], "app": limited_app()}
        await RequestLimits(None)(scope, receive, send)
        return sent

    assert asyncio.run(leave()) == []


@pytest.mark.parametrize("content_type, status", [(None, 400), ("application/json", 400), ("text/plain", 200)])
def test_bodies_of_other_types_are_left_to_vllm(client, content_type, status):
    headers = {"Content-Type": content_type} if content_type else {}
    assert client.post("/v1/embeddings", content="[", headers=headers).status_code == status


def route_of(body: dict) -> str:
    """The first that has all of its fields."""
    return next((path for path, fields in FIELDS.items() if body.keys() <= fields.keys()), "/v1/embeddings")


@pytest.mark.parametrize(
    "body, said",
    [
        ({"input": ["a"] * 5}, "input has 5 inputs; the limit is 4 in a request"),
        ({"input": [[1]] * 5}, "input has 5 inputs; the limit is 4 in a request"),
        ({"text_1": "a", "text_2": ["a"] * 5}, "text_2 has 5 inputs"),
        ({"query": "a", "documents": ["a"] * 5}, "documents has 5 inputs"),
        ({"texts": ["a"] * 5}, "texts has 5 inputs"),
        ({"messages": [[{"role": "user", "content": "a"}]] * 5}, "messages has 5 inputs"),
        ({"input": [1] * 6}, "input has 6 token ids; the limit is 5 in an input"),
        ({"input": [[1], [1] * 6]}, "input[1] has 6 token ids; the limit is 5 in an input"),
        ({"tokens": [1] * 6}, "tokens has 6 token ids"),
        ({"tokens": [30522]}, "token id 30522 is outside the model's vocabulary of 30522 tokens"),
        ({"input": [[1], [2, -7]]}, "input[1]: token id -7 is outside"),
        ({"normalize": False}, 'normalize is false, and is not supported; allowed: "use_activation" in its place'),
    ],
)
def test_options_are_the_limits(client, body, said):
    answer = client.post(route_of(body), json=body)
    assert answer.status_code == 400 and said in refusal(answer)
    assert answer.json()["error"]["param"] in body


@pytest.mark.parametrize("body", [{"input": ["a"] * 4}, {"input": [1] * 5}, {"input": [[1] * 5] * 4}, {"tokens": [0]}])
def test_the_limit_itself_is_allowed(client, body):
    assert client.post(route_of(body), json=body).status_code == 200


@pytest.mark.parametrize(
    "default, body, passes",
    [
        (True, {"normalize": True}, True),
        (None, {"normalize": True}, True),  # vLLM normalises
        (False, {"normalize": True}, False),  # the checkpoint does not, and vLLM would not hear of it
        (False, {"normalize": False}, True),
        (True, {"normalize": False, "use_activation": False}, True),
        (True, {"normalize": True, "use_activation": False}, False),
        (True, {"normalize": "no"}, False),
        (True, {"normalize": None}, True),
    ],
)
def test_normalize_is_never_ignored(default, body, passes):
    assert TestClient(limited_app(default)).post("/v1/embeddings", json=body).status_code == (200 if passes else 400)


def test_without_vllms_configuration_what_is_known_is_checked():
    client = TestClient(limited_app(with_config=False))
    assert client.post("/v1/embeddings", json={"input": [10**6]}).status_code == 200
    assert client.post("/v1/embeddings", json={"input": [-1]}).status_code == 400


# --- what ids cost ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ['{"input": [1, 2]}', ' {"add_generation_prompt":false,"input":[[1],[2]]}\n'])
def test_ids_are_marked_as_no_chat(client, body):
    answer = client.post("/v1/embeddings", content=body).json()
    assert int(answer["length"]) == len(answer["body"])
    marked = json.loads(answer["body"])
    assert marked.pop("add_generation_prompt") is marked.pop("continue_final_message") is True
    assert marked == {"input": json.loads(body)["input"]}


@pytest.mark.parametrize("route, times_sooner", [("/v1/embeddings", 10), ("/pooling", 0)])
def test_vllm_reads_marked_ids_as_the_same_request_and_much_sooner(route, times_sooner):
    """While it reads, it answers nobody. /pooling takes fewer kinds of chat, and is not slow."""
    from vllm.entrypoints.pooling.embed.protocol import EmbeddingRequest
    from vllm.entrypoints.pooling.pooling.protocol import PoolingRequest

    refuse_as_values()  # as the middleware does
    adapter = TypeAdapter(EmbeddingRequest if route == "/v1/embeddings" else PoolingRequest)
    ids = [list(range(256))] * 64

    def timed(body: dict):
        start = time.perf_counter()
        request = adapter.validate_python({**body, "request_id": "x"})
        return request, time.perf_counter() - start

    (plain, slow), (marked, quick) = (
        timed({"input": ids, **more}) for more in ({}, {"add_generation_prompt": True, "continue_final_message": True})
    )
    assert type(marked) is type(plain) and marked.input == plain.input == ids
    assert marked.to_pooling_params() == plain.to_pooling_params()
    assert slow > times_sooner * quick


def test_the_checks_stop_at_the_first_fault():
    """Thousands of bad elements got 13 MB of message from vLLM."""
    with pytest.raises(Refused) as refused:
        check("/v1/embeddings", {"input": [None] * 2000}, Limits(2048, 8192))
    assert len(refused.value.message) < 200 and refused.value.param == "input"
