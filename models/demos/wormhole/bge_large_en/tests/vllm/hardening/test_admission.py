# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The bound on waiting requests by itself; test_load.py overloads a real server."""

import asyncio
import json
import statistics
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import note  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.admission import (  # noqa: E402
    SLOT_BYTES,
    Admission,
    default_slots,
    limits,
    slots_of,
)

LIMIT_S = 60  # a bound on waiting, not on speed


def config(max_num_seqs: int = 64, engines: int = 1, servers: int = 1, **options) -> SimpleNamespace:
    return SimpleNamespace(
        additional_config={"tt": options},
        scheduler_config=SimpleNamespace(max_num_seqs=max_num_seqs),
        parallel_config=SimpleNamespace(data_parallel_size=engines, _api_process_count=servers),
    )


class Gate:
    """An Admission before an app that reads the body and answers 200 once `finish` is set, or raises `error`."""

    def __init__(self, **options):
        self.finish, self.error, self.runs = asyncio.Event(), None, 0
        self.admission = Admission(self.answer)
        self.state = SimpleNamespace(state=SimpleNamespace(vllm_config=config(**options)))

    async def answer(self, scope, receive, send):
        self.runs += 1
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message.get("more_body")
        await self.finish.wait()
        if self.error:
            raise self.error
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def ask(self, messages=(), *, method="POST", path="/score", length=None, stalls=False):
        """(status, headers, body) of a request; messages: of its body, in order; stalls: nothing follows them."""
        pending, sent = list(messages or [{"type": "http.request", "body": b"{}"}]), []

        async def receive():
            if not pending and stalls:
                await asyncio.Event().wait()
            return pending.pop(0) if pending else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        headers = [] if length is None else [(b"content-length", str(length).encode())]
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "app": self.state}
        await self.admission(scope, receive, send)
        if not sent:
            return None
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_past_the_bound_429_and_the_admitted_finish():
    async def scenario():
        gate = Gate(max_waiting_requests=3)
        admitted = [asyncio.create_task(gate.ask()) for _ in range(3)]
        await settle()
        status, headers, body = await gate.ask()
        error = json.loads(body)["error"]
        assert status == 429 and headers[b"retry-after"] == b"1" and gate.runs == 3
        assert set(error) == {"message", "type", "param", "code"} and error["code"] == 429
        assert "3 of 3 slots" in error["message"]
        for method, path in (("GET", "/v1/models"), ("OPTIONS", "/score"), ("POST", "/ping"), ("GET", "/health")):
            probe = asyncio.create_task(gate.ask(method=method, path=path))
            await settle()
            admitted.append(probe)
        assert gate.runs == 7
        gate.finish.set()
        assert [answer[0] for answer in await asyncio.gather(*admitted)] == [200] * 7
        assert gate.admission.taken == 0 and (await gate.ask())[0] == 200

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_slots_come_back_after_errors_cancelling_and_clients_that_leave():
    async def scenario():
        gate = Gate(max_waiting_requests=1)
        part = {"type": "http.request", "body": b"{", "more_body": True}
        assert await gate.ask([part]) is None and gate.admission.taken == 0
        cancelled = asyncio.create_task(gate.ask())
        await settle()
        assert gate.admission.taken == 1
        cancelled.cancel()
        await settle()
        assert gate.admission.taken == 0
        gate.finish.set()
        for gate.error in (RuntimeError("broken"), TimeoutError("the app's own")):
            with pytest.raises(type(gate.error), match=str(gate.error)):
                await gate.ask()
            assert gate.admission.taken == 0

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_a_body_that_stalls_gets_408_and_one_that_is_complete_may_take_longer():
    async def scenario():
        gate = Gate(max_waiting_requests=2, body_timeout_s=1)
        complete = asyncio.create_task(gate.ask())
        status, headers, body = await gate.ask([{"type": "http.request", "body": b"{", "more_body": True}], stalls=True)
        assert status == 408 and headers[b"connection"] == b"close"
        assert "within 1 s" in json.loads(body)["error"]["message"]
        assert gate.admission.taken == 1 and not complete.done()
        gate.finish.set()
        assert (await complete)[0] == 200

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))


def test_long_bodies_count_as_several_whether_or_not_they_tell():
    async def scenario():
        gate = Gate(max_waiting_requests=8)
        told = asyncio.create_task(gate.ask(length=SLOT_BYTES + 5))
        half = {"type": "http.request", "body": bytes(SLOT_BYTES), "more_body": True}
        chunked = asyncio.create_task(gate.ask([half, {"type": "http.request", "body": b"x"}]))
        await settle()
        assert gate.admission.taken == 4
        gate.finish.set()
        await asyncio.gather(told, chunked)
        assert gate.admission.taken == 0
        assert (await gate.ask(length=10**12))[0] == 200  # how long a body may be is another's to say

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))
    assert [slots_of(n, 100) for n in (0, SLOT_BYTES - 1, SLOT_BYTES, 10**9)] == [1, 1, 2, 25]
    assert slots_of(10**9, 1) == 1


def test_the_default_follows_from_max_num_seqs():
    assert default_slots(64) == 512
    assert limits(config(64, engines=4, servers=2)) == (1024, 60)
    hybrid = config(64, engines=4)
    vars(hybrid.parallel_config).update(local_engines_only=True, data_parallel_size_local=2)
    assert limits(hybrid) == (1024, 60), "the other two have another server"
    assert limits(config(64, max_waiting_requests=7, body_timeout_s=9)) == (7, 9)


def test_a_refusal_reads_and_waits_for_nothing():
    """Without a receive to read from; its own time is printed in the summary."""

    async def scenario():
        gate = Gate(max_waiting_requests=1)
        admitted = asyncio.create_task(gate.ask())
        await settle()
        scope = {"type": "http", "method": "POST", "path": "/score", "headers": [], "app": gate.state}

        async def send(message):
            pass

        times = []
        for _ in range(2000):
            start = time.perf_counter()
            await gate.admission(scope, None, send)
            times.append(time.perf_counter() - start)
        gate.finish.set()
        await admitted
        assert gate.runs == 1
        note(f"a refusal in the middleware takes {statistics.median(times) * 1e6:.0f} us (median of {len(times)})")

    asyncio.run(asyncio.wait_for(scenario(), LIMIT_S))
