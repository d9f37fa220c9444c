# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""When steps begin, with clients, the engine's loop, the host's work and the device in virtual time: seconds in no time.

Of the time that the host takes the sizes are those of two x86 cores: the engine's rest of a millisecond, and what a
text takes from its answer to its client's next one, one after another as in one process of Python.
"""

import heapq
import random
import statistics
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets, plan_steps  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import DIMS  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.flow import AHEAD, Flow  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.step_guard import StepGuard  # noqa: E402

LENGTH, ROWS, RUNNING = 384, 8, 64
# Of BGE-large, in milliseconds by row and batch, about as step_cost.py has them.
MS = {1: 13.2, 4: 18.9, 8: 26.6}
FULL = MS[ROWS] / 1000
BUCKETS = default_buckets(LENGTH, ROWS)
REST, TURN, START = 0.0011, 0.0001, 0.0007  # vLLM's rest, a turn of its loop, planning and writing a step


def milliseconds(shape) -> float:
    batch, sequence, _ = shape
    return max(4.0, MS[batch] * sequence / LENGTH)


class VirtualDevice:
    """A runner; time passes where the host works or waits."""

    def __init__(self, clock: "Clock", actual: float = 1.0):
        self.clock, self.actual, self.free_at, self.flying = clock, actual, 0.0, []
        self.cost = {shape: 1000 * milliseconds(shape) for shape in BUCKETS.shapes}
        self.computed = self.rows = self.filled = 0.0
        self.late = 0.0  # how much later the host is told of the first full step

    def planned(self, rows):
        return plan_steps([len(row) for row in rows], BUCKETS, milliseconds)

    def submit(self, rows, step):
        assert len(self.flying) < AHEAD
        self.clock.now += START
        seconds = self.actual * milliseconds(step.shape) / 1000
        self.free_at = max(self.clock.now, self.free_at) + seconds
        self.flying.append((step, self.free_at))
        self.computed += seconds
        self.rows += step.batch
        self.filled += len({place.row for place in step.places})

    def collect(self):
        step, end = self.flying.pop(0)
        self.clock.now = max(self.clock.now, end)
        if step.batch == ROWS:
            self.clock.now, self.late = self.clock.now + self.late, 0.0
        return step, torch.ones(len(step.places), 4)

    def settle(self, error):
        self.flying.clear()


@dataclass
class Clock:
    now: float = 1.0

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Simulated:
    """back: from an answer to the same client's next text, of one alone; each: more for each before it."""

    back: float = 0.001
    each: float = 0.0002
    actual: float = 1.0  # of the device's times, the estimated
    arrivals: list[tuple[float, int]] = field(default_factory=list)  # heap: when, client
    waiting: deque = field(default_factory=deque)
    sent: dict[str, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    def __post_init__(self):
        self.clock = Clock()
        self.device = VirtualDevice(self.clock, self.actual)
        model = SimpleNamespace(runner=self.device, step_rows=ROWS, max_seq_len=LENGTH, dims=DIMS)
        guard = StepGuard(MagicMock(side_effect=AssertionError), MagicMock())
        self.flow = Flow(model, guard, self.clock, self.clock.rest)
        self.served = 0

    def turn(self, lengths, again: bool) -> None:
        """One turn of EngineCore.run_busy_loop."""
        if not self.flow.busy and not self.waiting:
            self.clock.now = max(self.clock.now, self.arrivals[0][0])
        new = []
        while self.arrivals and self.arrivals[0][0] <= self.clock.now:
            self.waiting.append(heapq.heappop(self.arrivals))
            self.flow.pace.arrived(self.waiting[-1][0])
        while self.flow.takes(len(self.waiting)) and self.waiting and len(self.sent) < RUNNING:
            due, client = self.waiting.popleft()
            req_id = f"{client}-{due}"
            self.sent[req_id] = due
            prompt = [1] * next(lengths)
            new.append(SimpleNamespace(req_id=req_id, prompt_token_ids=prompt, pooling_params=None))
        self.flow.add(new)
        done = [request for part in self.flow.advance() for request in part.requests]
        self.clock.now += TURN
        for number, request in enumerate(done):
            self.latencies.append(self.clock.now - self.sent.pop(request.req_id))
            self.served += 1
            if again:
                came = self.clock.now + self.back + number * self.each
                heapq.heappush(self.arrivals, (came, int(request.req_id.partition("-")[0])))
        if not new and not self.flow.busy:
            self.clock.now += REST

    def closed_loop(self, clients: int, seconds: float = 10.0) -> "Simulated":
        same = iter(lambda: LENGTH, None)
        for client in range(clients):
            heapq.heappush(self.arrivals, (self.clock.now + client * self.each, client))
        self.run(same, seconds, True)
        return self

    def run(self, lengths, seconds: float, again: bool) -> None:
        for begin in (True, False):  # half a second to get to know each other
            start, computed, served = self.clock.now, self.device.computed, self.served
            while self.clock.now < start + (0.5 if begin else seconds) and (
                self.arrivals or self.waiting or self.flow.busy
            ):
                self.turn(lengths, again)
            if begin:
                self.latencies.clear()
        took = self.clock.now - start
        self.busy, self.rate = (self.device.computed - computed) / took, (self.served - served) / took


@pytest.mark.parametrize("actual", [1.0, 0.7, 1.4], ids=["as estimated", "faster", "slower"])
@pytest.mark.parametrize("clients, share", [(8, 0.85), (16, 0.90), (64, 0.95), (128, 0.95)])
def test_closed_loops(clients, share, actual):
    """Of a faster device the host's times are a larger share."""
    found = Simulated(back=0.001 * actual, each=0.0002 * actual, actual=actual).closed_loop(clients)
    assert found.rate >= share * ROWS / FULL / actual, (found.rate * FULL * actual / ROWS, found.busy)


@pytest.mark.parametrize("clients", [64, 128])
def test_a_step_noticed_late_is_not_taken_for_a_long_one(clients):
    """Or the next one would be thought to begin late, and be noticed late in turn, for ever."""
    simulated = Simulated()
    simulated.device.late = 1.1 * FULL
    assert simulated.closed_loop(clients, 4.0).busy >= 0.95


def test_a_lone_client_never_waits():
    found = Simulated().closed_loop(1)
    alone = MS[1] / 1000 + START + 2 * TURN
    assert statistics.median(found.latencies) <= 1.01 * alone and max(found.latencies) <= 1.02 * alone


@pytest.mark.parametrize("share, steps", [(0.5, 3.0), (0.8, 4.0)])
def test_arrivals_by_chance(share, steps):
    found, chance, due = Simulated(), random.Random(3), 1.0
    while due < 31:
        due += chance.expovariate(share * ROWS / FULL)
        found.arrivals.append((due, 0))
    found.run(iter(lambda: LENGTH, None), 29.0, False)
    assert statistics.quantiles(found.latencies, n=100)[98] <= steps * FULL


@pytest.mark.parametrize("clients", range(1, 25))
def test_waiting_pays(clients, monkeypatch):
    """For no number of clients is less done than by a device that never waits."""
    waiting = Simulated().closed_loop(clients, 4.0)
    eager = Simulated()
    monkeypatch.setattr(eager.flow.pace, "waits", lambda lengths: False)
    assert waiting.rate >= 0.98 * eager.closed_loop(clients, 4.0).rate
