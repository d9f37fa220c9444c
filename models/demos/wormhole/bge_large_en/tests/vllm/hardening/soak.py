# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Many clients on a server for minutes: mixed lengths, batches and orders, clients that leave, bursts past the bound.

    python -m models.demos.wormhole.bge_large_en.tests.vllm.hardening.soak --minutes 10

Every answer is compared to the bit with the vector of the same text computed alone.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import Server, serving

SOAKED = "tiny-seeded"
LIMIT = 96  # the server's max_waiting_requests: above CLIENTS, below CLIENTS + BURST
CLIENTS, BURST, BURST_EVERY_S, LEAVES = 64, 96, 10, 0.06
MAX_GROWTH = 0.03  # of memory, from the second quarter of a soak (after the warm-up) to the last
ANSWER_LIMIT_S = 300  # a bound on waiting, not on speed


def flags(folder: Path) -> list[str]:
    """A tiny encoder, so that the emulated device answers many requests; packed rows are among its shapes."""
    dims = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256, num_hidden_layers=1)
    write_seeded_checkpoint(folder, registry_minilm(), **dims)
    options = json.dumps({"tt": {"max_waiting_requests": LIMIT, "body_timeout_s": 3}})
    return ["--model", str(folder), "--served-model-name", SOAKED, "--max-model-len", "256"] + [
        "--additional-config",
        options,
    ]


@dataclass
class Soak:
    """Counts of a soak, what went wrong, and resident bytes of all server processes, a sample per second."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Share by which the median memory of the last quarter is above that of the second."""
        quarter = len(self.memory) // 4
        before, after = self.memory[quarter : 2 * quarter], self.memory[-quarter:]
        return statistics.median(after) / statistics.median(before) - 1

    def lines(self) -> list[str]:
        mebibytes = [round(sample / 2**20) for sample in self.memory]
        return [f"soak: {what}: {times}" for what, times in sorted(self.counts.items())] + [
            f"soak: memory of the server's processes, MiB: {mebibytes[0]} before, {mebibytes[-1]} after; "
            f"{self.growth:+.2%} from the second quarter's median to the last's"
        ]


def texts(count: int = 100, seed: int = 0) -> list[str]:
    """Different texts, most of them short, some of a hundred words and more."""
    random_ = random.Random(seed)
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    lengths = [min(140, 1 + int(random_.expovariate(1 / 14))) for _ in range(count)]
    return [f"{i} " + " ".join(random_.choices(words, k=length)) for i, length in enumerate(lengths)]


class Clients:
    """What the clients of one server share. alone: each text's vector (bytes) when nothing else was asked."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, seed: int):
        self.session, self.url, self.server = session, server.url, server
        self.random, self.result, self.alone = random.Random(seed), Soak(), {}

    async def ask(self, batch: list[str]) -> tuple[int, dict, list[bytes]]:
        body = {"model": SOAKED, "input": batch, "encoding_format": "base64"}
        async with self.session.post(f"{self.url}/v1/embeddings", json=body) as answer:
            found = await answer.json()
            data = found["data"] if answer.status == 200 else []
            if [item["index"] for item in data] != list(range(len(data))):
                self.result.wrong.append(f"indices {[item['index'] for item in data]} for {len(batch)} texts")
            return answer.status, dict(answer.headers), [base64.b64decode(item["embedding"]) for item in data]

    async def compute_alone(self, pool: list[str]) -> None:
        for text in pool:
            status, _, rows = await self.ask([text])
            assert status == 200 and len(rows) == 1, (status, text)
            self.alone[text] = rows[0]

    async def checked(self, batch: list[str]) -> bool:
        """Ask, and compare; whether it was served. Anything but 200 and a well-formed 429 is wrong."""
        self.result.counts["requests"] += 1
        status, headers, rows = await self.ask(batch)
        self.result.counts[f"answers {status}"] += 1
        if status == 200:
            self.result.counts["vectors compared with those computed alone"] += len(batch)
            if rows != [self.alone[text] for text in batch]:
                self.result.wrong.append(
                    f"other bits, or others' vectors, in a batch of {len(batch)}: {batch[0][:40]!r}"
                )
        elif status != 429 or not headers.get("Retry-After"):
            self.result.wrong.append(f"status {status}, headers {headers}")
        return status == 200

    def batch(self) -> list[str]:
        return self.random.choices(list(self.alone), k=self.random.choice((1, 1, 1, 2, 3, 5)))

    async def client(self, until: float) -> None:
        while time.monotonic() < until:
            if self.random.random() < LEAVES:
                self.result.counts["clients that left"] += 1
                try:
                    await asyncio.wait_for(self.ask(self.batch()), self.random.uniform(0.001, 0.3))
                except TimeoutError:
                    continue
                self.result.counts["clients that left after their answer"] += 1
            elif not await self.checked(self.batch()):
                await asyncio.sleep(1)  # Retry-After

    async def bursts(self, until: float) -> None:
        while time.monotonic() + BURST_EVERY_S < until:
            await asyncio.sleep(BURST_EVERY_S)
            await asyncio.gather(*(self.checked(self.batch()) for _ in range(BURST)))

    async def sample(self, until: float) -> None:
        root = psutil.Process(self.server.process.pid)
        while time.monotonic() < until:
            self.result.memory.append(sum(p.memory_info().rss for p in [root, *root.children(recursive=True)]))
            await asyncio.sleep(1)

    async def gauge(self, name: str) -> float:
        async with self.session.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))

    async def idle(self) -> None:
        """Wait until nothing runs or waits in the engine."""
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while await self.gauge("vllm:num_requests_running") + await self.gauge("vllm:num_requests_waiting"):
            assert time.monotonic() < deadline, "requests of nobody stay in the engine"
            await asyncio.sleep(0.5)


def session() -> aiohttp.ClientSession:
    """Without a limit on connections."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)


async def soak(server: Server, seconds: float, seed: int = 0) -> Soak:
    """Load a server that flags() started. A request that has no answer in ANSWER_LIMIT_S raises TimeoutError."""
    async with session() as http:
        clients = Clients(http, server, seed)
        await clients.compute_alone(texts(seed=seed))
        until = time.monotonic() + seconds
        await asyncio.gather(
            clients.bursts(until), clients.sample(until), *(clients.client(until) for _ in range(CLIENTS))
        )
        await clients.idle()
        for text, vector in list(clients.alone.items())[::10]:
            if (await clients.ask([text]))[2] != [vector]:
                clients.result.wrong.append(f"other bits after the load: {text[:40]!r}")
        return clients.result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        with serving(flags(Path(folder) / SOAKED), environment, Path(folder) / "server.log") as server:
            result = asyncio.run(soak(server, arguments.minutes * 60, arguments.seed))
    print(
        "\n".join([f"soak: {arguments.minutes:g} minutes, {CLIENTS} clients, on the target the log names"]), flush=True
    )
    print("\n".join(result.lines() + [f"wrong: {what}" for what in result.wrong]))
    raise SystemExit(1 if result.wrong or result.growth > MAX_GROWTH else 0)


if __name__ == "__main__":
    main()
