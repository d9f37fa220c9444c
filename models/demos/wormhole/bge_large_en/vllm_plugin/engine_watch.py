# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""In the API server: errors for requests that failed on the device, and an exit status that tells of a dead engine."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from vllm.entrypoints.openai.engine.protocol import GenerationError
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.vllm_plugin.failed_rows import accept, failure

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send
    from vllm.engine.protocol import EngineClient

logger = init_logger("vllm.tt_pooling.engine_watch")

ENGINE_DIED = 1  # exit status


class EngineWatch:
    """ASGI middleware for vLLM's --middleware; at work only when the server starts and when it stops.

    vLLM 0.25.1 itself ends with status 0 when its engine has died, so that a supervisor would not restart it.
    """

    def __init__(self, app: "ASGIApp"):
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        # FastAPI puts itself into the scope; a server that only renders has no engine.
        engine = getattr(scope["app"].state, "engine_client", None) if scope["type"] == "lifespan" else None
        if engine is None:
            return await self.app(scope, receive, send)
        watched = WatchedEngine(engine)
        await self.app(scope, receive, send)  # returns when the server has stopped
        if watched.died():
            logger.error("The engine died; the server ends with status %d. Its first failure is above", ENGINE_DIED)
            # Through the event loop, so that everything else is closed as vLLM does it.
            asyncio.get_running_loop().call_soon(sys.exit, ENGINE_DIED)


class WatchedEngine:
    """Looks at what an engine client returns, and at whether its engine dies before it is told to stop."""

    def __init__(self, engine: "EngineClient"):
        self._engine, self._encode, self._shutdown = engine, engine.encode, engine.shutdown
        self._died: bool | None = None  # once it was told to stop
        engine.encode, engine.shutdown = self.encode, self.shutdown

    async def encode(self, prompt, pooling_params, *args, **kwargs) -> AsyncIterator:
        """As EngineClient.encode; GenerationError, which vLLM answers with 500, for a failed row."""
        accept(pooling_params)
        async with aclosing(self._encode(prompt, pooling_params, *args, **kwargs)) as outputs:
            async for output in outputs:
                message = failure(output.outputs.data)
                if message is not None:
                    raise GenerationError(message)
                yield output

    def shutdown(self, *args, **kwargs) -> None:
        """As EngineClient.shutdown, after which every engine counts as errored."""
        self._died = self.died()
        self._shutdown(*args, **kwargs)

    def died(self) -> bool:
        """Whether the engine died by itself."""
        return self._engine.errored if self._died is None else self._died
