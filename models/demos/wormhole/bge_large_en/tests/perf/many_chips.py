# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a host needs to feed 1, 8 and 32 chips: processor time of API servers and engines a text, without a device.

    python -m models.demos.wormhole.bge_large_en.tests.perf.many_chips [--only NAME] [--seconds S] [--json]

`vllm serve` in several arrangements over doubles of BGE-large, which sleep for the estimated step (mesh_worker.py):
one engine of 1, 8 or 32 chips, or engines of one chip each, behind one API server or more. Clients in a closed loop,
three steps of them, send texts of 384 tokens, one or 32 in a request. As no small host keeps up with many chips, the
double is so much slower that its steps are full at what the host carries; that changes no text's work. Printed:

    texts/s   with all processes, the client's too, on this machine
    API, engine, other, client   milliseconds of a core a text, of all processes of that kind
    full at   texts/s at which one API server, or one engine, takes a whole core

and from those the cores that chips need at the estimated rate, with the mesh's own cost (mesh_cost.py) on top.
"""

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import psutil

from models.demos.wormhole.bge_large_en.tests.perf.utilisation import CONFIG, MAX_LENGTH, NAME, PERF

WORKER = f"{PERF}.mesh_worker.MeshWorker"
SERVE = (sys.executable, "-m", "vllm.entrypoints.cli.main", "serve")
CHIP_RATE = 300.0  # texts of 384 tokens per second and chip, by the static estimate (perf.estimate)
MESH_MS = 0.04  # of the engine's core a text, which the double has not: write, read and ttnn of mesh_cost.py
BUSY = 0.8  # of a core; a process that takes more of one makes others wait
ROWS = 8  # of a chip's step
FED = 150.0  # texts per second that all chips do together, about what two cores carry
KINDS = ("api", "engine", "other", "client")
MESHES = {1: "N150", 8: "T3K", 32: "TG"}


@dataclass(frozen=True)
class Arrangement:
    """chips of each engine; data-parallel engines; API servers; inputs of a request."""

    chips: int
    engines: int
    servers: int
    inputs: int

    def __str__(self) -> str:
        return (
            f"{self.engines} engine{'s' * (self.engines > 1)} of {self.chips} chip{'s' * (self.chips > 1)}, "
            f"{self.servers} API server{'s' * (self.servers > 1)}, {self.inputs} a request"
        )


ARRANGEMENTS = tuple(
    Arrangement(chips, engines, servers, inputs)
    for chips, engines, servers in (
        (1, 1, 1),
        (8, 1, 1),
        (32, 1, 1),
        (32, 1, 2),
        (1, 2, 1),
        (1, 2, 2),
        (1, 4, 2),
    )
    for inputs in (1, 32)
)


@dataclass(frozen=True)
class Point:
    """Milliseconds are of a core, a text."""

    arrangement: str
    chips: int
    engines: int
    servers: int
    inputs: int
    texts: int
    texts_per_second: float
    texts_per_second_per_core: float  # of API servers, engines and others
    api_ms: float
    engine_ms: float
    other_ms: float
    client_ms: float
    server_full_at: float
    engine_full_at: float


def kind(process: psutil.Process, launcher: int) -> str:
    """By the name that vLLM gives it; of several API servers the first process is their launcher."""
    name = process.name()
    if "Engine" in name:
        return "engine"
    if "ApiServer" in name or "APIServer" in name or process.pid == launcher:
        return "api"
    return "other"


def processor_seconds(pid: int) -> dict[str, float]:
    """So far, of a server's processes and of this one, by kind."""
    found = dict.fromkeys(KINDS, 0.0)
    server = psutil.Process(pid)
    for process in (server, *server.children(recursive=True)):
        found[kind(process, pid)] += sum(process.cpu_times()[:2])
    found["client"] = sum(psutil.Process().cpu_times()[:2])
    return found


def texts(count: int) -> list[str]:
    """English, of as many whole words as make at most MAX_LENGTH tokens."""
    from transformers import AutoTokenizer

    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
    from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

    tokenizer, chance, made = AutoTokenizer.from_pretrained(registry_minilm()), random.Random(0), []
    for _ in range(count):
        text = " ".join(chance.sample(SENTENCES, 60))
        end = tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=MAX_LENGTH)["offset_mapping"]
        made.append(text[: end[-2][1]].rsplit(" ", 1)[0])
    return made


async def load(
    url: str, bodies: Sequence[bytes], clients: int, warm: float, seconds: float, now: Callable[[], dict[str, float]]
) -> tuple[int, float, dict[str, float]]:
    """Of `seconds`, after `warm` others, of clients that send the next request when they have the last: requests that
    were answered, seconds that passed, and what was added to `now`."""
    import aiohttp

    chance, done, ended = random.Random(0), 0, False

    async def client() -> None:
        nonlocal done
        while not ended:
            async with session.post(
                "/v1/embeddings", data=chance.choice(bodies), headers={"Content-Type": "application/json"}
            ) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {(await answer.text())[:300]}")
                await answer.read()
            done += 1

    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.create_task(client()) for _ in range(clients)]
        await asyncio.sleep(warm)
        before, first, start = now(), done, time.perf_counter()
        await asyncio.sleep(seconds)
        took, answered, after = time.perf_counter() - start, done - first, now()
        ended = True
        await asyncio.gather(*tasks)
    return answered, took, {name: after[name] - before[name] for name in after}


def measure(arrangement: Arrangement, server, bodies: Sequence[bytes], seconds: float) -> Point:
    """After two steps or more that do not count. Of what three steps take always one or more waits."""
    step = ROWS * arrangement.chips * arrangement.engines
    clients, warm, long = max(2, 3 * step // arrangement.inputs), max(seconds / 2, 3 * step / FED), 6 * step / FED

    def now() -> dict[str, float]:
        return processor_seconds(server.process.pid)

    done, took, spent = asyncio.run(load(server.url, bodies, clients, warm, max(seconds, long), now))
    done *= arrangement.inputs
    taken = {name: 1e3 * spent[name] / done for name in KINDS}
    return Point(
        arrangement=str(arrangement),
        **asdict(arrangement),
        texts=done,
        texts_per_second=round(done / took, 1),
        texts_per_second_per_core=round(1e3 / sum(taken[name] for name in KINDS if name != "client"), 1),
        **{f"{name}_ms": round(taken[name], 3) for name in KINDS},
        server_full_at=round(1e3 / taken["api"], 1),
        engine_full_at=round(1e3 / (taken["engine"] + MESH_MS), 1),
    )


@dataclass(frozen=True)
class Need:
    """Of a host: processes for so many chips, each at most BUSY, and cores, by a point's milliseconds."""

    chips: int
    inputs: int
    engines: int
    servers: int
    cores: float


def needs(points: Sequence[Point], chips: int, inputs: int) -> Need | None:
    """By the point of the one engine with as many chips; None where it was not measured."""
    found = [p for p in points if (p.chips, p.engines, p.servers, p.inputs) == (chips, 1, 1, inputs)]
    if not found:
        return None
    rate, point = chips * CHIP_RATE, found[0]
    engines, servers = (math.ceil(rate / (BUSY * full)) for full in (point.engine_full_at, point.server_full_at))
    cores = rate * 1e-3 * (point.api_ms + point.engine_ms + MESH_MS + point.other_ms)
    return Need(chips, inputs, engines, servers, round(cores, 1))


def run(chosen: Sequence[Arrangement], seconds: float, told=lambda point: None) -> list[Point]:
    """A point for each; a server for all that differ in inputs alone."""
    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
    from models.demos.wormhole.bge_large_en.tests.vllm.server import serving

    given, points, tokenizer = texts(256), [], registry_minilm()
    for chips, engines, servers in dict.fromkeys((one.chips, one.engines, one.servers) for one in chosen):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.json").write_text(json.dumps(CONFIG))
            for file in (*tokenizer.glob("*token*"), *tokenizer.glob("vocab*")):
                (folder / file.name).write_bytes(file.read_bytes())
            slower = str(chips * engines * CHIP_RATE / FED)
            environment = {**os.environ, "MESH_DEVICE": MESHES[chips], "BGE_SLEEPING_DEVICE_SLOWER": slower}
            flags = ["--model", str(folder), "--served-model-name", NAME, "--max-model-len", str(MAX_LENGTH)]
            flags += ["--worker-cls", WORKER, "--disable-uvicorn-access-log", "--api-server-count", str(servers)]
            flags += ["--data-parallel-size", str(engines)]
            with serving(flags, environment, folder / "server.log", program=SERVE) as server:
                for one in chosen:
                    if (one.chips, one.engines, one.servers) == (chips, engines, servers):
                        bodies = [body(given[i:] + given[:i], one.inputs) for i in range(0, 256, 4)]
                        points.append(measure(one, server, bodies, seconds))
                        told(points[-1])
    return points


def body(given: Sequence[str], inputs: int) -> bytes:
    found = given[0] if inputs == 1 else given[:inputs]
    return json.dumps({"model": NAME, "input": found, "encoding_format": "base64"}).encode()


def line(point: Point) -> str:
    figures = (point.api_ms, point.engine_ms, point.other_ms, point.client_ms)
    rates = (point.texts_per_second, point.texts_per_second_per_core, point.server_full_at, point.engine_full_at)
    milliseconds, per_second = (
        " ".join(form.format(x) for x in them) for form, them in (("{:6.2f}", figures), ("{:8.0f}", rates))
    )
    return f"{point.arrangement:52} {milliseconds} {per_second}"


HEADER = f"{'':52}    API engine  other client  texts/s   a core  one API  one engine full at"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each load")
    parser.add_argument("--only", help="arrangements whose line has this in it")
    options = parser.parse_args(arguments)
    chosen = [one for one in ARRANGEMENTS if not options.only or options.only in str(one)]
    if not chosen:
        parser.error(f"--only is {options.only!r}; arrangements are {', '.join(map(str, ARRANGEMENTS))}")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    if find_spec("models.emulated_wormhole"):
        import_module("models.emulated_wormhole").ask()  # for where there is no card, of which none is used
    log = sys.stderr if options.json else sys.stdout

    def tell(text: str) -> None:
        print(text, file=log, flush=True)

    tell(
        f"no device: steps sleep; {os.cpu_count()} cores for all, the client too; milliseconds of a core a text\n{HEADER}"
    )
    points = run(chosen, options.seconds, lambda point: tell(line(point)))
    found = [need for chips in MESHES for inputs in (1, 32) if (need := needs(points, chips, inputs))]
    tell(f"cores at {CHIP_RATE:.0f} texts/s a chip (estimated), no process busy for more than {BUSY:.0%} of its time")
    for need in found:
        tell(
            f"  {need.chips:2} chips, {need.inputs:2} texts a request: {need.cores:5.1f} cores; "
            f"{need.engines} engines, {need.servers} API servers"
        )
    if options.json:
        print(
            json.dumps(
                {"cores": os.cpu_count(), "points": [asdict(p) for p in points], "needs": [asdict(n) for n in found]}
            )
        )


if __name__ == "__main__":
    main()
