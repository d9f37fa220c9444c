# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What our platform and worker cost beside vLLM itself: requests/s with a device that does nothing.

    python -m models.demos.wormhole.bge_large_en.tests.perf.serving [--rounds N] [--seconds S] [--words W]

Two servers on this machine, both with the front end of the installed vLLM and MiniLM's tokenizer: ours, whose worker
checks, plans and counts as for a card and then returns a constant, and a bare one, whose worker returns a constant at once
(serving_workers.py, bare_platform.py). They take turns under load. Each ratio is the median over rounds of ours / bare in one round.
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

from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM, registry_minilm
from models.demos.wormhole.bge_large_en.tests.vllm.server import Server, serving

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
class Result:
    """Requests/s of each round."""

    load: Load
    ours: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, Server]]:
    """Both servers, started at the same time; their logs go to `folder`."""
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
    flags = ["--model", str(checkpoint), "--served-model-name", MINILM, "--max-model-len", "256"]
    flags += ["--disable-uvicorn-access-log", "--shutdown-timeout", "20"]
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serving(
                    flags + FLAGS[name],
                    {**environment, "VLLM_PLUGINS": f"serving_{name}"},
                    folder / f"{name}.log",
                    wait=False,
                )
            )
            for name in PLATFORMS
        }


def body(load: Load, words: int) -> bytes:
    """A request as the openai client sends it, which asks for base64; "word" is one token."""
    texts = ["word " * words] * load.inputs
    return json.dumps({"model": MINILM, "input": texts, "encoding_format": "base64"}).encode()


async def requests_per_second(session: aiohttp.ClientSession, url: str, load: Load, words: int, seconds: float):
    """Requests/s over at least `seconds`; RuntimeError for an answer that is not 200."""
    data, headers, done = body(load, words), {"Content-Type": "application/json"}, 0
    start = time.perf_counter()

    async def ask_on() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            async with session.post(f"{url}/v1/embeddings", data=data, headers=headers) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{url} answered {answer.status}: {(await answer.text())[:300]}")
                await answer.read()
            done += 1

    await asyncio.gather(*(ask_on() for _ in range(load.concurrency)))
    return done / (time.perf_counter() - start)


async def check_constant(session: aiohttp.ClientSession, url: str, load: Load, words: int) -> int:
    """That each text gets the unit vector of equal numbers; returns the tokens of a text."""
    async with session.post(
        f"{url}/v1/embeddings", data=body(load, words), headers={"Content-Type": "application/json"}
    ) as answer:
        content = await answer.json()
    rows = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in content["data"]]
    if len(rows) != load.inputs or not all(np.allclose(row, len(row) ** -0.5, atol=1e-6) for row in rows):
        raise RuntimeError(f"{url} did not answer with {load.inputs} constant unit vectors")
    return content["usage"]["prompt_tokens"] // load.inputs


async def compare(running: dict[str, Server], loads, words: int, rounds: int, seconds: float) -> list[Result]:
    results = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for load in loads:
            tokens = [await check_constant(session, server.url, load, words) for server in running.values()]
            assert len(set(tokens)) == 1, tokens
            rates: dict[str, list[float]] = {name: [] for name in running}
            for index in range(-1, rounds):  # round -1 warms up
                names = list(running) if index % 2 else list(running)[::-1]
                for name in names:
                    rate = await requests_per_second(session, running[name].url, load, words, seconds)
                    rates[name] += [rate] * (index >= 0)
            results.append(Result(load, tuple(rates["ours"]), tuple(rates["bare"])))
            print_row(results[-1])
    return results


def print_row(result: Result) -> None:
    ours, bare = statistics.median(result.ours), statistics.median(result.bare)
    spread = f"{min(result.ratios):.3f} to {max(result.ratios):.3f}"
    print(f"{result.load!s:32} {ours:10.1f} {bare:10.1f} {result.ratio:8.3f}   {spread}", flush=True)


def run(loads=LOADS, *, words: int = 24, rounds: int = 7, seconds: float = 3.0) -> list[Result]:
    """Start both servers, print a line per load and return the results."""
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as running:
        for server in running.values():
            server.wait_until_healthy()
        print(f"vLLM {version('vllm')}, Python {platform.python_version()}, {os.cpu_count()} cores, no device at all")
        print(f"{words + 2} tokens a text, base64, {rounds} rounds of {seconds:g} s a server; client on the same cores")
        print(f"{'load':32} {'ours /s':>10} {'bare /s':>10} {'ratio':>8}   ratios of the rounds", flush=True)
        return asyncio.run(compare(running, loads, words, rounds, seconds))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load, a round and server")
    parser.add_argument("--words", type=int, default=24, help="of a text, one token each")
    options = parser.parse_args(arguments)
    run(words=options.words, rounds=options.rounds, seconds=options.seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
