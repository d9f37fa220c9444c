# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The plots and the generated tables of bge.md: static estimates and emulated accuracy, nothing measured on silicon.

    python tech_reports/BGE/plots.py [--frontier FILE] [--sweep FILE] [--minilm FILE]

Writes the SVG files beside itself, and rewrites in bge.md what stands between `<!-- NAME -->` and `<!-- end NAME -->`.
FILE is what tests.pcc.frontier, tests.perf.sweep --json or tests/quality/test_minilm.py -s printed; what depends on one
that is not given stays as it is. Needs matplotlib, which scripts/requirements/environment.txt pins.
"""

import argparse
import contextlib
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from models.emulated_wormhole import activate, dispatch_only

HERE = Path(__file__).parent
REPORT = HERE / "bge.md"
PROFILES, SEQUENCES, BATCH, GRID = ("performance", "accuracy"), (384, 512), 8, (8, 8)
TARGETS = {384: 371, 512: 250}  # sentences/s that the low end of the calibrated estimate is to reach
OPS = "QKV, split heads, Q K^T, softmax, times V, join heads, output, norm 1, FF1, FF2, norm 2".split(", ")
COLOURS = {"performance": "#1f6fb4", "accuracy": "#d9822b"}


@dataclass(frozen=True)
class Op:
    """One program of a middle layer. l1_tensors, l1_buffers: bytes per core live as it runs, its own included."""

    label: str
    shape: str
    ideal_us: float
    calibrated_us: float
    l1_tensors: int
    l1_buffers: int


@dataclass(frozen=True)
class Case:
    """One profile at one length. summary: of estimate.summary; unit_us: calibrated microseconds of each unit of work."""

    profile: str
    sequence: int
    plan: object
    ops: tuple[Op, ...]
    summary: dict
    ideal_ms: float
    fitted_ms: float
    unit_us: dict


def layer_of(items: list, name_of) -> list:
    """The eleven items of a layer in the middle, from its QKV linear on."""
    heads = [i for i, item in enumerate(items) if name_of(item).endswith("create_qkv_heads")]
    start, end = heads[len(heads) // 2] - 1, heads[len(heads) // 2 + 1] - 1
    assert end - start == len(OPS), [name_of(item) for item in items[start:end]]
    return items[start:end]


def l1_by_op(graph: list[dict]) -> list[tuple[str, int, int]]:
    """(name, tensors, own circular buffers): L1 bytes per core of every outermost call at its peak, as forward.peak_l1."""
    tensors: dict[int, int] = {}
    found: list[list] = []
    own = depth = 0
    for node in graph:
        kind, params = node["node_type"], node["params"]
        if kind == "function_start":
            depth += 1
            if depth == 1:
                found.append([params["name"], 0, 0])
                own = 0
        elif kind == "function_end":
            depth -= 1
        elif kind == "circular_buffer_deallocate_all":
            own = 0
        elif kind == "buffer_allocate" and params["type"] == "L1":
            tensors[node["connections"][0]] = int(params["max_size_per_bank"])
        elif kind == "buffer_deallocate":
            tensors.pop(node["connections"][0], None)
        elif kind in ("circular_buffer_allocate", "dataflow_buffer_allocate", "scratchpad_allocate"):
            if "1" not in (params.get("globally_allocated"), params.get("borrows_memory")):
                own += int(params["size"])
        if depth and sum(tensors.values()) + own > sum(found[-1][1:]):
            found[-1][1:] = sum(tensors.values()), own
    return [tuple(call) for call in found]


def estimate(device, dims, precision, sequence: int, fitted, with_l1: bool = True):
    """(forward.Forward, graph captured without dispatch or None) of a warm step."""
    import ttnn

    from models.demos.wormhole.bge_large_en.tests.perf import forward

    with forward.zero_runner(device, dims, BATCH, sequence, precision, "cls") as runner:
        found, graph = forward.measure(runner, BATCH, sequence), None
        if with_l1:
            ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NO_DISPATCH)
            runner.run(forward.full_rows(BATCH, sequence))
            graph = ttnn.graph.end_graph_capture()
    return found, graph


def case(device, profile: str, sequence: int, fitted) -> Case:
    from models.demos.wormhole.bge_large_en.tests.perf import estimate as estimates
    from models.demos.wormhole.bge_large_en.tests.perf import forward, work
    from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
    from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims = forward.model_dims("large")
    precision = profile_precision(profile, dims)
    found, graph = estimate(device, dims, precision, sequence, fitted)
    layer = layer_of(list(found.ops), lambda op: op.name)
    usage = layer_of([call for call in l1_by_op(graph) if call[0] != "ttnn.deallocate"], lambda call: call[0])
    ops = tuple(
        Op(label, op.shape, op.ideal_ns / 1e3, fitted.microseconds(op.work), tensors, buffers)
        for label, op, (_, tensors, buffers) in zip(OPS, layer, usage)
    )
    total = work.add(*(op.work for op in found.ops))
    return Case(
        profile,
        sequence,
        plan_shape(dims, BATCH, sequence, GRID, precision, pooled_rows=POOLED_ROWS["cls"]),
        ops,
        estimates.summary(found, dims, BATCH, sequence, fitted),
        sum(op.ideal_ns for op in found.ops) / 1e6,
        fitted.microseconds(total) / 1e3,
        {unit: fitted.prices[unit] * amount for unit, amount in total.items()},
    )


# ---- tables


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
            dtype, arithmetic = kind.dtype, f"{name(kind.fidelity)}, {'fp32' if kind.fp32 else 'bf16'}"
        else:
            memory, config, dtype = others[op.label]
            values, arithmetic = "", "-"
            if config:
                values = f"block {config.block_h}x{config.block_w}, subblock 1x{config.subblock_w}"
                arithmetic = "HiFi4, fp32"
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


def units_table(cases: list[Case]) -> str:
    units = sorted({u for c in cases for u in c.unit_us}, key=lambda u: -cases[0].unit_us.get(u, 0))
    rows = [(u, *(f"{c.unit_us.get(u, 0) / 1e3:.2f}" for c in cases)) for u in units]
    rows.append(("sum", *(f"{c.fitted_ms:.2f}" for c in cases)))
    return table(("unit", *(f"{c.profile} {c.sequence}, ms" for c in cases)), rows)


def prices_table(fitted) -> str:
    from models.demos.wormhole.bge_large_en.tests.perf.work import UNITS

    return table(
        ("unit", "us each", "what it counts"),
        [(unit, f"{price:.2f}", UNITS[unit]) for unit, price in fitted.prices.items()],
    )


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
    """How far the low end is from its target, and what it would be without the slowest left-out residual."""
    judged = sorted(
        r.left_out for r in fitted.residuals if r.left_out is not None and r.figure.name.startswith("forward")
    )
    rows = []
    for c in cases:
        if c.profile != "performance":
            continue
        low, target = c.summary["calibrated_sentences_per_second"][0], TARGETS[c.sequence]
        wanted = BATCH * 1e3 / target / fitted.slowest
        rows.append(
            (c.sequence, target, f"{low:.0f}", f"{low / target:.2f}", f"{c.fitted_ms:.2f}", f"{wanted:.2f}")
            + (f"{BATCH * 1e3 / (c.fitted_ms * judged[-2]):.0f}",)
        )
    heading = "tokens, target /s, low end /s, low end / target, fitted ms, fitted ms that would reach it"
    return table((*heading.split(", "), f"low end with the next residual, {judged[-2]:.3f}"), rows)


def sweep_tables(path: Path) -> dict[str, str]:
    swept = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    legal, reasons = defaultdict(set), defaultdict(int)
    for one in swept:
        key = one["hidden"], "x".join(map(str, one["grid"])), one["profile"]
        if one["refused"] is None:
            legal[key, one["sequence"]].add((one["batch"], one["attention"]))
        else:
            reasons[re.sub(r"(?<![A-Za-z])\d+", "N", one["refused"])] += 1
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
    """(choice, golden cosine, golden centred, modelled cosine, modelled centred) of the Markdown that frontier printed."""
    rows = []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        with contextlib.suppress(ValueError):
            if line.startswith("|") and len(cells) == 5:
                rows.append((cells[0], [float(cell) for cell in cells[1:]]))
    return rows


def frontier_speeds(device, dims, names, fitted) -> dict[str, float]:
    """Fitted sentences/s at 384 tokens of every choice that still exists."""
    from models.demos.wormhole.bge_large_en.tests.pcc.frontier import variants
    from models.demos.wormhole.bge_large_en.tests.perf import work

    speeds = {}
    for choice, precision in variants(dims).items():
        if choice in names:
            with contextlib.suppress(ValueError):  # a shape that has no plan
                found, _ = estimate(device, dims, precision, 384, fitted, with_l1=False)
                speeds[choice] = BATCH * 1e6 / fitted.microseconds(work.add(*(op.work for op in found.ops)))
    return speeds


def minilm_table(path: Path) -> str:
    rows = [
        line.strip().strip("|").split("|") for line in path.read_text().splitlines() if line.startswith("| minilm ")
    ]
    heading = "profile, sentences, worst cosine, pairs, Spearman, Spearman in fp32, drop".split(", ")
    return table(heading, [[cell.strip() for cell in row][1:] for row in rows])


# ---- plots


def save(figure, file: str) -> None:
    figure.tight_layout()
    figure.savefig(HERE / file, metadata={"Date": None})
    plt.close(figure)


def grouped(cases: list[Case], bars, xlabel: str, file: str, limit: float | None = None) -> None:
    """A panel per profile and length, a row per op; bars(op): [(label, value, colour, offset of the bar, left)]."""
    figure, axes = plt.subplots(len(PROFILES), len(SEQUENCES), figsize=(11, 7.5), sharex=True, sharey=True)
    for c in cases:
        axis = axes[PROFILES.index(c.profile)][SEQUENCES.index(c.sequence)]
        for y, op in enumerate(c.ops):
            for label, value, colour, offset, left in bars(op, COLOURS[c.profile]):
                height = 0.8 if offset == 0 else 0.38
                axis.barh(y + offset, value, height, left=left, color=colour, label=label if y == 0 else None)
        axis.set_yticks(range(len(OPS)), OPS)
        axis.set_title(f"{c.profile}, batch {BATCH} x {c.sequence}")
        if limit:
            axis.axvline(limit, color="black", linestyle="--", linewidth=1, label="capacity")
        axis.legend(fontsize=8, loc="lower right")
    axes[0][0].invert_yaxis()
    for axis in axes[-1]:
        axis.set_xlabel(xlabel)
    save(figure, file)


def plot_time(cases: list[Case]) -> None:
    def bars(op: Op, colour: str):
        return [("calibrated", op.calibrated_us, colour, -0.2, 0), ("ideal >=", op.ideal_us, "#999999", 0.2, 0)]

    grouped(cases, bars, "microseconds per layer (estimates)", "time.svg")


def plot_l1(cases: list[Case]) -> None:
    from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES

    def bars(op: Op, colour: str):
        tensors, buffers = op.l1_tensors / 1e6, op.l1_buffers / 1e6
        return [("live tensors", tensors, colour, 0, 0), ("circular buffers", buffers, "#bbbbbb", 0, tensors)]

    grouped(cases, bars, "MB of L1 per core", "l1.svg", L1_BYTES / 1e6)


def plot_residuals(fitted) -> None:
    figure, axis = plt.subplots(figsize=(9, 3.6))
    groups = list(dict.fromkeys(r.figure.group for r in fitted.residuals))
    for group in groups:
        those = [r for r in fitted.residuals if r.figure.group == group]
        (dots,) = axis.plot([r.figure.us for r in those], [r.fitted for r in those], "o", markersize=4, label=group)
        left = [r for r in those if r.left_out is not None]
        axis.plot([r.figure.us for r in left], [r.left_out for r in left], "x", color=dots.get_color())
    axis.axhspan(fitted.fastest, fitted.slowest, color="#dddddd", zorder=0, label="range")
    axis.set(xscale="log", yscale="log", xlabel="measured microseconds", ylabel="measured / predicted")
    axis.set_yticks([0.7, 0.8, 1, 1.25, 1.5, 2, 4], ["0.7", "0.8", "1", "1.25", "1.5", "2", "4"])
    axis.minorticks_off()
    axis.set_title("Fit to published figures: o fitted to all, x fitted without that encoder")
    axis.legend(fontsize=8)
    save(figure, "residuals.svg")


def plot_frontier(rows, speeds) -> None:
    figure, axis = plt.subplots(figsize=(10, 6))
    for choice, values in rows:
        if choice in speeds:
            profile = choice.split(",")[0]
            axis.plot(
                speeds[choice], 1 - values[3], "o" if "," in choice else "*", color=COLOURS[profile], markersize=6
            )
            label = choice.removeprefix(f"{profile}, ")
            axis.annotate(label, (speeds[choice], 1 - values[3]), fontsize=7, xytext=(4, 3), textcoords="offset points")
    axis.set(yscale="log", xlabel="sentences/s at 384 tokens, fitted prices (estimate)")
    axis.set_ylabel("1 - worst centred cosine, modelled fidelity (emulated)")
    axis.set_title("One change at a time from performance (blue) and accuracy (orange)")
    save(figure, "frontier.svg")


def rewrite(blocks: dict[str, str]) -> None:
    text = REPORT.read_text(encoding="utf-8")
    for block, content in blocks.items():
        pattern = re.compile(f"(<!-- {block} -->\n).*?(<!-- end {block} -->)", re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"bge.md has no block {block}")
        text = pattern.sub(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)
    REPORT.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("frontier", "sweep", "minilm"):
        parser.add_argument(f"--{option}", type=Path, metavar="FILE")
    options = parser.parse_args()
    matplotlib.use("svg")
    # Text as text and fixed ids: small files that change only with the figures.
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bge"})
    target = activate("n150")
    if not target.emulated:
        parser.error(f"bge.md reports the emulated Wormhole; this is {target}")
    with contextlib.redirect_stdout(sys.stderr):
        import ttnn

        from models.demos.wormhole.bge_large_en.tests.perf import calibration, forward

        dims, fitted = forward.model_dims("large"), calibration.calibrate()
        with dispatch_only():
            device = ttnn.open_device(device_id=0)
        cases = [case(device, profile, sequence, fitted) for profile in PROFILES for sequence in SEQUENCES]
        blocks = {f"plan {c.profile} {c.sequence}": plan_table(c) for c in cases}
        blocks |= {"bounds": bounds_table(cases, dims), "units": units_table(cases), "prices": prices_table(fitted)}
        blocks |= {"residuals": residuals_table(fitted), "targets": targets_table(cases, fitted)}
        plot_time(cases)
        plot_l1(cases)
        plot_residuals(fitted)
        if options.frontier:
            rows = frontier_rows(options.frontier)
            speeds = frontier_speeds(device, dims, {choice for choice, _ in rows}, fitted)
            plot_frontier(rows, speeds)
            lines = [
                (choice, *(f"{value:.5f}" for value in values), f"{speeds[choice]:.0f}" if choice in speeds else "-")
                for choice, values in rows
            ]
            heading = "choice, golden cosine, golden centred, modelled cosine, modelled centred, fitted /s at 384"
            blocks["frontier"] = table(heading.split(", "), lines)
        ttnn.close_device(device)
    if options.sweep:
        blocks |= sweep_tables(options.sweep)
    if options.minilm:
        blocks["minilm"] = minilm_table(options.minilm)
    rewrite(blocks)


if __name__ == "__main__":
    main()
