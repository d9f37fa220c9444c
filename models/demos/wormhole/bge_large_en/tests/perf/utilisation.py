# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How busy and how full vLLM keeps a device: BGE-large's steps as estimated, in the real engine, without a device.

    python -m models.demos.wormhole.bge_large_en.tests.perf.utilisation [--vllm] [--json] [--http] [--seconds S]

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
import gc
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from models.demos.wormhole.bge_large_en.reference.seeded import BGE_LARGE_CONFIG
from models.demos.wormhole.bge_large_en.tests.perf.offered_load import Ask, Device, Load, Point, measure

PERF = "models.demos.wormhole.bge_large_en.tests.perf"
WORKER = f"{PERF}.serving_workers.SleepingWorker"
NAME, MAX_LENGTH = "bge-large-double", 384
CONFIG = {**BGE_LARGE_CONFIG, "architectures": ["BertModel"], "model_type": "bert"}  # no weights are read

CLOSED = tuple(Load(clients) for clients in (1, 8, 16, 64, 128))
BY_CHANCE = tuple(Load(share=share, lengths=name) for name in ("stsb", "paragraphs") for share in (0.5, 0.8, 0.95))
# Of short texts a card does thousands a second, more than Python hands over.
SLOWER = {str(MAX_LENGTH): 1.0, "paragraphs": 4.0, "stsb": 16.0}


@asynccontextmanager
async def engine(folder: Path, options: dict) -> AsyncIterator[tuple[Ask, Callable]]:
    """vLLM's engine in a process of its own, and AsyncLLM in this one."""
    from prometheus_client import REGISTRY, generate_latest
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.pooling_params import PoolingParams
    from vllm.v1.engine.async_llm import AsyncLLM

    flags = {"model": str(folder), "served_model_name": NAME, "skip_tokenizer_init": True, "worker_cls": WORKER}
    flags["additional_config"] = {"tt": options}
    running = AsyncLLM.from_engine_args(AsyncEngineArgs(max_model_len=MAX_LENGTH, max_num_seqs=64, **flags))
    gc.collect()  # as the API server does: Python's rare full collection stops it for a third of a second
    gc.freeze()
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
    overlap: bool = True,
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
    devices = {name: Device.of(name, cost, buckets, SLOWER[name]) for name in {load.lengths for load in loads}}
    tokenizer = registry_minilm()
    for slower in sorted({SLOWER[load.lengths] for load in loads}):
        os.environ[serving_workers.SLOWER] = str(slower)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.json").write_text(json.dumps(CONFIG))
            for file in (*tokenizer.glob("*token*"), *tokenizer.glob("vocab*")) if tokenizer else ():
                (folder / file.name).write_bytes(file.read_bytes())
            async with (api_server if http else engine)(folder, {"overlap_steps": overlap}) as (ask, metrics):
                await ask(MAX_LENGTH)
                for load in (load for load in loads if SLOWER[load.lengths] == slower):
                    device = devices[load.lengths]
                    long = max(seconds, 80 * device.step)  # so that a step more or less is a small share
                    points.append(await measure(load, device, ask, metrics, long, max(0.5, long / 8)))
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
    parser.add_argument("--vllm", action="store_true", help="vLLM's own scheduler, whose steps do not overlap")
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
    import uvloop  # as the API server's event loop

    stdout = sys.stdout
    log = sys.stderr if options.json else stdout

    def tell(text: str) -> None:
        print(text, file=log, flush=True)

    with redirect_stdout(sys.stderr):  # where ttnn and vLLM print
        tell(f"no device: steps take as long as BGE-large's are estimated to; {os.cpu_count()} host cores\n{HEADER}")
        points = uvloop.run(
            run(loads, options.seconds, options.http, not options.vllm, lambda point: tell(line(point)))
        )
    if options.json:
        print(
            json.dumps(
                {"http": options.http, "overlap": not options.vllm, "loads": [asdict(point) for point in points]}
            )
        )


if __name__ == "__main__":
    main()
