# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The guard by itself; test_bge_server.py asks a real server on all of its routes."""

import asyncio
import pickle
from argparse import ArgumentParser, Namespace
from urllib.parse import unquote

import pytest

pytest.importorskip("vllm")

from fastapi import FastAPI, WebSocket  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from starlette.websockets import WebSocketDisconnect  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import MIDDLEWARE, add_middleware  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.api_guard import OPEN_PATHS, ApiKeyGuard  # noqa: E402
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


# --- all routes that vLLM has --------------------------------------------------------------------------------------

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "PROPFIND")
DEVELOPERS = {"/server_info", "/reset_prefix_cache", "/sleep", "/wake_up", "/collective_rpc"}


@pytest.fixture
def whole_app(bge_small, monkeypatch) -> FastAPI:
    """vLLM's own app of an encoder, with its developers' routes, offline documentation and every mount."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.entrypoints.openai.api_server import build_app
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from models.demos.wormhole.bge_large_en.tests.vllm.vllms import make_arg_parser

    monkeypatch.setenv("VLLM_SERVER_DEV_MODE", "1")
    words = ["--model", str(bge_small), "--api-key", "one", "--enable-offline-docs", "--enable-tokenizer-info-endpoint"]
    words += [word for path in MIDDLEWARE for word in ("--middleware", path)]
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(words)
    return build_app(args, ("embed",), EngineArgs(model=str(bge_small)).create_model_config())


def paths_of(routes, prefix: str = "") -> list[str]:
    """Of every route, in the documentation or not; below a mount a path of its own app and one that it has not."""
    found = []
    for route in routes:
        path = prefix + getattr(route, "path", "")
        inner = getattr(route, "routes", None)
        found += [path, *([f"{path}/x", *paths_of(inner, path)] if inner is not None else [])]
    return [path for path in found if path]


def test_no_route_of_vllms_answers_without_the_key(whole_app):
    client = TestClient(whole_app, raise_server_exceptions=False)
    paths = set(paths_of(whole_app.routes))
    assert {"/v1/embeddings", "/invocations", "/tokenizer_info", "/metrics/x"} | DEVELOPERS <= paths
    guarded = {path for path in paths if path not in OPEN_PATHS and not path.startswith("/static")}
    assert len(guarded) >= 20
    for path in sorted(guarded):
        for method in METHODS:
            for headers in ({}, {"Authorization": "Bearer wrong"}):
                assert client.request(method, path, headers=headers).status_code == 401, (method, path)
        with pytest.raises((WebSocketDisconnect, RuntimeError)), client.websocket_connect(path):
            pass
    # And the key opens them, to whatever they then answer without an engine.
    assert {client.post(path, headers=KEY, content="").status_code for path in guarded}.isdisjoint({401})


TRICKS = [
    *(
        "//v1/embeddings",
        "/v1/../score",
        "/v1/%2e%2e/score",
        "/health/../score",
        "/health/..%2fscore",
        "/health%2f../score",
    ),
    *("/%73core", "/score/", "/score%20", "/score;/health", "/score%3f/health", "/SCORE", "/Health", "/./score"),
    *("/static", "/docs/../score", "/metrics/../score", "/health%00", "/health\\..\\score", "http://x/score"),
]


@pytest.mark.parametrize("path", TRICKS)
def test_spellings_that_are_not_the_open_paths(client, path):
    assert status_of(client("one").app, "POST", path) == 401


@pytest.mark.parametrize(
    "path", ["/static/../score", "/static/..%2fscore", "/static/../../etc/passwd", "/static//score"]
)
def test_static_files_lead_nowhere_else(whole_app, path):
    assert status_of(whole_app, "GET", "/static/swagger-ui.css") == 200
    assert {status_of(whole_app, method, path) for method in ("GET", "POST")} <= {404, 405}


def status_of(app: FastAPI, method: str, path: str) -> int:
    """As a server hands it over, without the normalising that clients do."""
    statuses, requests = [], [{"type": "http.request", "body": b"", "more_body": False}]

    async def send(message):
        statuses.extend([message["status"]] if "status" in message else [])

    async def receive():
        return requests.pop() if requests else await asyncio.Event().wait()  # a client that stays

    scope = {"type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(), "query_string": b""}
    asyncio.run(app({**scope, "headers": [], "root_path": ""}, receive, send))
    return statuses[0]


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
