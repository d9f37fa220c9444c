# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Loads of clients, and what they and the platform's metrics say of a device: for utilisation.py. No vLLM here."""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import psutil

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, Shape, plan_steps
from models.demos.wormhole.bge_large_en.tests.perf.text_lengths import text_lengths

WAITING = 64
Ask = Callable[[int], Awaitable[None]]  # embeds a text of so many tokens
Cost = Callable[[Shape], float]  # estimated microseconds of a device step


@dataclass(frozen=True)
class Load:
    """clients in a closed loop, or arrivals by chance at `share` of the device's rate; lengths as of text_lengths.py."""

    clients: int = 0
    share: float = 0.0
    lengths: str = "384"

    def __str__(self) -> str:
        who = f"{self.clients} clients" if self.clients else f"arrivals at {self.share:.0%}"
        return f"{who}, {self.lengths}"


@dataclass(frozen=True)
class Device:
    """A double whose steps take `slower` times their estimate, and what it does of texts of these lengths, with WAITING
    of them waiting."""

    lengths: tuple[int, ...]
    cost: Cost
    slower: float
    rate: float  # texts per second
    step: float  # mean seconds

    @classmethod
    def of(cls, name: str, cost: Cost, buckets: Buckets, slower: float) -> "Device":
        lengths = tuple(text_lengths(name))
        groups = [lengths[start : start + WAITING] for start in range(0, len(lengths), WAITING)]
        steps = [step for group in groups for step in plan_steps(group, buckets, cost)]
        seconds = sum(cost(step.shape) for step in steps) * 1e-6 * slower
        return cls(lengths, cost, slower, len(lengths) / seconds, seconds / len(steps))


@dataclass(frozen=True)
class Counted:
    """So far: estimated seconds of device steps, rows of theirs, and those that held texts, by the platform's metrics."""

    busy: float
    rows: float
    filled: float
    host: float  # seconds of a core, of this process and those that it started
    at: float

    @classmethod
    def read(cls, text: str, cost: Cost) -> "Counted":
        from prometheus_client.parser import text_string_to_metric_families

        busy = rows = filled = 0.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "vllm:tt_rows_total":
                    filled += sample.value
                elif sample.name == "vllm:tt_device_steps_total":
                    of = sample.labels
                    shape = int(of["batch"]), int(of["sequence_length"]), of["packed"] == "true"
                    busy += sample.value * cost(shape) * 1e-6
                    rows += sample.value * shape[0]
        return cls(busy, rows, filled, host_seconds(), time.perf_counter())


@dataclass(frozen=True)
class Point:
    load: str
    clients: int
    busy: float
    filled: float
    texts_per_second_of_device_rate: float
    p50_steps: float
    p99_steps: float
    host_ms_per_text: float
    texts: int
    slower: float


class Clients:
    """Texts sent until told to stop; `answers`: when each was to be sent, and when it was answered."""

    def __init__(self, ask: Ask, lengths: Sequence[int]):
        self._ask, self._lengths, self._chance = ask, lengths, random.Random(0)
        self.answers: list[tuple[float, float]] = []
        self.stopped = False

    async def closed_loop(self, clients: int) -> None:
        """Each sends its next text when it has the last one's vector."""

        async def client() -> None:
            while not self.stopped:
                await self._one(time.perf_counter())

        await asyncio.gather(*(client() for _ in range(clients)))

    async def by_chance(self, rate: float) -> None:
        """Texts that arrive independently of each other, so many a second."""
        due, tasks = time.perf_counter(), []
        while not self.stopped:
            due += self._chance.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(self._one(due)))
        await asyncio.gather(*tasks)

    async def _one(self, due: float) -> None:
        await self._ask(self._chance.choice(self._lengths))
        self.answers.append((due, time.perf_counter()))


def host_seconds() -> float:
    this = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (this, *this.children(recursive=True)))


async def measure(
    load: Load, device: Device, ask: Ask, metrics: Callable[[], Awaitable[str]], seconds: float, warm: float
) -> Point:
    """Of so many seconds under load, after `warm` seconds of it."""
    clients = Clients(ask, device.lengths)
    offered = clients.closed_loop(load.clients) if load.clients else clients.by_chance(load.share * device.rate)
    running = asyncio.create_task(offered)
    try:
        await asyncio.wait([running], timeout=warm)
        start = Counted.read(await metrics(), device.cost)
        await asyncio.wait([running], timeout=seconds)
        end = Counted.read(await metrics(), device.cost)
    finally:
        clients.stopped = True
        await running
    took = end.at - start.at
    answered = sum(start.at <= done < end.at for _, done in clients.answers)
    latencies = [done - due for due, done in clients.answers if start.at <= due < end.at]
    percentiles = statistics.quantiles(latencies, n=100)
    return Point(
        load=str(load),
        clients=load.clients,
        busy=round((end.busy - start.busy) * device.slower / took, 3),
        filled=round((end.filled - start.filled) / (end.rows - start.rows), 3),
        texts_per_second_of_device_rate=round(answered / took / device.rate, 3),
        p50_steps=round(percentiles[49] / device.step, 3),
        p99_steps=round(percentiles[98] / device.step, 3),
        host_ms_per_text=round(1000 * (end.host - start.host) / answered, 2),
        texts=answered,
        slower=device.slower,
    )
