# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How busy and how full vLLM keeps a device: BGE-large's steps as estimated, in the real engine, without a device.

    python -m models.demos.wormhole.bge_large_en.tests.perf.utilisation [--overlap] [--json] [--http] [--seconds S]

In place of the device is a double whose steps take as long as step_cost.py estimates (serving_workers.SleepingWorker).
Requests of one text each come from clients in a closed loop, who send the next when they have the last, or by chance at
a share of the device's rate: what it does of these lengths with 64 of them always waiting. By default the clients call
vLLM's AsyncLLM, as the API server does; with --http they are clients of the API server itself, in which a text takes a
few ms of a core, so that two cores can't keep up with a card. Where even the engine can't, the double is slower than the
estimate, which is said. Printed for each load:

    busy      time that the device computes / time
    filled    rows of its steps that hold texts / rows
    of rate   texts per second / device's rate
    p50, p99  latency in mean steps of that plan with 64 waiting
    host ms   of a core, of all processes, clients' included, a text
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import psutil

PERF = "models.demos.wormhole.bge_large_en.tests.perf"
WORKER = f"{PERF}.serving_workers.SleepingWorker"
NAME, MAX_LENGTH, WAITING = "bge-large-double", 384, 64
CONFIG = {  # BGE-large's; no weights are read
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
Ask = Callable[[int], Coroutine]  # embeds a text of so many tokens


@dataclass(frozen=True)
class Load:
    """clients in a closed loop, or arrivals by chance at `share` of the device's rate; lengths as of text_lengths.py."""

    clients: int = 0
    share: float = 0.0
    lengths: str = str(MAX_LENGTH)

    def __str__(self) -> str:
        who = f"{self.clients} clients" if self.clients else f"arrivals at {self.share:.0%}"
        return f"{who}, {self.lengths}"


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


CLOSED = tuple(Load(clients) for clients in (1, 8, 16, 64, 128))
BY_CHANCE = tuple(Load(share=share, lengths=name) for name in ("stsb", "paragraphs") for share in (0.5, 0.8, 0.95))
# Of short texts a card does thousands a second, more than Python hands over.
SLOWER = {str(MAX_LENGTH): 1.0, "paragraphs": 4.0, "stsb": 16.0}


@dataclass(frozen=True)
class Device:
    """What the double does of texts of these lengths, with WAITING of them waiting."""

    lengths: tuple[int, ...]
    rate: float  # texts per second
    step: float  # seconds

    @classmethod
    def of(cls, name: str, cost, buckets) -> "Device":
        from models.demos.wormhole.bge_large_en.runner.batch_plan import plan_steps
        from models.demos.wormhole.bge_large_en.tests.perf.text_lengths import text_lengths

        lengths = tuple(text_lengths(name))
        groups = [lengths[start : start + WAITING] for start in range(0, len(lengths), WAITING)]
        steps = [step for group in groups for step in plan_steps(group, buckets, cost)]
        seconds = sum(cost(step.shape) for step in steps) * 1e-6 * SLOWER[name]
        return cls(lengths, len(lengths) / seconds, seconds / len(steps))


@dataclass(frozen=True)
class Counted:
    """By the platform's metrics, so far."""

    busy: float = 0.0  # estimated seconds of device steps
    rows: float = 0.0
    filled: float = 0.0

    @classmethod
    def read(cls, text: str, cost) -> "Counted":
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
        return cls(busy, rows, filled)


async def closed_loop(ask: Ask, clients: int, lengths: Sequence[int], seconds: float, warm: float) -> list[float]:
    """Seconds that each text took, of those sent after `warm` seconds."""
    chance, start, taken = random.Random(0), time.perf_counter(), []

    async def client() -> None:
        while (sent := time.perf_counter()) < start + warm + seconds:
            await ask(chance.choice(lengths))
            if sent >= start + warm:
                taken.append(time.perf_counter() - sent)

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


async def by_chance(ask: Ask, rate: float, lengths: Sequence[int], seconds: float, warm: float) -> list[float]:
    """As closed_loop, of texts that arrive independently of each other; from when each was to be sent."""
    chance, start, taken, tasks = random.Random(0), time.perf_counter(), [], []

    async def one(due: float) -> None:
        await ask(chance.choice(lengths))
        if due >= start + warm:
            taken.append(time.perf_counter() - due)

    due = start
    while due < start + warm + seconds:
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    return taken


def host_seconds() -> float:
    """Of a core, that this process and those that it started have taken so far."""
    this = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (this, *this.children(recursive=True)))


async def measure(load: Load, device: Device, ask: Ask, metrics, cost, seconds: float, warm: float) -> Point:
    start, host = (Counted.read(await metrics(), cost), time.perf_counter()), host_seconds()
    if load.clients:
        taken = await closed_loop(ask, load.clients, device.lengths, seconds, warm)
    else:
        taken = await by_chance(ask, load.share * device.rate, device.lengths, seconds, warm)
    took, host, end = time.perf_counter() - start[1], host_seconds() - host, Counted.read(await metrics(), cost)
    slower = SLOWER[load.lengths]
    percentiles = statistics.quantiles(taken, n=100)
    return Point(
        load=str(load),
        clients=load.clients,
        busy=round((end.busy - start[0].busy) * slower / took, 3),
        filled=round((end.filled - start[0].filled) / (end.rows - start[0].rows), 3),
        texts_per_second_of_device_rate=round(len(taken) / (took - warm) / device.rate, 3),
        p50_steps=round(percentiles[49] / device.step, 2),
        p99_steps=round(percentiles[98] / device.step, 2),
        host_ms_per_text=round(1000 * host / len(taken) * (took - warm) / took, 2),
        texts=len(taken),
        slower=slower,
    )


@asynccontextmanager
async def engine(folder: Path, options: dict) -> AsyncIterator[tuple[Ask, Callable]]:
    """vLLM's engine in a process of its own, and AsyncLLM in this one."""
    from itertools import count

    from prometheus_client import REGISTRY, generate_latest
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.pooling_params import PoolingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    flags = {"model": str(folder), "served_model_name": NAME, "skip_tokenizer_init": True, "worker_cls": WORKER}
    flags["additional_config"] = {"tt": options}
    running = AsyncLLM.from_engine_args(AsyncEngineArgs(max_model_len=MAX_LENGTH, max_num_seqs=64, **flags))
    numbers = count()

    async def ask(tokens: int) -> None:
        prompt = {"prompt_token_ids": [101] * tokens}
        async for _ in running.encode(prompt, PoolingParams(task="embed"), str(next(numbers))):
            pass

    async def metrics() -> str:
        return generate_latest(REGISTRY).decode()

    try:
        yield ask, metrics
    finally:
        running.shutdown()


@asynccontextmanager
async def api_server(folder: Path, options: dict) -> AsyncIterator[tuple[Ask, Callable]]:
    """vLLM's API server, and its client in this process; "word" is one token."""
    import aiohttp

    from models.demos.wormhole.bge_large_en.tests.vllm.server import serving

    flags = ["--model", str(folder), "--served-model-name", NAME, "--max-model-len", str(MAX_LENGTH)]
    flags += ["--worker-cls", WORKER, "--disable-uvicorn-access-log"]
    flags += ["--additional-config", json.dumps({"tt": options})]
    with serving(flags, dict(os.environ), folder / "server.log") as running:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(running.url, connector=connector) as session:

            async def ask(tokens: int) -> None:
                body = {"model": NAME, "input": "word " * (tokens - 2), "encoding_format": "base64"}
                async with session.post("/v1/embeddings", json=body) as answer:
                    if answer.status != 200:
                        raise RuntimeError(f"{answer.status}: {(await answer.text())[:300]}")
                    await answer.read()

            async def metrics() -> str:
                async with session.get("/metrics") as answer:
                    return await answer.text()

            yield ask, metrics


async def run(
    loads: Sequence[Load] = (*CLOSED, *BY_CHANCE),
    seconds: float = 4.0,
    http: bool = False,
    overlap: bool = False,
    told: Callable[[Point], None] = lambda point: None,
) -> list[Point]:
    """A point for each load; a server for each factor by which the double is slower."""
    from transformers import BertConfig

    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
    from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
    from models.demos.wormhole.bge_large_en.tests.perf import serving_workers
    from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims

    buckets = default_buckets(MAX_LENGTH, 8)
    cost, points = bucket_costs(BertDims.from_hf(BertConfig(**CONFIG)), buckets), []
    devices = {name: Device.of(name, cost, buckets) for name in {load.lengths for load in loads}}
    tokenizer = registry_minilm()
    for slower in sorted({SLOWER[load.lengths] for load in loads}):
        os.environ[serving_workers.SLOWER] = str(slower)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.json").write_text(json.dumps(CONFIG))
            for file in (*tokenizer.glob("*token*"), *tokenizer.glob("vocab*")) if tokenizer else ():
                (folder / file.name).write_bytes(file.read_bytes())
            async with (api_server if http else engine)(folder, {"overlap_steps": overlap}) as (ask, metrics):
                await closed_loop(ask, 8, [MAX_LENGTH], 0.5 * slower, 0)
                for load in (load for load in loads if SLOWER[load.lengths] == slower):
                    device = devices[load.lengths]
                    # At least some tens of steps, half a second of them before it counts.
                    long = max(seconds, 60 * device.step)
                    points.append(await measure(load, device, ask, metrics, cost, long, max(0.5, long / 8)))
                    told(points[-1])
    return points


def line(point: Point) -> str:
    figures = (point.busy, point.filled, point.texts_per_second_of_device_rate, point.p50_steps, point.p99_steps)
    figures = (*figures, point.host_ms_per_text)
    return f"{point.load:28} {point.slower:6g} {point.texts:7d} " + " ".join(f"{figure:8.3f}" for figure in figures)


HEADER = f"{'':28} slower   texts " + " ".join(
    f"{name:>8}" for name in ("busy", "filled", "of rate", "p50", "p99", "host ms")
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    parser.add_argument("--overlap", action="store_true", help="engine steps, by the option overlap_steps")
    parser.add_argument("--http", action="store_true", help="clients of the API server")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load")
    parser.add_argument("--slower", type=float, default=1.0, help="times more, as on a host so many times as fast")
    parser.add_argument("--only", help="loads whose line has this in it")
    options = parser.parse_args(arguments)
    loads = [load for load in (*CLOSED, *BY_CHANCE) if not options.only or options.only in str(load)]
    if not loads:
        parser.error(f"--only is {options.only!r}; loads are {', '.join(map(str, (*CLOSED, *BY_CHANCE)))}")
    SLOWER.update({lengths: times * options.slower for lengths, times in SLOWER.items()})
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if find_spec("models.emulated_wormhole"):
        import_module("models.emulated_wormhole").activate()  # for where there is no card, of which none is used
    stdout = sys.stdout
    log = sys.stderr if options.json else stdout

    def tell(text: str) -> None:
        print(text, file=log, flush=True)

    with redirect_stdout(sys.stderr):  # where ttnn and vLLM print
        tell(f"no device: steps take as long as BGE-large's are estimated to; {os.cpu_count()} host cores\n{HEADER}")
        points = asyncio.run(
            run(loads, options.seconds, options.http, options.overlap, lambda point: tell(line(point)))
        )
    if options.json:
        print(
            json.dumps({"http": options.http, "overlap": options.overlap, "loads": [asdict(point) for point in points]})
        )


if __name__ == "__main__":
    main()
