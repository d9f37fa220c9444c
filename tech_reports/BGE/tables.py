# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The tables of bge.md in Markdown, from the cases and from what the slower commands printed."""

import contextlib
import json
import re
from collections import defaultdict
from pathlib import Path

from tech_reports.BGE.cases import BATCH, Case, estimate

# Sentences/s that the fitted estimate and its low end are to reach.
TARGETS = {("performance", 384): (371, 300), ("performance", 512): (250, 200)}
TARGETS |= {("accuracy", 384): (230, None), ("accuracy", 512): (146, None)}


def table(heading, rows) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def name(enum) -> str:
    """bf16, bf8 of a DataType; LoFi, HiFi2 of a MathFidelity."""
    short = str(enum).rsplit(".", 1)[-1]
    return {"BFLOAT16": "bf16", "BFLOAT8_B": "bf8"}.get(short, short)


def plan_table(case: Case) -> str:
    """The eleven programs of a layer, off the plan; L1 off the captured graph."""
    plan, rows, precision = case.plan, case.plan.body, case.plan.precision
    matmuls = {
        "QKV": (plan.qkv, plan.qkv_matmul, precision.qkv),
        "Q K^T": (None, rows.scores_matmul, precision.scores),
        "times V": (None, rows.context_matmul, precision.context),
        "output": (rows.hidden, rows.output_matmul, precision.output),
        "FF1": (rows.intermediate, rows.ff1_matmul, precision.ff1),
        "FF2": (rows.hidden, rows.ff2_matmul, precision.ff2),
    }
    others = {
        "split heads": (rows.queries, "", precision.qkv.dtype),
        "softmax": (None, rows.softmax, precision.scores.dtype),
        "join heads": (rows.hidden, "", precision.context.dtype),
        "norm 1": (rows.hidden, rows.layer_norm, precision.hidden),
        "norm 2": (rows.hidden, rows.layer_norm, precision.hidden),
    }
    lines = []
    for op in case.ops:
        if op.label in matmuls:
            memory, config, kind = matmuls[op.label]
            values = f"K block {config.in0_block_w}, subblock {config.out_subblock_h}x{config.out_subblock_w}, per core"
            values += f" {config.per_core_M}x{config.per_core_N}"
            if getattr(config, "out_block_h", config.per_core_M) < config.per_core_M:
                values += f" in {config.per_core_M // config.out_block_h} parts"
            dtype, arithmetic = kind.dtype, f"{name(kind.fidelity)}, {'fp32' if kind.fp32 else 'bf16'}"
        else:
            memory, config, dtype = others[op.label]
            values, arithmetic = "", "-"
            if config:
                values = f"block {config.block_h}x{config.block_w}, subblock 1x{config.subblock_w}"
                kernel = plan.softmax_kernel if op.label == "softmax" else plan.exact_kernel
                arithmetic = f"{name(kernel.math_fidelity)}, {'fp32' if kernel.fp32_dest_acc_en else 'bf16'}"
                arithmetic += ", approximate" * kernel.math_approx_mode
        layout = "height, in its core's shard" if memory is None else shard(memory)
        lines.append(
            (op.label, op.shape, layout, values, name(dtype), arithmetic, f"{op.l1_tensors + op.l1_buffers:,}")
        )
    heading = (
        "op",
        "output, or MxKxN",
        "shard of the output",
        "program config (tiles)",
        "dtype",
        "arithmetic",
        "L1 bytes",
    )
    return table(heading, lines)


def shard(memory) -> str:
    height, width = memory.shard_spec.shape
    return f"{str(memory.memory_layout).rsplit('.', 1)[-1].split('_')[0].lower()} {height}x{width}"


def bounds_table(cases: list[Case], dims) -> str:
    from models.demos.wormhole.bge_large_en.tests.perf.bound import roofline

    rows = []
    for c in cases:
        peak, low = roofline(dims, c.sequence), c.summary["calibrated_sentences_per_second"]
        bound = c.summary["sentences_per_second"]
        rows.append(
            (c.profile, c.sequence, f"{peak:.0f}", f"{c.ideal_ms:.2f}", f"{bound:.0f}", f"{bound / peak:.3f}")
            + (f"{c.fitted_ms:.2f}", f"{BATCH * 1e3 / c.fitted_ms:.0f}", f"{low[0]:.0f} to {low[1]:.0f}")
            + (c.summary["programs_per_forward"], f"{c.summary['peak_l1_bytes']:,}")
        )
    heading = "profile, tokens, LoFi roofline /s, bound ms, bound /s, of roofline, fitted ms, fitted /s, range /s"
    return table((*heading.split(", "), "programs", "peak L1 bytes"), rows)


def baseline_table(cases: list[Case]) -> str:
    """What the encoder asks of the device and the host, beside tt-metal's own encoder (tests/perf/baseline.py)."""
    keys = {
        "programs_per_forward": "programs per forward",
        "launches_per_layer": "programs per layer",
        "data_movement_launches_per_layer": "of them data movement",
        "l1_bytes_moved": "L1 bytes written by data movement",
        "dram_bytes": "DRAM bytes",
        "input_tensors": "input tensors per step",
        "input_bytes": "input bytes per step",
        "peak_l1_bytes": "peak L1 bytes per core",
    }
    heading, columns = [""], []
    for c in cases:
        heading.append(f"{c.profile} {c.sequence}")
        columns.append(c.summary)
    for sequence in dict.fromkeys(c.sequence for c in cases):
        heading.append(f"baseline {sequence}")
        columns.append(next(c.summary["baseline"] for c in cases if c.sequence == sequence))
    rows = [(label, *("-" if c[key] is None else f"{c[key]:,}" for c in columns)) for key, label in keys.items()]
    return table(heading, rows)


def units_table(cases: list[Case]) -> str:
    units = sorted({u for c in cases for u in c.unit_us}, key=lambda u: [-c.unit_us.get(u, 0) for c in cases])
    rows = [(u, *(f"{c.unit_us.get(u, 0) / 1e3:.2f}" for c in cases)) for u in units]
    rows.append(("sum", *(f"{c.fitted_ms:.2f}" for c in cases)))
    return table(("unit", *(f"{c.profile} {c.sequence}, ms" for c in cases)), rows)


def prices_table(fitted) -> str:
    from models.demos.wormhole.bge_large_en.runner.kernel_work import UNITS

    return table(
        ("unit", "us each", "bounds", "what it counts"),
        [
            (name, f"{price:.2f}", f"{UNITS[name].low:g} to {UNITS[name].high:g}", UNITS[name].counts)
            for name, price in fitted.prices.items()
        ],
    )


def variants_table(fitted) -> str:
    """Counted cycles and fitted microseconds per tile of every variant of the softmax and the GELU."""
    from models.demos.wormhole.bge_large_en.runner import kernel_cycles as cycles
    from models.demos.wormhole.bge_large_en.runner import kernel_work as kernels

    rows = []
    for exp in cycles.EXP:
        for stable in (False, True):  # a tile of bf8 takes as long as one of bf16: both are handed over in 40 cycles
            work = kernels.softmax(12, 12, exp=exp, fp32=exp == "exact_fp32", stable=stable)
            us = fitted.microseconds({unit: work[unit] / 144 for unit in ("math", "softmax", "rows")})
            name = f"softmax, {exp.replace('_', ', ')}{', maximum subtracted' * stable}"
            rows.append((name, f"{1e3 * (work['math'] + work['softmax']) / 144:.0f}", f"{us:.2f}"))
    rows += [
        (f"GELU, {name}", f"{count:.0f}", f"{count * fitted.prices['math'] / 1e3:.2f}")
        for name, count in cycles.GELU.items()
    ]
    return table(("kernel, 12 tiles a row", "counted cycles per tile", "fitted us per tile"), rows)


def spread_table(dims) -> str:
    """Fitted ms of a step with few texts, a row each, and with rows for eight."""
    from models.demos.wormhole.bge_large_en.runner.batch_plan import SEQUENCES, Buckets
    from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs

    rows, batches = [], (1, 2, 4, BATCH)
    cost = bucket_costs(dims, Buckets(SEQUENCES, batches))
    for sequence in SEQUENCES:
        steps = [cost((batch, sequence, False)) / 1e3 for batch in batches]
        rows.append((sequence, *(f"{step:.2f}" for step in steps), f"{steps[0] / steps[-1]:.2f}"))
    return table(("tokens", "1 text", "2", "4", "8", "1 over 8"), rows)


def residuals_table(fitted) -> str:
    rows = []
    for r in fitted.residuals:
        if r.left_out is not None:
            rows.append(
                (r.figure.group, r.figure.name, f"{r.figure.us:,.0f}", f"{r.fitted:.3f}", f"{r.left_out:.3f}")
                + (f"`{r.figure.source}`" if r.figure.source.startswith("models/") else r.figure.source,)
            )
    return table(("encoder", "figure", "measured us", "fitted", "left out", "source"), rows)


def targets_table(cases: list[Case], fitted) -> str:
    """How far fitted speed and low end are from what is wanted, and the low end by the worst residual of all."""
    worst = max(r.left_out for r in fitted.residuals if r.left_out is not None and r.figure.name.startswith("forward"))
    rows = []
    for c in cases:
        middle, (target, least) = BATCH * 1e3 / c.fitted_ms, TARGETS[c.profile, c.sequence]
        low = c.summary["calibrated_sentences_per_second"][0]
        rows.append(
            (c.profile, c.sequence, f"{middle:.0f}", target, f"{c.fitted_ms:.2f}", f"{BATCH * 1e3 / target:.2f}")
            + (f"{low:.0f}", least or "-", f"{middle / worst:.0f}")
        )
    heading = (
        "profile, tokens, fitted /s, wanted, fitted ms, ms wanted, low end /s, wanted, low end with a replaced state"
    )
    return table(heading.split(", "), rows)


def sweep_tables(path: Path) -> dict[str, str]:
    swept = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    legal, reasons = defaultdict(set), defaultdict(int)
    for one in swept:
        key = one["hidden"], "x".join(map(str, one["grid"])), one["profile"]
        if one["refused"] is None:
            legal[key, one["sequence"]].add((one["batch"], one["attention"]))
        else:
            reasons[re.sub(r"\b\d+(x\d+)?\b", "N", one["refused"])] += 1
    keys = list(dict.fromkeys(key for key, _ in legal))
    sequences = sorted({sequence for _, sequence in legal})
    rows = []
    for key in keys:
        cells = []
        for sequence in sequences:
            batches = {kind: [b for b, a in legal[key, sequence] if a == kind] for kind in ("chain", "sdpa")}
            cells.append(" / ".join(str(max(batches[kind], default="-")) for kind in batches))
        rows.append((*key, *cells))
    count = sum(one["refused"] is None for one in swept)
    summary = f"{len(swept)} shapes and profiles: {count} legal, {len(swept) - count} refused."
    refusals = "\n".join(f"- {n} times: {reason}" for reason, n in sorted(reasons.items(), key=lambda r: -r[1]))
    heading = ("hidden", "grid", "profile", *(f"{sequence}" for sequence in sequences))
    return {"sweep": f"{summary}\n\n{table(heading, rows)}", "refusals": refusals}


def frontier_rows(path: Path) -> list[tuple[str, list[float]]]:
    """(choice, golden cosine, golden centred, modelled cosine, modelled centred) of what frontier printed."""
    rows = []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        with contextlib.suppress(ValueError):
            if line.startswith("|") and len(cells) == 5:
                rows.append((cells[0], [float(cell) for cell in cells[1:]]))
    return rows


def frontier_speeds(device, dims, names, fitted) -> dict[str, float]:
    """Fitted sentences/s at 384 tokens of every choice that still exists."""
    from models.demos.wormhole.bge_large_en.runner import kernel_work as work
    from models.demos.wormhole.bge_large_en.tests.pcc.frontier import variants

    speeds = {}
    for choice, precision in variants(dims).items():
        if choice in names:
            with contextlib.suppress(ValueError):  # a shape that has no plan
                found, _ = estimate(device, dims, precision, 384, with_l1=False)
                speeds[choice] = BATCH * 1e6 / fitted.microseconds(work.add(*(op.work for op in found.ops)))
    return speeds


def minilm_table(path: Path) -> str:
    rows = [
        line.strip().strip("|").split("|") for line in path.read_text().splitlines() if line.startswith("| minilm ")
    ]
    heading = "profile, sentences, worst cosine, pairs, Spearman, Spearman in fp32, drop".split(", ")
    return table(heading, [[cell.strip() for cell in row][1:] for row in rows])
