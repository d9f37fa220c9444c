# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The guard by itself; test_bge_server.py asks a real server on all of its routes."""

import pickle
from argparse import ArgumentParser, Namespace

import pytest

pytest.importorskip("vllm")

from fastapi import FastAPI, WebSocket  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from starlette.websockets import WebSocketDisconnect  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.api_guard import ApiKeyGuard  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import MIDDLEWARE, add_middleware  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.platform import TTPoolingPlatform  # noqa: E402

KEY = {"Authorization": "Bearer one"}


@pytest.fixture
def client(monkeypatch):
    """Function from the given keys to a client of an app with the guard, in which every path answers 200."""
    monkeypatch.delenv("VLLM_API_KEY", raising=False)

    def with_keys(*keys: str, root_path: str = "") -> TestClient:
        app = FastAPI(root_path=root_path, docs_url=None, redoc_url=None, openapi_url=None)
        app.state.args = Namespace(api_key=list(keys) or None)
        app.add_middleware(ApiKeyGuard)

        @app.websocket("/stream")
        async def stream(socket: WebSocket):
            await socket.accept()
            await socket.close()

        @app.api_route("/{path:path}", methods=["GET", "POST", "OPTIONS"])
        async def anything(path: str) -> str:
            return path

        return TestClient(app)

    return with_keys


@pytest.mark.parametrize("path", ["/score", "/v1/embeddings", "/no/such", "/", "/healthy", "/health/score", "/static"])
def test_every_path_but_the_open_ones_needs_a_key(client, path):
    guarded = client("one", "two")
    answer = guarded.post(path)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    assert error.pop("message").startswith("Unauthorized")
    assert error == {"type": "UnauthorizedError", "param": None, "code": 401}
    assert guarded.get(path).status_code == 401
    assert guarded.post(path, headers=KEY).status_code == 200
    assert guarded.post(path, headers={"authorization": "bearer two"}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/ping", "/metrics", "/metrics/", "/version", "/docs", "/static/x.js"])
def test_open_paths_need_none(client, path):
    assert client("one").get(path).status_code == 200


def test_options_need_none(client):
    assert client("one").options("/score").status_code == 200


def test_without_a_key_set_everything_is_open(client):
    assert client().post("/score").status_code == 200
    assert client("").post("/score").status_code == 200


@pytest.mark.parametrize(
    "header", ["", "one", "Bearer", "Bearer ", "Bearer on", "Bearer one ", "Basic one", "Bearer ö"]
)
def test_wrong_headers(client, header):
    assert client("one").post("/score", headers={"Authorization": header.encode()}).status_code == 401


def test_the_environment_counts_when_no_option_is_given(client, monkeypatch):
    monkeypatch.setenv("VLLM_API_KEY", "one")
    assert client().post("/score").status_code == 401
    assert client().post("/score", headers=KEY).status_code == 200
    assert client("two").post("/score", headers=KEY).status_code == 401, "--api-key wins, as in vLLM"


def test_websockets_need_a_key(client):
    guarded = client("one")
    with guarded.websocket_connect("/stream", headers=KEY):
        pass
    with pytest.raises((WebSocketDisconnect, RuntimeError)), guarded.websocket_connect("/stream"):
        pass


def test_behind_a_proxy_that_adds_a_path(client):
    guarded = client("one", root_path="/api")
    assert guarded.get("/api/health").status_code == 200
    assert guarded.post("/api/score").status_code == 401


@pytest.fixture
def parser():
    parser = ArgumentParser()
    parser.add_argument("--middleware", action="append", default=[])
    parser.add_argument("--api-key", nargs="*")
    return parser


def test_the_platform_adds_it_before_the_users_middleware(parser):
    for _ in range(2):
        TTPoolingPlatform.pre_register_and_update(parser)
    assert parser.parse_args([]).middleware == [*MIDDLEWARE]
    assert parser.parse_args(["--middleware", "a.B"]).middleware == [*MIDDLEWARE, "a.B"]


def test_keys_work_and_are_not_shown(parser):
    """vLLM logs the options that it was started with, by their repr."""
    TTPoolingPlatform.pre_register_and_update(parser)
    arguments = parser.parse_args(["--api-key", "one", "two"])
    assert arguments.api_key == ["one", "two"] and pickle.loads(pickle.dumps(arguments)) == arguments
    assert "one" not in repr(arguments) and "two" not in f"{vars(arguments)}"


def test_parsers_of_other_commands_are_left_alone():
    parser = ArgumentParser()
    add_middleware(parser)
    assert not hasattr(parser.parse_args([]), "middleware")


def test_the_paths_are_what_vllm_imports_and_the_guard_is_asked_first():
    from vllm.utils.import_utils import resolve_obj_by_qualname

    assert [resolve_obj_by_qualname(path) for path in MIDDLEWARE][-1] is ApiKeyGuard
