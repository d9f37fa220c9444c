# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""In the API server: errors for requests that failed on the device, an exit status that tells of a dead engine, and a
stop that lets accepted requests finish."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import accept, failure
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.remote_engines import watch
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.start import end_quickly
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import generation_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from vllm.engine.protocol import EngineClient

logger = init_logger("vllm.tt_pooling.engine_watch")

ENGINE_DIED = 1  # exit status
CLOSING_S = 5.0  # for the step that runs and the device to close
GIVING_UP_S = 0.5
STOPPING = {"error": {"message": "the server is stopping", "type": "ServiceUnavailable", "param": None, "code": 503}}


class EngineWatch:
    """ASGI middleware for vLLM's --middleware.

    vLLM 0.25.1 itself ends with status 0 when its engine has died, so that a supervisor would not restart it, and when
    it is told to stop it fails what waits, because it closes the threads that make answers before the engine drains.
    """

    def __init__(self, app: "ASGIApp"):
        self.app = app
        self._watched: WatchedEngine | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif self._watched is None or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self._watched.stopping:
            await _refuse(scope, receive, send)
        else:
            await self._answer(self._watched, scope, receive, send)

    async def _answer(self, watched: "WatchedEngine", scope: "Scope", receive: "Receive", send: "Send") -> None:
        """503 in the place of an answer that the stop does not wait for any longer."""
        complete = started = False

        async def receive_until_given_up() -> "Message":
            nonlocal complete
            if not complete:
                message = await receive()
                complete = not message.get("more_body", False)
                return message
            # To vLLM, which listens for it, the client is gone: it gives the request up.
            return await _first(receive(), watched.given_up.wait()) or {"type": "http.disconnect"}

        async def send_unless_given_up(message: "Message") -> None:
            nonlocal started
            if started or not watched.given_up.is_set():
                started = True
                await send(message)

        watched.answering += 1
        try:
            await self.app(scope, receive_until_given_up, send_unless_given_up)
        except Exception:
            if started or not watched.given_up.is_set():
                raise
        finally:
            watched.answering -= 1
        if not started and watched.given_up.is_set():
            await _refuse(scope, receive, send)

    async def _live(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        # FastAPI puts itself into the scope; a server that only renders has no engine.
        engine = scope["app"].state.engine_client
        self._watched = WatchedEngine(engine) if engine is not None else None
        await self.app(scope, receive, send)  # returns when the server has stopped
        if self._watched is None or not self._watched.died():
            end_quickly()
        else:
            logger.error("The engine died; the server ends with status %d. Its first failure is above", ENGINE_DIED)
            # Through the event loop, so that everything else is closed as vLLM does it.
            asyncio.get_running_loop().call_soon(sys.exit, ENGINE_DIED)


class WatchedEngine:
    """Looks at what an engine client returns, and at whether its engine dies before it is told to stop."""

    def __init__(self, engine: "EngineClient"):
        self._engine, self._encode, self._shutdown = engine, engine.encode, engine.shutdown
        self._died: bool | None = None  # once it was told to stop
        self.stopping, self.answering = False, 0  # HTTP requests
        self.given_up = asyncio.Event()  # set when those that are left get 503
        self._loop = asyncio.get_running_loop()
        engine.encode, engine.shutdown = self.encode, self.shutdown
        self._remote = watch(engine, lambda: self.stopping)

    async def encode(self, prompt, pooling_params, *args, **kwargs) -> AsyncIterator:
        """As EngineClient.encode; GenerationError, which vLLM answers with 500, for a failed row."""
        accept(pooling_params)
        async with aclosing(self._encode(prompt, pooling_params, *args, **kwargs)) as outputs:
            async for output in outputs:
                message = failure(output.outputs.data)
                if message is not None:
                    raise generation_error()(message)
                yield output

    def shutdown(self, timeout: float | None = None) -> None:
        """As EngineClient.shutdown, after which every engine counts as errored.

        Of `timeout` seconds all but CLOSING_S, or three eighths, are first for what is being answered, unless called by
        the event loop, which answers. What is left then is given up.
        """
        self._died, self.stopping = self.died(), True
        if self._remote is not None:
            self._loop.call_soon_threadsafe(self._remote.cancel)
        start, seconds = time.monotonic(), timeout or 0
        if not _in_event_loop() and not self._engine.errored:
            self._wait(start + seconds - min(CLOSING_S, seconds * 3 / 8))
            if self.answering:
                logger.warning("%d requests are not answered in time: they get 503", self.answering)
                self._loop.call_soon_threadsafe(self.given_up.set)
                self._wait(time.monotonic() + GIVING_UP_S)
        if not self.answering:
            self._await_no_output()
        self._shutdown(timeout=None if timeout is None else max(0.0, seconds - (time.monotonic() - start)))

    def _await_no_output(self) -> None:
        """Where nobody waits for one: vLLM would log the end of the engine that it stops as an error, now and then."""
        handler = getattr(self._engine, "output_handler", None)  # an asyncio.Task
        if handler is not None:
            self._loop.call_soon_threadsafe(handler.cancel)

    def _wait(self, end: float) -> None:
        while self.answering and not self._engine.errored and time.monotonic() < end:
            time.sleep(0.02)

    def died(self) -> bool:
        """Whether the engine died by itself."""
        return self._engine.errored if self._died is None else self._died


async def _refuse(scope: "Scope", receive: "Receive", send: "Send") -> None:
    await JSONResponse(STOPPING, 503, {"Connection": "close", "Retry-After": "5"})(scope, receive, send)


async def _first(message: Awaitable, event: Awaitable) -> "Message | None":
    """The message, None where the event comes first."""
    waiting = [asyncio.ensure_future(message), asyncio.ensure_future(event)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return waiting[0].result() if waiting[0].done() else None
    finally:
        for task in waiting:
            task.cancel()


def _in_event_loop() -> bool:
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return False
