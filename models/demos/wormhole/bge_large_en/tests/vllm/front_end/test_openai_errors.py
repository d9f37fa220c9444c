# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The shape of errors, with FastAPI and vLLM's own handlers; hardening/test_bad_inputs.py asks a real server."""

import json
from argparse import Namespace

import pytest

pytest.importorskip("vllm")

from fastapi import FastAPI, HTTPException, Response  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.vllms import exception_handler  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import (  # noqa: E402
    MAX_MESSAGE,
    OpenAIErrors,
    Refused,
    reshaped,
)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.state.args = Namespace(log_error_stack=False)
    app.add_middleware(OpenAIErrors)

    @app.get("/raise/{name}")
    async def raise_it(name: str):
        raise {"value": ValueError("5 is too much"), "other": RuntimeError("broken")}[name]

    @app.get("/http/{status}")
    async def http(status: int):
        raise HTTPException(status, "no such thing", {"X-Kept": "yes"})

    @app.get("/good")
    async def good() -> dict:
        return {"error": None}

    @app.get("/empty")
    async def empty() -> Response:
        return Response(status_code=503)

    return app


@pytest.fixture
def client(app) -> TestClient:
    """Raises what a server would log and close the connection for."""
    app.exception_handler(Exception)(exception_handler)
    return TestClient(app)


def test_bare_exceptions_are_answered_and_not_raised_again(client):
    answer = client.get("/raise/value")
    assert answer.status_code == 400 and answer.json() == {
        "error": {"message": "5 is too much", "type": "BadRequestError", "param": None, "code": 400}
    }
    assert client.get("/raise/other").json()["error"]["code"] == 500


def test_without_a_handler_the_server_gets_the_exception(app):
    with pytest.raises(ValueError, match="5 is too much"):
        TestClient(app).get("/raise/value")


@pytest.mark.parametrize("path, status, message", [("/no", 404, "Not Found"), ("/http/409", 409, "no such thing")])
def test_what_fastapi_answers_gets_the_shape(client, path, status, message):
    answer = client.get(path)
    assert answer.status_code == status and answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert (error["message"], error["param"], error["code"]) == (message, None, status)
    assert (answer.headers.get("x-kept") == "yes") == (status == 409)


def test_a_wrong_method_still_says_which_is_right(client):
    answer = client.delete("/good")
    assert answer.headers["allow"] == "GET" and answer.json()["error"]["type"] == "MethodNotAllowedError"


def test_other_answers_pass_untouched(client):
    assert client.get("/good").json() == {"error": None}
    answer = client.get("/empty")
    assert (answer.status_code, answer.content) == (503, b"")


@pytest.mark.parametrize(
    "body, message, kind, param",
    [
        ({"error": {"message": "m", "type": "T", "param": "body.input", "code": 7}}, "m", "T", "input"),
        ({"object": "error", "message": "m", "type": "T", "param": None, "code": 400}, "m", "T", None),  # the fork
        ({"error": "Unauthorized"}, "Unauthorized", "BadRequestError", None),
        ({"detail": [{"msg": "m"}]}, '[{"msg": "m"}]', "BadRequestError", None),
        (["m"], '["m"]', "BadRequestError", None),
        ({"error": {"message": 'm\n\n  File "/home/me/server.py", line 1'}}, "m", "BadRequestError", None),
        ({"error": {"message": "m" * 10**6}}, "m" * MAX_MESSAGE + "…", "BadRequestError", None),
    ],
)
def test_others_shapes(body, message, kind, param):
    expected = {"error": {"message": message, "type": kind, "param": param, "code": 400}}
    assert reshaped(400, json.dumps(body).encode()) == expected


def test_plain_text():
    assert reshaped(413, b"too much \xff")["error"]["message"] == "too much \ufffd"


def test_messages_hold_what_has_no_bytes():
    assert json.loads(Refused(400, "it is \ud800", "\ud800").response().body)["error"]["message"] == "it is \\ud800"
