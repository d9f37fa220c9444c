# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Steps that take time: the model's estimates, replayed steps, kernel times of ops, and a soak."""

import json
import os
import subprocess
import sys
import threading
import time
from importlib.util import find_spec

import torch

from models.demos.wormhole.bge_large_en.runner.batch_plan import SEQUENCES
from models.demos.wormhole.bge_large_en.tests.first_card import facts
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting, Skipped
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

ESTIMATE = "models.demos.wormhole.bge_large_en.tests.perf.estimate"
ESTIMATES = "estimates.json"  # of the step of that name, in the report's folder
BATCH = 8
REPLAYS = 50  # of a captured step, after as many to warm up
PROFILER = ("TT_METAL_DEVICE_PROFILER", "TT_METAL_PROFILER_MID_RUN_DUMP", "TT_METAL_PROFILER_CPP_POST_PROCESS")


def estimates(found: Findings, setting: Setting) -> None:
    """perf.estimate for each bucket and profile, on a mock device of its own process."""
    if find_spec("models.emulated_wormhole") is None:
        raise Skipped("models/emulated_wormhole is not in this tree, on which the estimate counts ops")
    for profile in PROFILES if setting.timed else PROFILES[:1]:
        for sequence in SEQUENCES if setting.timed else (384,):
            name = shape_name(profile, BATCH, sequence)
            with found.part(name):
                said = _estimate(profile, sequence, {"EMULATED_WORMHOLE": "1"}, "--json")
                low, high = said["calibrated_sentences_per_second"]
                # The middle of the range where this revision does not print the fit itself.
                found.note(name, said.get("fitted_sentences_per_second", (low + high) / 2))
                found.note(f"{name}, range", [round(low, 1), round(high, 1)])


def shape_name(profile: str, batch: int, sequence: int) -> str:
    return f"{profile} {batch}x{sequence}"


def _estimate(profile: str, sequence: int, environment: dict[str, str], *flags: str) -> dict:
    command = [
        sys.executable,
        "-m",
        ESTIMATE,
        "--batch",
        str(BATCH),
        "--seq",
        str(sequence),
        "--profile",
        profile,
        *flags,
    ]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    print(done.stderr[-20_000:], done.stdout, flush=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with status {done.returncode}: {_end_of(done.stderr)}")
    return json.loads(done.stdout)


def _end_of(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def throughput(found: Findings, setting: Setting) -> None:
    """Replays of each shape back to back, and run() of full rows with all that the host does."""
    from models.demos.wormhole.bge_large_en.tests.first_card.encoders import Seeded, Sizes, opened

    file = setting.folder / ESTIMATES
    estimated = json.loads(file.read_text())["measured"] if file.exists() else {}
    sizes = Sizes.of(setting)
    seeded, longest = Seeded(sizes.deep if setting.timed else sizes.wide), sizes.long if sizes.buckets else 512
    for profile in PROFILES:
        with found.part(profile), opened() as device:
            with seeded.runner(device, profile, longest, sizes.buckets) as runner:
                runner.warm_up()
                for batch, sequence, packed in runner.plans:
                    name = shape_name(profile, batch, sequence) + " packed" * packed
                    with found.part(name):
                        _time_shape(found, setting, runner, (batch, sequence, packed), name, estimated.get(name))


def _time_shape(found: Findings, setting: Setting, runner, shape, name: str, estimated: float | None) -> None:
    from models.demos.wormhole.bge_large_en.tests.runner.small_model import texts

    batch, sequence, packed = shape
    step, count = runner._step(shape), REPLAYS if setting.timed else 1

    def replay() -> None:
        step.queues.execute(step._trace) if step._trace is not None else step._forward()

    seconds = _timed(runner, replay, count)
    if not setting.timed:
        found.note(name, "ran, not timed")
        return
    found.note(f"{name}: ms of a step {'replayed' if step._trace is not None else 'dispatched'}", 1e3 * seconds / count)
    if packed:
        return
    found.beside.append(
        dict(
            what=name,
            measured=batch * count / seconds,
            estimated=estimated,
            unit="sentences/s",
            us=1e6 * seconds / count,
        )
    )
    found.save()
    rows = texts([sequence] * batch)
    if [planned.shape for planned in runner.planned(rows)] != [shape]:
        return  # the planner would pack them
    if batch == runner.buckets.batches[-1]:
        whole = _timed(runner, lambda: runner.run(rows * count), 1)
        found.note(f"{name}: sentences/s with inputs and results", batch * count / whole)
    else:
        found.note(f"{name}: ms from ids to vectors", 1e3 * _timed(runner, lambda: runner.run(rows), count) / count)


def _timed(runner, call, count: int) -> float:
    """Seconds of `count` calls, and for the device to have done them, after as many more."""
    for _ in range(2):
        runner._queues.drain()
        start = time.perf_counter()
        for _ in range(count):
            call()
        runner._queues.drain()
    return time.perf_counter() - start


def op_times(found: Findings, setting: Setting) -> None:
    """perf.estimate on the card, which prints each op's kernel time beside its bound; its table is in the log."""
    if not setting.timed:
        raise Skipped(f"kernel times are measured on silicon only; this is the {setting.kind} target")
    variables = {name: "1" for name in PROFILER}
    for profile in PROFILES:
        for sequence in (384, 512):
            name = shape_name(profile, BATCH, sequence)
            try:
                said = _estimate(profile, sequence, variables, "--json")
            except RuntimeError as error:
                if "racy" in str(error) or "rofiler" in str(error):
                    raise Skipped(f"ttnn is not built with the device profiler: {error}") from error
                raise
            found.note(f"{name}: ms in kernels", said["measured_kernel_ms"])


def soak(found: Findings, setting: Setting) -> None:
    """The same texts over and over, in an order of their own each time."""
    from models.demos.wormhole.bge_large_en.tests.first_card.encoders import Seeded, Sizes, opened
    from models.demos.wormhole.bge_large_en.tests.runner.small_model import random_lengths, texts

    sizes = Sizes.of(setting)
    seeded, longest = Seeded(sizes.deep if setting.timed else sizes.wide), sizes.long
    rows = texts(random_lengths(64, longest, seed=1) + [longest] * 16)
    order = torch.Generator().manual_seed(0)
    started = time.monotonic()
    with opened() as device, seeded.runner(device, "performance", longest, sizes.buckets) as runner:
        runner.warm_up()
        right = runner.run(rows)
        readings, stop = _sample_boards(setting)
        left = 0.9 * setting.seconds - (time.monotonic() - started)  # the rest is for closing
        until, rounds, start = time.monotonic() + (left if setting.timed else min(left, 20)), 0, time.perf_counter()
        while time.monotonic() < until and not found.problems:
            places = torch.randperm(len(rows), generator=order).tolist()
            pooled = runner.run([rows[place] for place in places])
            wrong = (pooled != right[places]).any(dim=1).nonzero().flatten().tolist()
            found.expect(
                not wrong, f"round {rounds}: texts {[places[i] for i in wrong][:8]} have other bits than at first"
            )
            rounds += 1
        seconds = time.perf_counter() - start
        stop.set()
    found.note("rounds of 80 texts", rounds)
    found.expect(rounds > 0, "no time was left for a round")
    if setting.timed and rounds:
        found.note("minutes", seconds / 60)
        found.note("texts/s", rounds * len(rows) / seconds)
        _note_readings(found, readings, rounds * len(rows) / seconds)


def _sample_boards(setting: Setting) -> tuple[list[dict], threading.Event]:
    """Telemetry by tt-smi every five seconds until the event is set."""
    readings: list[dict] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(5):
            readings.extend(board["telemetry"] for board in facts.boards()[:1])

    if setting.timed and facts.boards():
        threading.Thread(target=sample, daemon=True).start()
    return readings, stop


def _note_readings(found: Findings, readings: list[dict], speed: float) -> None:
    """Mean and largest of what tt-smi said; texts per joule by its power, which is the board's."""
    for name in ("power", "aiclk", "asic_temperature", "current"):
        values = [float(reading[name]) for reading in readings if str(reading.get(name) or "").strip()]
        if values:
            found.note(f"{name}: mean, largest", [round(sum(values) / len(values), 1), max(values)])
            if name == "power":
                found.note("texts per joule", speed * len(values) / sum(values))
    if not readings:
        found.note("power", "not read: no tt-smi")
