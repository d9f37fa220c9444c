# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Whether waiting for batches to fill pays: option batch_fill_wait_us, in vLLM's real engine, without a device.

    python -m models.demos.wormhole.bge_large_en.tests.vllm.engine.batch_fill_benchmark [--help]

In place of the device is a double that sleeps for the estimated time of each BGE-large step of eight rows (step_cost.py)
and returns constants. Clients send one text, wait for its vector, and send the next, after a pause of their own of random
length. Printed, for each wait: texts per device step, and throughput and median latency as ratios to no wait.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from models.demos.wormhole.bge_large_en.reference.seeded import BGE_LARGE_CONFIG

MODULE = "models.demos.wormhole.bge_large_en.tests.vllm.engine.batch_fill_benchmark"
ROWS = 8
CONFIG = {**BGE_LARGE_CONFIG, "architectures": ["BertModel"], "model_type": "bert"}  # vLLM reads no weights


def estimated_step(tokens: int) -> float:
    """Seconds of a BGE-large step with rows of `tokens` tokens."""
    from transformers import BertConfig

    from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import shape_cost
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims

    return shape_cost(BertDims.from_hf(BertConfig(**CONFIG)), (ROWS, -(-tokens // 32) * 32, False)) * 1e-6


def sleeping_worker():
    """The worker class; made here because vLLM chooses its platform when it is imported."""
    import torch
    from vllm.v1.worker.worker_base import CompilationTimes

    from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

    class SleepingModel:
        normalize = False

        def __init__(self, seconds: float):
            self.seconds, self.steps, self.rows = seconds, 0, torch.ones(ROWS * 64, 1024)

        def embed(self, texts):
            steps = -(-len(texts) // ROWS)
            self.steps += steps
            time.sleep(steps * self.seconds)
            return self.rows[: len(texts)]

        def close(self):
            pass

    class SleepingWorker(TTPoolingWorker):
        def init_device(self) -> None:
            pass

        def load_model(self, *, load_dummy_weights: bool = False) -> None:
            self.model = SleepingModel(estimated_step(self.model_config.max_model_len))

        def compile_or_warm_up_model(self) -> CompilationTimes:
            return CompilationTimes(language_model=0.0, encoder=0.0)

        def steps(self) -> int:
            return self.model.steps

    return SleepingWorker


def __getattr__(name: str):
    if name == "SleepingWorker":
        return sleeping_worker()
    raise AttributeError(name)


@dataclass
class Measured:
    """Texts embedded in so many device steps and seconds, and how long each took, in seconds."""

    steps: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


async def measure(engine, clients: int, seconds: float, pause: float, length: int, into: Measured) -> None:
    """Add what `clients` closed loops do in `seconds`; pause: mean seconds between a client's texts of `length` tokens."""
    from vllm.pooling_params import PoolingParams

    chance, end = random.Random(0), time.perf_counter() + seconds

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            await asyncio.sleep(chance.expovariate(1 / pause) if pause else 0)
            prompt, start = {"prompt_token_ids": [101] * length}, time.perf_counter()
            async for _ in engine.encode(prompt, PoolingParams(task="embed"), f"{number}-{start}"):
                pass
            into.latencies.append(time.perf_counter() - start)

    before, start = (await engine.collective_rpc("steps"))[0], time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    into.seconds += time.perf_counter() - start
    into.steps += (await engine.collective_rpc("steps"))[0] - before


async def compare(model: str, options) -> dict[tuple[int, int], Measured]:
    """(clients, wait) -> what was measured, in turns, so that a busy host slows all waits alike."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engines, pause = {}, options.pause_ms / 1000
    measured = {(clients, wait): Measured() for clients in options.clients for wait in (0, *options.waits)}
    try:
        for wait in (0, *options.waits):
            args = AsyncEngineArgs(
                model=model,
                skip_tokenizer_init=True,
                max_model_len=options.tokens,
                max_num_seqs=64,
                worker_cls=f"{MODULE}.SleepingWorker",
                additional_config={"tt": {"batch_fill_wait_us": wait}},
            )
            engines[wait] = AsyncLLM.from_engine_args(args)
            await measure(engines[wait], 2, 0.5, 0, options.tokens, Measured())
        for _ in range(options.rounds):
            for (clients, wait), into in measured.items():
                await measure(engines[wait], clients, options.seconds, pause, options.tokens, into)
    finally:
        for engine in engines.values():
            engine.shutdown()
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waits", type=int, nargs="+", default=[5000, 10000], help="microseconds")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 8, 16, 24])
    parser.add_argument("--tokens", type=int, default=384, help="tokens of every text")
    parser.add_argument("--pause-ms", type=float, default=5, help="mean pause of a client between its texts")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each pair of clients and wait")
    options = parser.parse_args()
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG))
        measured = asyncio.run(compare(folder, options))
    step = estimated_step(options.tokens) * 1e3
    print(f"no device: a step of {ROWS} rows of {options.tokens} tokens takes its estimated {step:.1f} ms")
    print(f"{os.cpu_count()} host cores; clients pause for {options.pause_ms} ms on average")
    print(f"{'clients':>7} {'wait us':>8} {'texts a step':>12} {'throughput':>11} {'median latency':>15}")
    for (clients, wait), row in measured.items():
        base = measured[clients, 0]
        faster = len(row.latencies) / row.seconds / (len(base.latencies) / base.seconds)
        later = statistics.median(row.latencies) / statistics.median(base.latencies)
        print(f"{clients:7d} {wait:8d} {len(row.latencies) / row.steps:12.2f} {faster:10.2f}x {later:14.2f}x")


if __name__ == "__main__":
    main()
