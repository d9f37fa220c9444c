# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Scores of an evaluation as a table and as an object for JSON. All scores are times 100."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One task in one precision profile.

    size: what the task was scored on; device and reference (fp32, same weights): main scores; published: of the whole
    task, None where there is none or where a part of the task was scored.
    """

    task: str
    metric: str
    size: str
    profile: str
    device: float
    reference: float
    published: float | None = None

    @property
    def to_reference(self) -> float:
        """Points above the reference."""
        return self.device - self.reference

    @property
    def to_published(self) -> float | None:
        """Points above what is published, None where nothing is."""
        return None if self.published is None else self.device - self.published


_HEADINGS = ("task", "scored on", "metric", "profile", "device", "fp32", "device-fp32", "published", "device-published")
_NUMBERS = 4  # columns before those that are numbers


def table(scores: Sequence[Score]) -> str:
    """A line a score under a line of headings; columns of numbers to the right."""
    lines = [_HEADINGS] + [
        (
            *(score.task, score.size, score.metric, score.profile),
            *(_number(score.device), _number(score.reference), _number(score.to_reference, "+")),
            *(_number(score.published), _number(score.to_published, "+")),
        )
        for score in scores
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADINGS))]
    cells = (
        [text.ljust(width) if i < _NUMBERS else text.rjust(width) for i, (text, width) in enumerate(zip(line, widths))]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in cells)


def report(scores: Sequence[Score], **setting) -> dict:
    """The object of --output: `setting` (model, runs_on, …) and the scores with their differences."""
    names = ("task", "metric", "size", "profile", "device", "reference", "published", "to_reference", "to_published")
    return {**setting, "scores": [{name: getattr(score, name) for name in names} for score in scores]}


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.3f}"
