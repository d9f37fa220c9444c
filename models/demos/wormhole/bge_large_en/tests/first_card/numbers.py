# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Steps that look at numbers: right beside fp32, and the same bits wherever a text is."""

import time

import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.runner import USUAL_GRID, EncoderRunner, core_grid, l1_bytes
from models.demos.wormhole.bge_large_en.runner.tracing import can_trace, trace_bytes
from models.demos.wormhole.bge_large_en.tests.first_card.encoders import Seeded, Sizes, opened
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting
from models.demos.wormhole.bge_large_en.tests.metrics import centred_cosines, cosines, pcc
from models.demos.wormhole.bge_large_en.tests.runner.small_model import MINILM, expected, random_lengths, run_at, texts
from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

# Worst cosine to fp32. Two layers: the simulator's real kernels gave 0.99963 and 0.99994, extreme scores 0.9989; at full
# depth the emulation with modelled fidelity is held to these.
LARGEST_SCORE = 100
CLOSE, EXTREME, DEEP = 0.999, 0.998, {"performance": 0.99, "accuracy": 0.999}


def board(found: Findings, setting: Setting) -> None:
    with opened() as device:
        grid = core_grid(device)  # refuses what is no Wormhole
        found.note("cluster", str(ttnn.cluster.get_cluster_type()))
        found.note("chips", ttnn.get_num_devices())
        found.note("core grid", f"{grid[0]}x{grid[1]}")
        found.note("bytes of L1 per core", l1_bytes(device))
        traced, why = can_trace(device)
        found.note("traces", f"{'yes' if traced else 'no'}: {why}")
        found.expect(grid[0] >= USUAL_GRID[0] and grid[1] >= USUAL_GRID[1], f"core grid {grid}, {USUAL_GRID} is usual")
        found.expect(l1_bytes(device) >= L1_BYTES, f"{l1_bytes(device)} bytes of L1, plans were made for {L1_BYTES}")
        found.expect(traced or not setting.timed, f"no traces: {why}")


def softmax_extremes(found: Findings, setting: Setting) -> None:
    """all-MiniLM-L6-v2 has scores of 83 on Chinese text, of 99 on random ids; exp(89) is Inf in fp32."""
    seeded = Seeded({**MINILM, "num_hidden_layers": 1})
    attention = seeded.reference.model.encoder.layer[0].attention.self
    rows = texts([64, 1, 64, 33, 1, 50, 2, 64, 1, 20, 12, 5])
    with torch.no_grad():
        attention.query.weight *= LARGEST_SCORE / _scores(seeded, rows[0]).abs().max()
    scores = _scores(seeded, rows[0])
    found.note("scores from, to", [scores.min().item(), scores.max().item()])
    right = expected(seeded.reference, rows)
    with opened(traces=False) as device:
        for profile in PROFILES:
            for name, packed in (("alone", ()), ("packed", (64,))):
                with found.part(f"{profile}, {name}"):
                    with seeded.runner(device, profile, 64, Buckets((32, 64), (8,), packed=packed)) as runner:
                        _close(found, f"{profile}, {name}", runner.run(rows), right, EXTREME)


def _scores(seeded: Seeded, row: Row) -> torch.Tensor:
    """(1, nh, n, n) of the first layer."""
    embedded = seeded.reference.model.embeddings(row.ids[None])
    attention, heads = seeded.reference.model.encoder.layer[0].attention.self, seeded.dims.num_attention_heads
    query, key = (
        part(embedded).view(1, len(row), heads, -1).transpose(1, 2) for part in (attention.query, attention.key)
    )
    return (query @ key.transpose(2, 3)) / seeded.dims.head_size**0.5


def one_row(found: Findings, setting: Setting) -> None:
    sizes = Sizes.of(setting)
    seeded = Seeded(sizes.wide)
    rows = {length: texts([length] * 8) for length in (sizes.short, sizes.long)}
    with opened(traces=False) as device:
        for profile in PROFILES:
            buckets = Buckets((sizes.short, sizes.long), (1, 2, 8))
            with seeded.runner(device, profile, sizes.long, buckets) as runner:
                for length, given in rows.items():
                    name = f"{profile}, {length} tokens"
                    with found.part(name):
                        full = run_at(runner, (8, length, False), given, [(row, 0) for row in range(8)])
                        _close(found, f"{name}, batch 8", full, expected(seeded.reference, given), CLOSE)
                    for batch in (1, 2):
                        with found.part(f"{name}, batch {batch}"):
                            few = run_at(runner, (batch, length, False), given[:batch], [(r, 0) for r in range(batch)])
                            _same(found, f"{name}, batch {batch} and 8", few, full[:batch])


def packed(found: Findings, setting: Setting) -> None:
    """Twelve texts in rows of the longest packed shape, forwards, at other places, and alone."""
    sizes = Sizes.of(setting)
    seeded, length, tile = Seeded(sizes.wide), sizes.packed, 32
    half = length // 2
    rows = texts([half if number % 2 else max(1, half - tile - number) for number in range(12)])
    places = [(number // 2, half * (number % 2)) for number in range(12)]
    others = [(5 - row, half - start) for row, start in places]
    right = expected(seeded.reference, rows)
    with opened(traces=False) as device:
        for profile in PROFILES:
            with seeded.runner(device, profile, length, Buckets((half, length), (8,), packed=(length,))) as runner:
                with found.part(profile):
                    first = run_at(runner, (8, length, True), rows, places)
                    _close(found, profile, first, right, CLOSE)
                    _same(found, f"{profile}, other places", run_at(runner, (8, length, True), rows, others), first)
                    alone = [run_at(runner, (8, half, False), [row], [(0, 0)]) for row in rows]
                    _same(found, f"{profile}, alone", torch.cat(alone), first)


def traces(found: Findings, setting: Setting) -> None:
    """One queue and no trace, against two queues: cold (shapes made while steps run), warm, and with traces."""
    sizes = Sizes.of(setting)
    seeded, longest = Seeded(sizes.wide), sizes.long
    buckets = Buckets((sizes.short, longest), (1, 8), packed=(sizes.packed,))
    rows = texts(random_lengths(20 if setting.small else 60, longest, seed=5))

    def of(queues: int, traced: bool, warm: bool) -> torch.Tensor:
        with opened(queues, traced) as device, seeded.runner(device, "performance", longest, buckets, queues) as runner:
            if warm:
                runner.warm_up()
                _note_trace_bytes(found, device, runner)
            first = runner.run(rows)
            _same(
                found, f"twice, {queues} queue(s), {'traced' if runner._traced else 'direct'}", runner.run(rows), first
            )
            return first

    right = of(1, False, False)
    _close(found, "one queue, no traces", right, expected(seeded.reference, rows), CLOSE)
    for name, arguments in {
        "two queues, no traces, cold": (2, False, False),
        "two queues, no traces, warm": (2, False, True),
        "one queue, traces": (1, True, True),
        "two queues, traces": (2, True, True),
    }.items():
        with found.part(name):
            _same(found, name, of(*arguments), right)


def layers(found: Findings, setting: Setting) -> None:
    sizes = Sizes.of(setting)
    seeded, length = Seeded(sizes.deep), sizes.long
    rows = texts([length, length - 1, length // 2, length // 3, 32, 20, 5, 1])
    start = time.perf_counter()
    right = expected(seeded.reference, rows)
    found.note("seconds of fp32 on the host", time.perf_counter() - start)
    with opened(traces=False) as device:
        for profile in PROFILES:
            with found.part(profile):
                with seeded.runner(device, profile, length, Buckets((length,), (8,))) as runner:
                    pooled = runner.run(rows)
                _close(found, profile, pooled, right, DEEP[profile])
                found.note(f"{profile}: PCC", pcc(pooled, right))
                found.note(f"{profile}: worst centred cosine", centred_cosines(pooled, right).min().item())


def buckets(found: Findings, setting: Setting) -> None:
    """A short text in every shape; those up to the longest packed one must agree to the bit."""
    sizes = Sizes.of(setting)
    seeded = Seeded(sizes.deep if setting.timed else sizes.wide)
    longest = sizes.long if sizes.buckets else 512
    text = texts([20])
    for profile in PROFILES:
        with found.part(profile), opened() as device:
            with seeded.runner(device, profile, longest, sizes.buckets) as runner:
                start = time.perf_counter()
                runner.warm_up()
                found.note(f"{profile}: seconds of warm-up", time.perf_counter() - start)
                found.note(f"{profile}: programs", device.num_program_cache_entries())
                _note_trace_bytes(found, device, runner)
                first: dict[bool, torch.Tensor] = {}
                alike = max(runner.buckets.packed, default=0)
                for shape in runner.plans:
                    name = f"{profile}, {shape[0]}x{shape[1]}{' packed' * shape[2]}"
                    with found.part(name):
                        pooled = run_at(runner, shape, text, [(0, 0)])
                        _same(found, name, pooled, first.setdefault(shape[1] <= alike, pooled))
                        found.expect(bool(torch.isfinite(pooled).all()), f"{name}: NaN or Inf")
                found.note(f"{profile}: shapes", len(runner.plans))


def _note_trace_bytes(found: Findings, device, runner: EncoderRunner) -> None:
    if can_trace(device)[0]:
        view = ttnn.get_memory_view(device, ttnn.BufferType.TRACE)
        shapes = [(batch // device.get_num_devices(), *rest) for batch, *rest in runner.plans]
        found.beside.append(
            dict(
                what=f"bytes of {len(shapes)} traces, {runner.dims.num_hidden_layers} layers",
                measured=view.total_bytes_allocated_per_bank * view.num_banks,
                estimated=trace_bytes(runner.dims, shapes, core_grid(device)),
                unit="bytes",
            )
        )
        found.save()


def _close(found: Findings, name: str, pooled: torch.Tensor, right: torch.Tensor, least: float) -> None:
    worst = cosines(pooled, right).min().item()
    found.note(f"{name}: worst cosine to fp32", worst)
    found.expect(worst >= least, f"{name}: worst cosine to fp32 is {worst:.5f}; the limit is {least}")


def _same(found: Findings, name: str, pooled: torch.Tensor, other: torch.Tensor) -> None:
    different = (pooled != other).any(dim=1).nonzero().flatten().tolist()
    found.note(f"{name}: texts with other bits", f"{len(different)} of {len(pooled)}")
    if different:
        worst = cosines(pooled, other).min().item()
        found.expect(False, f"{name}: texts {different[:8]} have other bits, worst cosine between them {worst:.6f}")
