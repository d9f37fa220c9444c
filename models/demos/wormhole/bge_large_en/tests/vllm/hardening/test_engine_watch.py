# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The API server's side of faults over a double of vLLM's engine client; real servers: test_faults.py."""

import asyncio
import time
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm")

from vllm.pooling_params import PoolingParams  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import accepted, failed_row  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.engine_watch import (  # noqa: E402
    EngineWatch,
    WatchedEngine,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import generation_error  # noqa: E402


class Engine:
    """vLLM's client: errored after a death, but also after a shutdown."""

    def __init__(self, row: torch.Tensor):
        self.row, self.errored, self.closed, self.params = row, False, 0, None

    async def encode(self, prompt, params, request_id):
        self.params = params
        try:
            yield SimpleNamespace(outputs=SimpleNamespace(data=self.row))
        finally:
            self.closed += 1

    def shutdown(self, timeout=None):
        self.errored = True


def watch(engine: Engine) -> None:
    async def in_a_loop():
        WatchedEngine(engine)

    asyncio.run(in_a_loop())


def encode(engine: Engine) -> list:
    async def collect():
        return [output async for output in engine.encode("text", PoolingParams(task="embed"), "id")]

    return asyncio.run(collect())


def test_a_failed_row_is_an_error_and_a_vector_is_a_vector():
    engine = Engine(torch.ones(4))
    watch(engine)
    assert torch.equal(encode(engine)[0].outputs.data, torch.ones(4)) and accepted(engine.params)
    engine.row = failed_row("request id failed twice")
    with pytest.raises(generation_error(), match="request id failed twice"):
        encode(engine)
    assert engine.closed == 2


def serve(meanwhile) -> Engine:
    """A server's life, with `meanwhile` between start and stop."""
    engine = Engine(torch.ones(4))
    app = SimpleNamespace(state=SimpleNamespace(engine_client=engine))

    async def application(scope, receive, send):
        meanwhile(engine)

    async def live():
        await EngineWatch(application)({"type": "lifespan", "app": app}, None, None)
        await asyncio.sleep(0)

    asyncio.run(live())
    return engine


def die(engine: Engine) -> None:
    engine.errored = True


@pytest.mark.parametrize("meanwhile", [die, lambda engine: (die(engine), engine.shutdown())], ids=["", "then stopped"])
def test_a_dead_engine_ends_the_server_with_status_1(meanwhile):
    with pytest.raises(SystemExit) as ended:
        serve(meanwhile)
    assert ended.value.code == 1


@pytest.mark.parametrize("meanwhile", [lambda engine: None, lambda engine: engine.shutdown(timeout=20)])
def test_a_server_that_was_stopped_ends_as_it_did(meanwhile):
    serve(meanwhile)


def test_a_server_without_an_engine_is_left_alone():
    calls = []

    async def application(scope, receive, send):
        calls.append(scope["type"])

    app = SimpleNamespace(state=SimpleNamespace(engine_client=None))
    for kind in ("lifespan", "http"):
        asyncio.run(EngineWatch(application)({"type": kind, "app": app}, None, None))
    assert calls == ["lifespan", "http"]


def test_a_stop_waits_for_what_is_being_answered_and_refuses_the_rest():
    engine, events = Engine(torch.ones(4)), []
    app = SimpleNamespace(state=SimpleNamespace(engine_client=engine))

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            await stopped.wait()
        else:
            await asyncio.sleep(0.5)
            events.append("errored" if engine.errored else "answered")

    async def send(message):
        if message["type"] == "http.response.start":
            events.append(message["status"])

    stopped = asyncio.Event()

    async def live():
        watch = EngineWatch(application)
        life = asyncio.create_task(watch({"type": "lifespan", "app": app}, None, None))
        await asyncio.sleep(0)
        accepted = asyncio.create_task(watch({"type": "http"}, None, send))
        await asyncio.sleep(0.1)
        stop = asyncio.get_running_loop().run_in_executor(None, lambda: engine.shutdown(timeout=60))
        await asyncio.sleep(0.1)
        await watch({"type": "http"}, None, send)
        await asyncio.gather(accepted, stop)
        stopped.set()
        await life

    asyncio.run(live())
    assert events == [503, "answered"] and engine.errored


def stop_while(answering, timeout: float) -> tuple[Engine, list, float]:
    """What a client gets whose request `answering` answers while the server stops, and how long the stop took."""
    engine, sent = Engine(torch.ones(4)), []
    app = SimpleNamespace(state=SimpleNamespace(engine_client=engine))
    stopped, times = asyncio.Event(), []

    async def application(scope, receive, send):
        await (stopped.wait() if scope["type"] == "lifespan" else answering(receive, send))

    async def send(message):
        sent.append(message)

    messages = [{"type": "http.request", "body": b"{}", "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()  # a client that stays

    def stop() -> None:
        start = time.monotonic()
        engine.shutdown(timeout=timeout)
        times.append(time.monotonic() - start)

    async def live():
        watch = EngineWatch(application)
        life = asyncio.create_task(watch({"type": "lifespan", "app": app}, None, None))
        await asyncio.sleep(0)
        accepted = asyncio.create_task(watch({"type": "http"}, receive, send))
        await asyncio.sleep(0.05)
        await asyncio.gather(asyncio.get_running_loop().run_in_executor(None, stop), accepted)
        stopped.set()
        await life

    asyncio.run(live())
    return engine, sent, times[0]


async def as_vllm(receive, send):
    """vLLM's routes: a body, then nothing until the client is gone, and then an answer that nobody is there for."""
    await receive()
    assert (await receive())["type"] == "http.disconnect"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"null"})


async def fails(receive, send):
    await receive()
    await receive()
    raise RuntimeError("cannot schedule new futures after shutdown")


@pytest.mark.parametrize("answering", [as_vllm, fails])
def test_what_is_not_served_in_time_gets_503(answering):
    engine, (start, body), seconds = stop_while(answering, timeout=0.4)
    assert engine.errored and 0.25 < seconds < 1.5
    headers = dict(start["headers"])
    assert start["status"] == 503 and headers[b"retry-after"] == b"5" and b"the server is stopping" in body["body"]


def test_an_answer_that_has_begun_is_not_mended():
    async def half(receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()
        await send({"type": "http.response.body", "body": b"whole"})

    _, sent, _ = stop_while(half, timeout=0.4)
    assert [message.get("status", message.get("body")) for message in sent] == [200, b"whole"]


@pytest.mark.parametrize("answering", [0, 1])
def test_a_stop_awaits_outputs_only_while_something_is_being_answered(answering):
    """vLLM's task that takes outputs logs the end of the engine, with a traceback, when that comes to it first."""
    engine, ends = Engine(torch.ones(4)), []

    async def until_cancelled(name: str):
        try:
            await asyncio.sleep(60)
        finally:
            ends.append(name)

    async def in_a_loop():
        engine.output_handler, socket = (asyncio.create_task(until_cancelled(name)) for name in ("handler", "socket"))
        loop, shutdown = asyncio.get_running_loop(), engine.shutdown
        engine.shutdown = lambda timeout=None: (shutdown(timeout), loop.call_soon_threadsafe(socket.cancel))
        WatchedEngine(engine).answering = answering
        await asyncio.sleep(0)  # both wait
        await asyncio.to_thread(engine.shutdown, 0)
        await asyncio.sleep(0.1)
        engine.output_handler.cancel()

    asyncio.run(in_a_loop())
    assert ends == (["socket", "handler"] if answering else ["handler", "socket"])
