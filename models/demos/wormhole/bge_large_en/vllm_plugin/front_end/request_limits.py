# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Refuses, before vLLM reads them, requests that are too large or that it answers badly.

vLLM 0.25.1 has no limit on a body or on the inputs in it, and reads one in the event loop that serves everybody.
"""

import json
import zlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.routing import Match

from models.demos.wormhole.bge_large_en.vllm_plugin import CROSS_ENCODERS
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import (
    Limits,
    check_depths,
    holds_ids,
    parsed,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_schema import (
    ALIASES,
    INVOCATIONS,
    check,
    knows,
    meant,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.validation_errors import check_as_route
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import TELLS_OPTIONS, refuse_as_values

if TYPE_CHECKING:
    from starlette.datastructures import State
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WITH_BODY = ("POST", "PUT", "PATCH")
# Two fields that contradict each other in a chat, and say nothing of anything else. pydantic would try every token id
# as every kind of chat message, 14 µs an id and 7 s for 2,048 inputs of 256; with these it gives that up at once.
NO_CHAT = b',"add_generation_prompt":true,"continue_final_message":true}'
# Of a body, to zlib's window bits: with either header, or found out.
ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 47}


class RequestLimits:
    """ASGI middleware for vLLM's --middleware: 413 for a body, 400 for inputs beyond PoolingOptions' limits.

    Every body is parsed, small ones too: two bytes are enough to make vLLM answer 500, and a small body costs little.
    """

    def __init__(self, app: "ASGIApp"):
        self.app = app
        refuse_as_values()
        self._known: tuple[PoolingOptions, Limits] | None = None
        self._there: set[str] = set()  # paths that are known and have a route

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or scope["method"] not in WITH_BODY:
            await self.app(scope, receive, send)
            return
        if self._known is None:  # vLLM gives its middleware no arguments; once it serves, the app's state is complete
            self._known = options_and_limits(scope["app"].state)
            # vLLM looks for a request's route twice, in this order; those of one path keep theirs.
            scope["app"].routes.sort(key=lambda route: not knows(getattr(route, "path", "")))
        options, limits = self._known
        headers, path = Headers(scope=scope), scope["path"].removeprefix(scope.get("root_path", ""))
        known = scope["method"] == "POST" and knows(path)
        if path in ALIASES:
            alias = scope["path"].removesuffix(path) + ALIASES[path]
            scope = {**scope, "path": alias, "raw_path": alias.encode()}
        if not (known and path in self._there) and not _is_there(scope):
            # 404 or 405, but for a route of models of another kind
            answer = _of_another_kind(scope, path).response() if known else self.app
            await answer(scope, receive, send)
            return
        if known:
            self._there.add(path)
        try:
            body = sent = await _read(headers, receive, options.max_body_bytes)
            if body is None:  # the client is gone
                return
            body = _decoded(body, headers.get("content-encoding", ""), options.max_body_bytes)
            if body and _is_json(headers):
                found = parsed(body)
                if not known:
                    check_depths(found)
                elif check(path, found, limits):
                    body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
                if path == INVOCATIONS:
                    marked = found | json.loads(b"{" + NO_CHAT[1:]) if holds_ids(found) else found
                    check_as_route(scope["app"], meant(path, found), marked)
                if known and holds_ids(found):
                    body = body[: body.rindex(b"}")] + NO_CHAT
            if body is not sent:
                scope = {**scope, "headers": _headers_of(scope["headers"], len(body))}
        except Refused as refused:
            await refused.response()(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)


def options_and_limits(state: "State") -> tuple[PoolingOptions, Limits]:
    vllm_config = getattr(state, "vllm_config", None)
    given = state.args if TELLS_OPTIONS else state.vllm_config
    options = PoolingOptions.from_config(given.additional_config)
    vocab_size = normalizes = pair = None
    embedding = getattr(getattr(state, "serving_embedding", None), "io_processor", None)
    prompts = frozenset(getattr(embedding, "task_instructions", None) or ())
    if vllm_config is not None:
        model = vllm_config.model_config
        vocab_size = model.get_vocab_size() or None
        # vLLM takes it from the checkpoint's modules.json and from --pooler-config, and normalises without either.
        normalizes = getattr(model.pooler_config, "use_activation", None) is not False
        if not set(getattr(model, "architectures", ())).isdisjoint(CROSS_ENCODERS):
            pair = model.max_model_len
    inputs, ids = options.max_inputs_per_request, options.max_ids_per_input
    if vllm_config is not None:  # of a server that embeds long texts in pieces
        ids = max(ids, getattr(vllm_config.model_config.pooler_config, "max_embed_len", None) or 0)
    return options, Limits(inputs, ids, vocab_size, normalizes, prompts, pair)


async def _read(headers: Headers, receive: "Receive", limit: int) -> bytes | None:
    """The body, or None when the client goes before its end. Refused as soon as it is known to exceed `limit` bytes.

    What a client sends after that is dropped by uvicorn, and the connection goes on.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(f"{declared[:18]} bytes", limit)
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(f"{size} bytes or more", limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(size: str, limit: int) -> Refused:
    return Refused(413, f"the body has {size}; the limit is {limit} bytes")


def _is_json(headers: Headers) -> bool:
    """Whether vLLM may read it as JSON; it refuses other media types itself."""
    return "json" in headers.get("content-type", "json").lower()


def _is_there(scope: "Scope") -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)


# Of what kind of model a route is, and what such a model is asked for.
_KINDS = {
    "/v1/embeddings": "an embedding model: POST texts to /v1/embeddings, pairs to /score or /rerank",
    "/rerank": "a cross-encoder: POST a query and documents to /rerank, or pairs to /score",
    "/classify": "a classifier: POST texts to /classify",
}


def _of_another_kind(scope: "Scope", path: str) -> Refused:
    paths = {getattr(route, "path", None) for route in scope["app"].routes}
    served = next((text for route, text in _KINDS.items() if route in paths), "none that computes")
    return Refused(400, f"{path} is not for this model, which is {served}")


def _decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its Content-Encoding, of at most `limit` bytes."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ENCODINGS:
        allowed = ", ".join(ENCODINGS)
        raise Refused(415, f"Content-Encoding is {encoding[:60]!r}; allowed: {allowed} or none")
    reader = zlib.decompressobj(ENCODINGS[encoding])
    try:
        whole = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refused(400, f"the body is not valid {encoding}: {error}") from None
    if len(whole) > limit:
        raise _too_large(f"{limit + 1} bytes or more, decoded", limit)
    if not reader.eof:
        raise Refused(400, f"the body is not valid {encoding}: it ends too early")
    return whole


def _headers_of(headers: list[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    """Of a body that was changed."""
    gone = (b"content-encoding", b"content-length", b"transfer-encoding")
    kept = [header for header in headers if header[0] not in gone]
    return [*kept, (b"content-length", b"%d" % length)]


def _replay(body: bytes, receive: "Receive") -> "Receive":
    """A `receive` that gives the whole body first, and then what comes: the client's leaving."""
    sent = False

    async def replay() -> "Message":
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
