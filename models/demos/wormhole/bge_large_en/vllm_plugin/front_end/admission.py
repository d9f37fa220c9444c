# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Bounds what waits in a server: past it 429 at once, without reading the request.

vLLM 0.25.1 itself takes in whatever comes: under overload every request waits longer than its client does, and their
bodies fill the host's memory.
"""

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import Counter

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.api_guard import OPEN_PATHS
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from vllm.config import VllmConfig

SLOT_BYTES = 16384  # of a body: about eight texts of 512 tokens, a full device step of one chip
RETRY_AFTER_S = 1  # a slot is given back with every request that ends, and steps take milliseconds
REASONS = ("overload", "slow_body")


def default_slots(max_num_seqs: int) -> int:
    """Slots per engine: eight of vLLM's steps wait, behind the one that runs."""
    return 8 * max_num_seqs


def slots_of(body_bytes: int, limit: int) -> int:
    """What a request takes of `limit` slots: one, and one more for each SLOT_BYTES of its body.

    A quarter of all at most, so that the longest body finds room when others leave some.
    """
    return min(1 + body_bytes // SLOT_BYTES, max(1, limit // 4))


class Admission:
    """ASGI middleware: 429 to a request that computes when the slots (option max_waiting_requests) are taken.

    A request holds its slots until it is answered, or its client is gone. One whose body has not arrived after
    body_timeout_s gets 408. Requests that compute are all POST but for OPEN_PATHS; the rest passes.
    """

    def __init__(self, app: "ASGIApp"):
        self.app = app
        self.limit, self.body_timeout_s, self.taken = 0, 0, 0  # the first two are known once the engine is
        self.refused = _refused()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        # vLLM gives its middleware no arguments, but FastAPI puts itself into the scope. A server that only renders
        # prompts has no engine, and nothing waits in it.
        config = getattr(scope["app"].state, "vllm_config", None) if _computes(scope) else None
        if config is None:
            await self.app(scope, receive, send)
            return
        if not self.limit:
            self.limit, self.body_timeout_s = limits(config)
        slots = slots_of(_content_length(scope), self.limit)
        if self.taken + slots > self.limit:
            self.refused["overload"].inc()
            message = (
                f"the server is busy: {self.taken} of {self.limit} slots are taken, and this request needs {slots}"
            )
            await _answer(send, 429, "RateLimitError", message, (b"retry-after", str(RETRY_AFTER_S).encode()))
        else:
            await self._serve(slots, scope, receive, send)

    async def _serve(self, slots: int, scope: "Scope", receive: "Receive", send: "Send") -> None:
        arrived, complete = 0, False

        async def receive_in_time() -> "Message":
            nonlocal slots, arrived, complete
            if not complete and timer.when() is None:
                timer.reschedule(asyncio.get_running_loop().time() + self.body_timeout_s)
            message = await receive()
            arrived += len(message.get("body", b""))
            # A chunked body tells its length only now.
            more = max(0, slots_of(arrived, self.limit) - slots)
            slots, self.taken = slots + more, self.taken + more
            if not message.get("more_body"):
                complete = True
                timer.reschedule(None)
            return message

        self.taken += slots
        try:
            async with asyncio.timeout(None) as timer:
                await self.app(scope, receive_in_time, send)
        except TimeoutError:
            if not timer.expired():
                raise
            self.refused["slow_body"].inc()
            message = f"the request's body did not arrive within {self.body_timeout_s} s"
            await _answer(send, 408, "RequestTimeoutError", message, (b"connection", b"close"))
        finally:
            self.taken -= slots


def limits(vllm_config: "VllmConfig") -> tuple[int, int]:
    """(slots, seconds for a body) of one API server: a given number is its own, the default its share of all engines'."""
    options, parallel = PoolingOptions.from_config(vllm_config.additional_config), vllm_config.parallel_config
    # With the hybrid balancer the other machines' engines have servers of their own.
    own = getattr(parallel, "local_engines_only", False)
    engines = parallel.data_parallel_size_local if own else parallel.data_parallel_size
    slots = default_slots(vllm_config.scheduler_config.max_num_seqs) * engines
    servers = getattr(parallel, "_api_process_count", 1)
    return options.max_waiting_requests or max(1, slots // servers), options.body_timeout_s


@cache
def _refused() -> dict[str, Counter]:
    # One for the process, as its registry is; the children make /metrics show a 0.
    counter = Counter("vllm:tt_requests_refused", "Requests refused, by why: overload or slow_body.", ["reason"])
    return {reason: counter.labels(reason) for reason in REASONS}


def _computes(scope: "Scope") -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    return scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/") not in OPEN_PATHS


def _content_length(scope: "Scope") -> int:
    given = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(given) if given.isdigit() else 0


async def _answer(send: "Send", status: int, kind: str, message: str, header: tuple[bytes, bytes]) -> None:
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": status}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), header]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
