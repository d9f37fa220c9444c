# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a step found out, kept in a file from the first number on, so that one that hangs leaves what it had."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import SILICON


@dataclass(frozen=True)
class Setting:
    """kind: as runner.target says. seconds: that the step may take. folder: of the report."""

    kind: str
    seconds: float
    folder: Path

    @property
    def timed(self) -> bool:
        """Whether times mean anything."""
        return self.kind == SILICON

    @property
    def small(self) -> bool:
        """Whether sizes must be small because the host computes what a card would."""
        return self.kind != SILICON


class Skipped(Exception):
    """The step has no meaning here; its message says why."""


@dataclass
class Findings:
    """measured: name -> number or text. problems: a line each. beside: measured with estimated figures. file: JSON."""

    file: Path
    measured: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    beside: list[dict] = field(default_factory=list)
    skipped: str | None = None
    done: bool = False

    def note(self, name: str, value) -> None:
        self.measured[name] = round(value, 6) if isinstance(value, float) else value
        self.save()

    def expect(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)
            self.save()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A part of a step, after whose failure the others are still tried."""
        print(f"-- {name}", flush=True)
        try:
            yield
        except Skipped:
            raise
        except Exception as error:
            self.expect(False, f"{name}: {type(error).__name__}: {first_line(error)}")

    def save(self) -> None:
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps({name: value for name, value in vars(self).items() if name != "file"}))
        part.replace(self.file)


def first_line(error: BaseException) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:300]
