# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Requests that offer an upgrade, over real sockets: what the JDK's HttpClient and curl --http2 send."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("httptools")

import uvicorn.config  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.http_protocol import ignore_upgrades  # noqa: E402

BODY = json.dumps({"input": "Upgrade: h2c"}).encode()


@contextmanager
def serving(**config) -> Iterator[int]:
    """Port of an app that answers with the body it gets."""
    app = FastAPI()

    @app.api_route("/echo", methods=["GET", "POST"])
    async def echo(request: Request) -> dict:
        return {"body": (await request.body()).decode(), "upgrade": request.headers.get("upgrade")}

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", **config))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    before = uvicorn.config.HTTP_PROTOCOLS["auto"]
    ignore_upgrades()
    with serving() as port:
        yield port
    uvicorn.config.HTTP_PROTOCOLS["auto"] = before


def head(method: str = "POST", upgrade: str | None = "h2c", **headers: str) -> bytes:
    lines = [f"{method} /echo HTTP/1.1", "Host: x"]
    if upgrade:
        lines += [f"Upgrade: {upgrade}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAEAAEAAAAIAAAAA"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


SIZED = head(Content_Length=str(len(BODY))) + BODY
CHUNKED = head(Transfer_Encoding="chunked") + b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:]
CHUNKED += b"\r\n0\r\n\r\n"


def answers(port: int, sent: list[bytes], count: int = 1) -> list[dict]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in sent:
            raw.sendall(part)
            time.sleep(0.02 if len(sent) > 1 else 0)
        found, stream = [], raw.makefile("rb")
        for _ in range(count):
            assert b" 200 " in stream.readline()
            headers = http.client.parse_headers(stream)
            found.append(json.loads(stream.read(int(headers["content-length"]))))
        return found


@pytest.mark.parametrize("request_", [SIZED, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [10**6, 150, 7], ids=["at once", "in two", "in many"])
def test_the_body_is_read(port, request_, size):
    parts = [request_[i : i + size] for i in range(0, len(request_), size)]
    assert answers(port, parts) == [{"body": BODY.decode(), "upgrade": "h2c"}]


@pytest.mark.parametrize("upgrade", ["TLS/1.2", "websocket", "h2c, something"])
def test_other_upgrades(port, upgrade):
    if upgrade == "websocket":
        pytest.importorskip("websockets")
        request_ = head(upgrade="websockets", Content_Length=str(len(BODY))) + BODY  # no such protocol
    else:
        request_ = head(upgrade=upgrade, Content_Length=str(len(BODY))) + BODY
    assert answers(port, [request_])[0]["body"] == BODY.decode()


def test_without_a_body(port):
    assert answers(port, [head("GET")])[0]["body"] == ""
    assert answers(port, [head(Content_Length="0")])[0]["body"] == ""


def test_the_connection_goes_on(port):
    plain = head(upgrade=None, Content_Length=str(len(BODY))) + BODY
    assert len(answers(port, [SIZED + plain + CHUNKED + SIZED + head("GET")], count=5)) == 5
    assert [a["body"] for a in answers(port, [SIZED, plain, CHUNKED], count=3)] == [BODY.decode()] * 3


def test_a_large_body(port):
    body = json.dumps({"input": "x" * 2**21}).encode()
    assert answers(port, [head(Content_Length=str(len(body))) + body])[0]["body"] == body.decode()


def test_curl_with_http2(port):
    command = ["curl", "-sS", "--http2", f"http://127.0.0.1:{port}/echo", "-d", BODY.decode()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if "protocol is not supported" in done.stderr or "option --http2" in done.stderr:
        pytest.skip("this curl knows no HTTP/2")
    assert json.loads(done.stdout)["body"] == BODY.decode()


def test_uvicorn_still_needs_it():
    """When this fails: delete front_end/http_protocol.py."""
    with serving(http="httptools") as port:
        assert answers(port, [SIZED])[0]["body"] == ""
