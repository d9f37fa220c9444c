# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What our platform and worker cost beside vLLM itself: requests/s with a device that does nothing.

    python -m models.demos.wormhole.bge_large_en.tests.perf.serving [--rounds N] [--seconds S] [--words W] [--vllm V | --threads N]

Two servers on this machine, both with the front end of the installed vLLM and MiniLM's tokenizer: ours, whose worker
checks, plans and counts as for a card and then returns a constant, and a bare one, whose worker returns a constant at once
(serving_workers.py, bare_platform.py). They take turns under load, short ones, so that what else the machine does falls
on both. The ratio is the median over rounds of ours / bare in one round. With --vllm or --threads both are ours: in the
place of "ours" one with that vLLM, from the environment that is made for its tests, or with so many threads that read
long requests, and in the place of "bare" one with the installed vLLM, or with one thread.
"""

import argparse
import asyncio
import base64
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp
import numpy as np
import psutil

from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM, registry_minilm
from models.demos.wormhole.bge_large_en.tests.vllm.server import API_SERVER, Server, serving

PLUGIN = "models.demos.wormhole.bge_large_en.vllm_plugin"
PERF = "models.demos.wormhole.bge_large_en.tests.perf"
PLATFORMS = {"ours": f"{PLUGIN}:platform_plugin", "bare": f"{PERF}.bare_platform:bare_platform"}
FLAGS = {"ours": ["--worker-cls", f"{PERF}.serving_workers.HostOnlyWorker"], "bare": []}
REPOSITORY = Path(__file__).parents[6]


@dataclass(frozen=True)
class Load:
    """So many requests on their way at any time, of so many texts each."""

    concurrency: int
    inputs: int

    def __str__(self) -> str:
        return f"{self.concurrency} at a time" + f", {self.inputs} inputs each" * (self.inputs > 1)


LOADS = (Load(1, 1), Load(16, 1), Load(64, 1), Load(4, 64))


@dataclass(frozen=True)
class Round:
    """Of one server: requests/s, and seconds of CPU that its processes took for each."""

    rate: float
    cpu: float


@dataclass(frozen=True)
class Result:
    """Both servers' rounds, in pairs."""

    load: Load
    ours: tuple[Round, ...]
    bare: tuple[Round, ...]

    @property
    def ratios(self) -> list[float]:
        return [ours.rate / bare.rate for ours, bare in zip(self.ours, self.bare, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


@contextmanager
def servers(folder: Path, other: str | None = None, threads: int | None = None) -> Iterator[dict[str, Server]]:
    """Both servers, started at the same time; their logs go to `folder`. other: vLLM's version, of --vllm; or threads."""
    checkpoint = registry_minilm()
    if checkpoint is None:
        raise FileNotFoundError("no installed package holds all-MiniLM-L6-v2, whose config and tokenizer are needed")
    info = folder / "serving_platforms-0.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: serving_platforms\nVersion: 0.0.0\n")
    entries = "".join(f"serving_{name} = {value}\n" for name, value in PLATFORMS.items())
    (info / "entry_points.txt").write_text(f"[vllm.platform_plugins]\n{entries}")
    path = os.pathsep.join([str(REPOSITORY), str(folder)])
    environment = {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment["EMULATED_WORMHOLE"] = "1"  # for where there is no card, of which none is used
    flags = ["--model", str(checkpoint), "--served-model-name", MINILM, "--max-model-len", "256"]
    flags += ["--disable-uvicorn-access-log", "--shutdown-timeout", "20"]
    programs = {}
    if other is not None:
        pythons = {"ours": REPOSITORY / ".venv" / f"vllm-{other}" / "bin" / "python", "bare": sys.executable}
        programs = {name: (str(python), *API_SERVER[1:]) for name, python in pythons.items()}
    chosen: dict[str, list[str]] = {name: [] for name in PLATFORMS}
    if threads is not None:
        chosen = {name: ["--renderer-num-workers", str(n)] for name, n in (("ours", threads), ("bare", 1))}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serving(
                    flags + FLAGS[kind] + chosen[name],
                    {**environment, "VLLM_PLUGINS": f"serving_{kind},emulated_wormhole"},
                    folder / f"{name}.log",
                    wait=False,
                    program=programs.get(name),
                )
            )
            for name in PLATFORMS
            for kind in ["ours" if other or threads else name]
        }


def body(load: Load, words: int) -> bytes:
    """A request as the openai client sends it, which asks for base64; "word" is one token."""
    texts = ["word " * words] * load.inputs
    return json.dumps({"model": MINILM, "input": texts, "encoding_format": "base64"}).encode()


def cpu_seconds(server: Server) -> float:
    """That the server's processes have taken so far."""
    process = psutil.Process(server.process.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


async def one_round(server: Server, load: Load, words: int, seconds: float) -> Round:
    """At least `seconds` of load; RuntimeError for an answer that is not 200."""
    data, headers, done, url = body(load, words), {"Content-Type": "application/json"}, 0, server.url
    start, cpu = time.perf_counter(), cpu_seconds(server)

    async def ask_on() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            async with session.post(f"{url}/v1/embeddings", data=data, headers=headers) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{url} answered {answer.status}: {(await answer.text())[:300]}")
                await answer.read()
            done += 1

    # Connections of this round alone: a server closes those that idle for the other's turn.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(ask_on() for _ in range(load.concurrency)))
    return Round(done / (time.perf_counter() - start), (cpu_seconds(server) - cpu) / done)


async def check_constant(url: str, load: Load, words: int) -> int:
    """That each text gets the unit vector of equal numbers; returns the tokens of a text."""
    asked = {"data": body(load, words), "headers": {"Content-Type": "application/json"}}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/embeddings", **asked) as answer:
        content = await answer.json()
    rows = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in content["data"]]
    if len(rows) != load.inputs or not all(np.allclose(row, len(row) ** -0.5, atol=1e-6) for row in rows):
        raise RuntimeError(f"{url} did not answer with {load.inputs} constant unit vectors")
    return content["usage"]["prompt_tokens"] // load.inputs


async def compare(running: dict[str, Server], loads, words: int, rounds: int, seconds: float) -> list[Result]:
    results = []
    for load in loads:
        tokens = [await check_constant(server.url, load, words) for server in running.values()]
        assert len(set(tokens)) == 1, tokens
        made: dict[str, list[Round]] = {name: [] for name in running}
        for index in range(1 + rounds):  # the first warms up
            names = list(running) if index % 2 else list(running)[::-1]
            for name in names:
                made[name].append(await one_round(running[name], load, words, seconds))
        results.append(Result(load, tuple(made["ours"][1:]), tuple(made["bare"][1:])))
        print_row(results[-1])
    return results


def print_row(result: Result) -> None:
    rates = [statistics.median(one.rate for one in rounds) for rounds in (result.ours, result.bare)]
    cpu = [1000 * statistics.median(one.cpu for one in rounds) for rounds in (result.ours, result.bare)]
    spread = "{:.3f} to {:.3f}".format(*statistics.quantiles(result.ratios, n=4)[::2])
    print(
        "{:30} {:8.1f} {:8.1f} {:7.3f}  {:14}  {:7.2f} {:7.2f}".format(
            str(result.load), *rates, result.ratio, spread, *cpu
        ),
        flush=True,
    )


def run(
    loads=LOADS,
    *,
    words: int = 24,
    rounds: int = 60,
    seconds: float = 0.3,
    other: str | None = None,
    threads: int | None = None,
) -> list[Result]:
    """Start both servers, print a line per load and return the results."""
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder), other, threads) as running:
        for server in running.values():
            server.wait_until_healthy()
        print(f"vLLM {version('vllm')}, Python {platform.python_version()}, {os.cpu_count()} cores, no device at all")
        print(f"{words + 2} tokens a text, base64, {rounds} rounds of {seconds:g} s a server; client on the same cores")
        print(f"{'':30} {'requests/s':^17} {'ratio, half of its rounds':24}  {'CPU ms a request':>15}")
        names = (other, version("vllm")) if other else ("threads", "one") if threads else ("ours", "bare")
        print("{:30} {:>8} {:>8} {:24} {:>8} {:>7}".format("", *names, "", *names), flush=True)
        return asyncio.run(compare(running, loads, words, rounds, seconds))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=0.3, help="of load, a round and server")
    parser.add_argument("--words", type=int, default=24, help="of a text, one token each")
    compared = parser.add_mutually_exclusive_group()
    compared.add_argument("--vllm", metavar="VERSION", help="another version, which is compared with the installed one")
    compared.add_argument(
        "--threads", type=int, metavar="N", help="--renderer-num-workers, which are compared with one"
    )
    options = parser.parse_args(arguments)
    if options.threads is not None and options.threads < 1:
        parser.error(f"--threads is {options.threads}; allowed: 1 or more")
    run(
        words=options.words,
        rounds=options.rounds,
        seconds=options.seconds,
        other=options.vllm,
        threads=options.threads,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
