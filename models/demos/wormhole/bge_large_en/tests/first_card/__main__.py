# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The first hour on a card: what only a card can tell, in one report to paste into an issue.

    python -m models.demos.wormhole.bge_large_en.tests.first_card --minutes 60

Every step runs in a process of its own with a time limit, most doubtful first, and goes on after one that fails. DIR has
report.md, report.json and a log of each step. Exit status 0 if none failed, 1 otherwise. On the emulated Wormhole
(python -m models.emulated_wormhole -m …) everything runs at small sizes and nothing is timed.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import NoCard, target
from models.demos.wormhole.bge_large_en.tests.first_card import facts, report
from models.demos.wormhole.bge_large_en.tests.first_card.process import (
    DIED,
    FAILED,
    HUNG,
    NOT_RUN,
    PASSED,
    Outcome,
    child_command,
    run,
)
from models.demos.wormhole.bge_large_en.tests.first_card.steps import BY_NAME, STEPS, TT_SMI, Step

HOUR = 60.0
TRY = "python -m models.emulated_wormhole -m models.demos.wormhole.bge_large_en.tests.first_card"
PROBE_S = 120  # for opening the device again after a step that hung or died

Runner = Callable[[str, Step, float], Outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parse(arguments)
    if asked.fit:
        from models.demos.wormhole.bge_large_en.tests.first_card import fit

        return fit.main(asked.fit)
    try:
        kind = target()
    except NoCard as error:
        print(f"first_card: {error}; to try it without:\n{TRY}", file=sys.stderr)
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    steps = [BY_NAME[name] for name in asked.only] if asked.only else list(STEPS)

    def one(name: str, step: Step, seconds: float) -> Outcome:
        result = (asked.out / f"{name}.json").resolve()
        return run(name, child_command(step, result, seconds, kind), result, seconds)

    outcomes: list[Outcome] = []
    about = facts.collect(kind)

    def save() -> None:
        report.write(asked.out, about, outcomes)

    try:
        go(steps, asked.minutes, one, outcomes, save, asked.reset)
    except KeyboardInterrupt:
        print("first_card: interrupted; the report has what was done", file=sys.stderr)
    save()
    print(
        f"\n{(asked.out / report.MARKDOWN).read_text()}\nreport: {asked.out / report.MARKDOWN}, {asked.out / report.JSON}"
    )
    return 1 if any(outcome.verdict in (FAILED, DIED, HUNG) for outcome in outcomes) else 0


def go(
    steps: Sequence[Step],
    minutes: float,
    one: Runner,
    outcomes: list[Outcome],
    save: Callable[[], None],
    reset: str | None = None,
) -> None:
    """Run the steps into `outcomes`, saving after each. reset: a command for when one hangs or dies; None only says so.

    After that the device is opened once more: where this fails, steps that need it are not run.
    """
    start, lost = time.monotonic(), ""
    for step in steps:
        left = minutes * 60 - (time.monotonic() - start)
        seconds = min(left, step.minutes / HOUR * minutes * 60)
        if lost and step.device:
            outcomes.append(Outcome(step.name, NOT_RUN, message=lost))
        elif seconds < 1:
            outcomes.append(Outcome(step.name, NOT_RUN, message=f"the {minutes:g} minutes are over"))
        else:
            print(f"{step.name}: {step.why} (at most {seconds:.0f} s)", file=sys.stderr, flush=True)
            outcomes.append(one(step.name, step, seconds))
            print(f"{step.name}: {outcomes[-1].verdict} {outcomes[-1].message}", file=sys.stderr, flush=True)
            if outcomes[-1].lost_device and step.device:
                lost = _recover(step, one, outcomes[-1], reset)
        save()


def _recover(after: Step, one: Runner, outcome: Outcome, reset: str | None) -> str:
    """Reset, if a command is given, and open the device again; what to say of later steps if that does not work."""
    if reset is not None:
        print(f"resetting: {reset}", file=sys.stderr, flush=True)
        done = subprocess.run(reset, shell=True, capture_output=True, text=True, timeout=600)
        outcome.message += f"; then `{reset}` ended with status {done.returncode}"
    again = one(f"after-{after.name}", BY_NAME["board"], PROBE_S)
    works = again.verdict == PASSED
    outcome.message += f"; the device opens again: {'yes' if works else f'no, {again.message}'}"
    return "" if works else f"the device does not open since {after.name}: reset it ({TT_SMI}), then --only the rest"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="first_card", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=_minutes, default=HOUR, help="in all; each step gets its share (default 60)")
    parser.add_argument("--only", nargs="+", metavar="STEP", choices=list(BY_NAME), help=f"of {', '.join(BY_NAME)}")
    parser.add_argument(
        "--out", type=Path, default=Path("first_card_report"), metavar="DIR", help="folder of the report"
    )
    parser.add_argument("--reset", metavar="COMMAND", help=f'run when a step hangs or dies, such as "{TT_SMI} 0"')
    parser.add_argument("--fit", type=Path, metavar="REPORT", help="refit the time model with a report.json; no device")
    return parser.parse_args(arguments)


def _minutes(text: str) -> float:
    if not 0 < float(text) <= 24 * 60:
        raise argparse.ArgumentTypeError(f"{text}; allowed: above 0, up to {24 * 60}")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
