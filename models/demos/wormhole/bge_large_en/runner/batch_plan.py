# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which rows go to the device together, in which shape. Pure functions of lengths; no device here."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.demos.wormhole.bge_large_en.tt.dims import TILE

SEQUENCES = (32, 64, 128, 256, 384, 512)


@dataclass(frozen=True)
class Buckets:
    """The shapes that are compiled: every sequence length with every batch; both ascending."""

    sequences: tuple[int, ...]
    batches: tuple[int, ...]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(batch, sequence length), largest first."""
        return [(batch, sequence) for sequence in reversed(self.sequences) for batch in reversed(self.batches)]


@dataclass(frozen=True)
class Step:
    """One device step of a (batch, sequence) shape; rows: indices of the texts in it, at most batch."""

    batch: int
    sequence: int
    rows: tuple[int, ...]


def default_buckets(max_length: int, max_batch: int) -> Buckets:
    """Sequence lengths up to max_length rounded up to a tile; batches 1, for a lone text, and max_batch."""
    longest = -(-max_length // TILE) * TILE
    return Buckets((*(s for s in SEQUENCES if s < longest), longest), tuple(sorted({1, max_batch})))


def plan_steps(lengths: Sequence[int], buckets: Buckets) -> list[Step]:
    """Steps that cover every row once, in any order of rows.

    A row's sequence length depends on its own length only, so that its bits never depend on its neighbours. Raises
    ValueError for a row longer than the longest bucket.
    """
    by_sequence: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        if length > buckets.sequences[-1]:
            raise ValueError(f"row {row} has {length} tokens; the longest bucket takes {buckets.sequences[-1]}")
        sequence = next(s for s in buckets.sequences if s >= length)
        by_sequence.setdefault(sequence, []).append(row)
    steps = []
    for sequence, rows in sorted(by_sequence.items()):
        for start in range(0, len(rows), buckets.batches[-1]):
            part = rows[start : start + buckets.batches[-1]]
            batch = next(b for b in buckets.batches if b >= len(part))
            steps.append(Step(batch, sequence, tuple(part)))
    return steps
