# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The plots and the generated tables of bge.md: static estimates and emulated accuracy, nothing measured on silicon.

    python -m tech_reports.BGE.plots [--frontier FILE] [--sweep FILE] [--minilm FILE]

Writes the SVG files beside itself, and rewrites in bge.md what stands between `<!-- NAME -->` and `<!-- end NAME -->`.
FILE is what tests.pcc.frontier, tests.perf.sweep --json or tests/quality/test_minilm.py -s printed; what depends on one
that is not given stays as it is. Run it from the root of the repository; needs matplotlib.
"""

import argparse
import contextlib
import re
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES
from models.emulated_wormhole import activate, dispatch_only
from tech_reports.BGE import tables
from tech_reports.BGE.cases import BATCH, OPS, SEQUENCES, Case, Op, case

HERE = Path(__file__).parent
REPORT = HERE / "bge.md"
COLOURS = {"performance": "#1f6fb4", "accuracy": "#d9822b"}


def save(figure, file: str) -> None:
    figure.tight_layout()
    figure.savefig(HERE / file, metadata={"Date": None})
    lines = (HERE / file).read_text().splitlines()
    (HERE / file).write_text("".join(f"{line.rstrip()}\n" for line in lines))  # as pre-commit hooks have it
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
            axis.set_xlim(0, limit * 1.5)  # room for the legend
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
        from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
        from models.demos.wormhole.bge_large_en.tests.perf import calibration

        dims, fitted = model_dims("large"), calibration.calibrate()
        with dispatch_only():
            device = ttnn.open_device(device_id=0)
        cases = [case(device, profile, sequence, fitted) for profile in PROFILES for sequence in SEQUENCES]
        blocks = {f"plan {c.profile} {c.sequence}": tables.plan_table(c) for c in cases}
        blocks |= {
            "bounds": tables.bounds_table(cases, dims),
            "units": tables.units_table(cases),
            "prices": tables.prices_table(fitted),
            "variants": tables.variants_table(fitted),
            "spread": tables.spread_table(dims),
        }
        blocks |= {"residuals": tables.residuals_table(fitted), "targets": tables.targets_table(cases, fitted)}
        blocks["baseline"] = tables.baseline_table(cases)
        plot_time(cases)
        plot_l1(cases)
        plot_residuals(fitted)
        if options.frontier:
            rows = tables.frontier_rows(options.frontier)
            speeds = tables.frontier_speeds(device, dims, {choice for choice, _ in rows}, fitted)
            plot_frontier(rows, speeds)
            lines = [
                (choice, *(f"{value:.5f}" for value in values), f"{speeds[choice]:.0f}" if choice in speeds else "-")
                for choice, values in rows
            ]
            heading = "choice, golden cosine, golden centred, modelled cosine, modelled centred, fitted /s at 384"
            blocks["frontier"] = tables.table(heading.split(", "), lines)
        ttnn.close_device(device)
    if options.sweep:
        blocks |= tables.sweep_tables(options.sweep)
    if options.minilm:
        blocks["minilm"] = tables.minilm_table(options.minilm)
    rewrite(blocks)


if __name__ == "__main__":
    main()
