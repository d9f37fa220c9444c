# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Speed that the perf tests ask for: in tt-metal from models/model_targets.yaml, else targets.yaml.

The rule is that of tt-metal's validate_perf_targets.py: what is measured is at least the target and at most the target
times its tolerance, past which the target is out of date.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

# The patch series puts the lines of targets.yaml into tt-metal's file and leaves targets.yaml out.
FILES = [Path(__file__).resolve().parents[up] / name for up, name in ((2, "targets.yaml"), (5, "model_targets.yaml"))]
FILE = next((file for file in FILES if file.exists()), FILES[0])
MODEL, SKU = "bge-large-en", "wh_n150"


class NoEntries(ValueError):
    """A file without a target of the model."""


@dataclass(frozen=True)
class Target:
    """batch: sentences of a step. sequence: tokens of each. measured: on silicon, else estimated. tolerance: over 1."""

    batch: int
    sequence: int
    measured: bool
    sentences_per_second: float
    tolerance: float

    def check(self, sentences_per_second: float) -> None:
        """AssertionError, with both bounds, when a speed measured on silicon is not within them."""
        low, high = self.sentences_per_second, self.sentences_per_second * self.tolerance
        assert low <= sentences_per_second <= high, (
            f"{sentences_per_second:.1f} sentences/s at batch {self.batch}, {self.sequence} tokens; the target, "
            f"{'measured' if self.measured else 'an estimate that nobody measured'}, is {low:.1f} to {high:.1f}"
        )


def load(path: Path | None = None) -> dict[tuple[int, int], Target]:
    """The targets of one chip, by batch and sequence length. ValueError, with file and shape, for what is no
    target; NoEntries where there is none."""
    path = path or FILE
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        entries = document.get("targets", document)[MODEL]["skus"][SKU]["entries"]
    except (AttributeError, KeyError, TypeError) as error:
        raise NoEntries(f"{path} has no entries of {MODEL} on {SKU}") from error
    targets: dict[tuple[int, int], Target] = {}
    for entry in entries:
        shape = (entry.get("batch_size"), entry.get("seq_len"))
        try:
            target = _target(entry)
        except ValueError as error:
            raise ValueError(f"{path}: at batch_size, seq_len {shape} {error}") from None
        if shape in targets:
            raise ValueError(f"{path}: batch_size, seq_len {shape} are there twice")
        targets[shape] = target
    return targets


def find(batch: int, sequence: int) -> Target | None:
    """The target of a shape; None where FILE has none, as a tree in which nobody has measured yet."""
    try:
        return load().get((batch, sequence))
    except NoEntries:
        return None


def _target(entry: dict) -> Target:
    perf = entry.get("perf") or {}
    batch, sequence = (_positive(entry, key, int) for key in ("batch_size", "seq_len"))
    tokens, tolerance = (_positive(perf, key, (int, float)) for key in ("prefill_t/s", "tolerance"))
    unknown = set(perf) - {"prefill_t/s", "tolerance"}
    if unknown:
        raise ValueError(f"perf has {sorted(unknown)}; prefill_t/s and tolerance are known")
    if tolerance <= 1:
        raise ValueError(f"tolerance is {tolerance}; it is a factor over 1")
    status = entry.get("status")
    if status not in ("active", "TODO"):
        raise ValueError(f"status is {status!r}; active and TODO are known")
    return Target(batch, sequence, status == "active", tokens / sequence, float(tolerance))


def _positive(block: dict, key: str, kind):
    value = block.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{key} is {value!r}; a number over 0 is needed")
    return value
