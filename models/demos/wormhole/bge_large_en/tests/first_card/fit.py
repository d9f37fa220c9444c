# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Refits the time model with the replayed steps of a report.

The work of each measured shape is counted on a mock device, in a process of its own; a card is not asked for anything.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from models.demos.wormhole.bge_large_en.tests.first_card.steps import HERE

SHAPE = re.compile(r"(\w+) (\d+)x(\d+)")
GROUP = "this report"  # of calibration.py's figures: all of a report weigh as much as one published encoder


class Measured(NamedTuple):
    """Microseconds of one replayed step."""

    profile: str
    batch: int
    sequence: int
    us: float


def main(report: Path) -> int:
    """Prints the fit. 2 for a report without timed steps."""
    try:
        measured(report)
    except (OSError, ValueError) as error:
        print(f"first_card: {error}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "models.emulated_wormhole", "-m", f"{HERE}.fit", str(report)]
    return subprocess.run(command, env={**os.environ, "EMULATED_WORMHOLE": "1"}).returncode


def measured(report: Path) -> list[Measured]:
    """ValueError for a file that is no report, or one in which nothing was timed."""
    try:
        steps = json.loads(report.read_text(encoding="utf-8"))["steps"]
        rows = [row for step in steps for row in step["found"].get("beside", []) if row.get("us")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{report} is no report.json of this command: {type(error).__name__} {error}") from error
    found = [(shape, row["us"]) for row in rows if (shape := SHAPE.fullmatch(row["what"]))]
    if not found:
        raise ValueError(f"{report} holds no timed steps; they come from the step throughput on silicon")
    return [Measured(shape[1], int(shape[2]), int(shape[3]), us) for shape, us in found]


def refit(report: Path) -> str:
    """The fit to published figures and those of the report, and how far off each was before and is after."""
    from models.demos.wormhole.bge_large_en.tests.perf import calibration
    from models.demos.wormhole.bge_large_en.tests.perf.silicon_figures import FIGURES, Figure

    steps = measured(report)
    figures = [
        Figure(GROUP, f"{step.profile} {step.batch}x{step.sequence}", step.us, work, str(report))
        for step, work in zip(steps, _work(steps))
    ]
    before, after = calibration.calibrate(), calibration.calibrate((*FIGURES, *figures))
    lines = [calibration.describe(after), "", "Measured over predicted time of the report's steps, before | after:"]
    lines += [
        f"  {figure.name:24s} {figure.us:9.1f} us {figure.us / before.microseconds(figure.work):6.3f} | "
        f"{figure.us / after.microseconds(figure.work):6.3f}"
        for figure in figures
    ]
    return "\n".join(lines)


def _work(steps: list[Measured]) -> list[dict]:
    """Of each step the work that its ops add up to."""
    import ttnn
    from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf import forward
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims, device, found = model_dims("large"), ttnn.open_device(device_id=0), {}
    for profile in dict.fromkeys(step.profile for step in steps):
        shapes = [step for step in steps if step.profile == profile]
        sequences, batches = (sorted({step[i] for step in shapes}) for i in (2, 1))
        buckets = Buckets(tuple(sequences), tuple(batches))
        sizes = (batches[-1], sequences[-1], profile_precision(profile, dims), "cls")
        with forward.zero_runner(device, dims, *sizes, buckets=buckets) as runner:
            for step in shapes:
                work: Counter = Counter()
                for op in forward.measure(runner, step.batch, step.sequence).ops:
                    work.update(op.work)
                found[step] = dict(work)
    ttnn.close_device(device)
    return [found[step] for step in steps]


if __name__ == "__main__":
    print(refit(Path(sys.argv[1])))
