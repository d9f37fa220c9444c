# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Runs a step in a process of its own, with a time limit, and says what became of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import EMULATED
from models.demos.wormhole.bge_large_en.tests.first_card.steps import HERE, Step

PASSED, FAILED, DIED, HUNG, SKIPPED, NOT_RUN = "passed", "failed", "died", "hung", "skipped", "not run"
GRACE_S = 10  # between asking a process to end and killing it


@dataclass
class Outcome:
    """verdict: one of those above. found: what Findings kept, as far as the step came. message: why it did not pass."""

    name: str
    verdict: str
    seconds: float = 0.0
    message: str = ""
    found: dict = field(default_factory=dict)
    log: str | None = None

    @property
    def lost_device(self) -> bool:
        """Whether the card may be left in a state that the next process can't use."""
        return self.verdict in (DIED, HUNG)


def child_command(step: Step, result: Path, seconds: float, kind: str) -> list[str]:
    launcher = ["-m", "models.emulated_wormhole"] if kind == EMULATED else []
    return [sys.executable, *launcher, "-m", f"{HERE}.child", step.name, str(result), f"{seconds:.0f}"]


def run(name: str, command: Sequence[str], result: Path, seconds: float) -> Outcome:
    """Run a command that writes Findings to `result`, for at most so many seconds; its log lies beside."""
    log = result.with_suffix(".log")
    result.unlink(missing_ok=True)
    start = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    found = json.loads(result.read_text()) if result.exists() else {}
    verdict, message = _judge(status, found, seconds, log)
    return Outcome(name, verdict, time.monotonic() - start, message, found, log.name)


def _end(process: subprocess.Popen) -> None:
    """Stop the process and all it started: stacks to its log first, then asked, then killed."""
    for number, patience in ((signal.SIGUSR1, 1), (signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        if process.poll() is not None and number == signal.SIGUSR1:
            continue
        try:
            os.killpg(process.pid, number)  # the session that was started for it
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass


def _judge(status: int | None, found: dict, seconds: float, log: Path) -> tuple[str, str]:
    problems = "; ".join(found.get("problems", []))
    if status is None:
        return HUNG, "; ".join(filter(None, [f"no end after {seconds:.0f} s, and killed", problems]))
    if status < 0:
        return DIED, "; ".join(filter(None, [f"killed by {signal.Signals(-status).name}", problems, _last_line(log)]))
    if not found.get("done"):
        return DIED, f"ended with status {status} and no result; {_last_line(log)}"
    if found.get("skipped"):
        return SKIPPED, found["skipped"]
    return (FAILED, problems) if problems or status else (PASSED, "")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"its log ends with: {lines[-1][:300]}" if lines else "its log is empty"
