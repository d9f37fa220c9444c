# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Errors as OpenAI's clients read them: {"error": {"message", "type", "param", "code"}}, on a connection that stays.

vLLM 0.25.1 answers most refusals in that shape, others as {"detail": …} or {"error": "…"}, and some at such length
that one request got 13 MB back. A bare ValueError in one of its routes is answered with 400 and then raised again, for
which uvicorn closes a connection that the client believes to be kept alive.
"""

import inspect
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from vllm.logger import init_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = init_logger("vllm.tt_pooling.openai_errors")

MAX_MESSAGE = 1000  # characters
SERVER_PATHS = "\n\n  File "  # where FastAPI goes on to name files of the server


class Refused(Exception):
    """A request that is answered with `status`. param: the field of the request, if it is one."""

    def __init__(self, status: int, message: str, param: str | None = None):
        super().__init__(message)
        self.status, self.message, self.param = status, message, param

    def response(self, headers: dict[str, str] | None = None) -> JSONResponse:
        body = error_body(self.status, self.message, param=self.param)
        return JSONResponse(body, status_code=self.status, headers=headers)


class OpenAIErrors:
    """ASGI middleware, next to vLLM's routes: gives every error with a body OpenAI's shape, and answers exceptions."""

    def __init__(self, app: "ASGIApp"):
        from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.validation_errors import answer_in_one_line

        self.app = app
        answer_in_one_line(app)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            await self.app(scope, receive, answer.send)
        except Exception as error:
            # What Starlette would do outside of all middleware, but for raising it again.
            handler = scope["app"].exception_handlers.get(Exception)
            if answer.started or handler is None:
                raise
            response = handler(Request(scope), error)
            response = await response if inspect.isawaitable(response) else response
            if response.status_code >= 500:
                logger.exception("%s %s failed", scope["method"], scope["path"])
            await response(scope, receive, answer.send)


class _Answer:
    """Passes an answer on, an error only when it is whole and has its shape."""

    def __init__(self, send: "Send"):
        self._send, self._body = send, b""
        self._error: Message | None = None
        self.started = False

    async def send(self, message: "Message") -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if message["status"] >= 400:
                self._error = message
                return
        if self._error is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = self._body and json.dumps(reshaped(self._error["status"], self._body)).encode()
        headers = [(name, value) for name, value in self._error["headers"] if name.lower() not in _OF_THE_BODY]
        if body:
            headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", b"%d" % len(body)))
        await self._send({**self._error, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


_OF_THE_BODY = (b"content-type", b"content-length")


def error_body(status: int, message: str, *, kind: str | None = None, param: str | None = None) -> dict:
    """The JSON of an error. kind: OpenAI's "type", by default made of the status, as BadRequestError of 400.

    The message loses what follows MAX_MESSAGE characters and what names files of the server.
    """
    kind = kind or HTTPStatus(status).phrase.replace(" ", "") + "Error"
    message, param = _printable(message.partition(SERVER_PATHS)[0]), param and _printable(param)
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}


def _printable(text: str) -> str:
    text = text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}…"
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate has no bytes


def reshaped(status: int, body: bytes) -> dict:
    """The JSON of an error from another's: vLLM's, the fork's (without "error"), FastAPI's {"detail": …}, or text."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        said = body.decode(errors="replace")
    if isinstance(said, dict):
        said = said.get("error", said)
    if not isinstance(said, dict):
        said = {"message": said}
    message = said.get("message", said.get("detail", said))
    kind, param = said.get("type"), said.get("param")
    return error_body(
        status,
        message if isinstance(message, str) else json.dumps(message),
        kind=kind if isinstance(kind, str) else None,
        param=param.removeprefix("body.") if isinstance(param, str) else None,
    )
