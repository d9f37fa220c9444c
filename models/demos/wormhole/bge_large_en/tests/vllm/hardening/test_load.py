# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Load, overload and clients that leave, on a real server.

Ten minutes of it: soak.py, or with what else is long here pytest -m slow -s -k hardening.
"""

import asyncio
import http.client
import json
import time

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("psutil")

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.soak import (
    BURST,
    CLIENTS,
    LIMIT,
    MAX_GROWTH,
    SOAKED,
    Clients,
    session,
    soak,
    texts,
)
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count, note
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]


def with_clients(server, scenario) -> None:
    async def run():
        async with session() as http:
            clients = Clients(http, server, seed=1)
            await clients.compute_alone(texts(20, seed=1))
            await scenario(clients)
            await clients.idle()
            assert not clients.result.wrong, clients.result.wrong[:5]

    asyncio.run(run())


def test_past_the_bound_429_while_the_admitted_are_served(loaded_server):
    async def scenario(clients):
        refused = await clients.gauge("vllm:tt_requests_refused_total")
        served = await asyncio.gather(*(clients.checked(clients.batch()) for _ in range(3 * LIMIT)))
        # All come at once, so the bound is met; those that came later may have found a slot.
        assert LIMIT <= sum(served) < 3 * LIMIT and loaded_server.healthy()
        assert await clients.gauge("vllm:tt_requests_refused_total") - refused == 3 * LIMIT - sum(served)
        count("requests refused with 429", 3 * LIMIT - sum(served))
        assert await clients.checked(clients.batch())

    with_clients(loaded_server, scenario)


def test_clients_that_leave_free_their_slots_and_the_engine(loaded_server):
    async def scenario(clients):
        text = max(clients.alone, key=len)
        asked = [asyncio.create_task(clients.ask([text] * 30)) for _ in range(LIMIT)]
        late = []  # each may come before one of those, and then waits behind them
        while not any(task.done() and task.result()[0] == 429 for task in late):  # until all have arrived
            assert not all(task.done() for task in asked), "the test came too late"
            late.append(asyncio.create_task(clients.ask([text])))
            await asyncio.sleep(0.05)
        answered = sum(task.done() for task in asked)
        for task in (*asked, *late):
            task.cancel()
        await asyncio.gather(*asked, *late, return_exceptions=True)
        await asyncio.sleep(1)
        # As many as there are slots, none of which may still be held.
        assert all(await asyncio.gather(*(clients.checked([text]) for _ in range(LIMIT))))
        count("clients that left", LIMIT - answered)
        assert answered < LIMIT, "nobody was left to leave"

    with_clients(loaded_server, scenario)


def test_a_body_that_stalls_is_given_up(loaded_server):
    """Slots held by bodies that never end come back after body_timeout_s, which is 3 here."""
    stalled = []
    for _ in range(LIMIT):
        connection = http.client.HTTPConnection(loaded_server.url.removeprefix("http://"), timeout=120)
        connection.putrequest("POST", "/v1/embeddings")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b'{"model": ')
        stalled.append(connection)
    answers = [connection.getresponse() for connection in stalled]
    assert {answer.status for answer in answers} == {408}
    assert json.loads(answers[0].read())["error"]["code"] == 408
    for connection in stalled:
        connection.close()
    count("clients that stalled in their body", LIMIT)

    async def scenario(clients):
        assert await clients.checked(clients.batch())

    with_clients(loaded_server, scenario)


@pytest.mark.parametrize("seconds", [25, pytest.param(600, marks=pytest.mark.slow)])
def test_load_is_exact_and_memory_flat(loaded_server, seconds):
    """64 clients, batches and orders at random: every vector has the bits of its text alone."""
    start = time.monotonic()
    result = asyncio.run(soak(loaded_server, seconds))
    for line in result.lines():
        note(line)
    note(f"soak: {CLIENTS} clients and bursts of {BURST}, {time.monotonic() - start:.0f} s with what is computed alone")
    assert not result.wrong, result.wrong[:5]
    assert result.growth <= MAX_GROWTH
    assert (
        result.counts["answers 200"] > CLIENTS and result.counts["answers 429"] and result.counts["clients that left"]
    )
    assert loaded_server.process.poll() is None and SOAKED in loaded_server.log.read_text()
