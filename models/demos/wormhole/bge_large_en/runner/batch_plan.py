# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which texts go to the device together, in which shape. Pure functions of lengths; no device here.

A text has a row of its own in a bucket, or lies with others in a packed row, from one tile boundary to another. Its bits
are the same in both, and so depend on nothing but the text: see Buckets.packed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from models.demos.wormhole.bge_large_en.tt.dims import TILE

SEQUENCES = (32, 64, 128, 256, 384, 512)
PACKED_SEQUENCES = (256, 384)
DENSE_SEQUENCES = (96, 128, 256, 384)
MAX_TEXTS = 32  # in a packed row: pooling's matmul makes one tile row of results per row
PLANNED_AT_ONCE = 256  # texts; more are planned one full step after another until that few are left


@dataclass(frozen=True)
class Buckets:
    """The shapes that are compiled: every sequence length with every batch, all ascending.

    packed: lengths of rows that hold several texts, each with the largest batch. A text may lie in any of them or in
    its bucket, so all lengths up to the longest packed one must compute the same bits (tt/plan.py, `alike`).
    dense: texts follow each other without a gap; tiles then hold parts of two, and bits depend on the neighbours.
    """

    sequences: tuple[int, ...]
    batches: tuple[int, ...]
    packed: tuple[int, ...] = ()
    dense: bool = False

    @property
    def shapes(self) -> list[tuple[int, int, bool]]:
        """(batch, sequence length, packed), largest first."""
        rows = [(batch, sequence, False) for sequence in reversed(self.sequences) for batch in reversed(self.batches)]
        return [(self.batches[-1], sequence, True) for sequence in reversed(self.packed)] + rows


@dataclass(frozen=True)
class Place:
    """Text number `text` begins at token `start` of row `row` of a step."""

    text: int
    row: int
    start: int


@dataclass(frozen=True)
class Step:
    """One device step of a (batch, sequence length, packed) shape."""

    batch: int
    sequence: int
    packed: bool
    places: tuple[Place, ...]

    @property
    def shape(self) -> tuple[int, int, bool]:
        return self.batch, self.sequence, self.packed


def default_buckets(
    max_length: int, max_batch: int, packed: Sequence[int] = PACKED_SEQUENCES, dense: bool = False
) -> Buckets:
    """Sequence lengths up to max_length rounded up to a tile; batches 1, for a lone text, 2 and max_batch."""
    longest = -(-max_length // TILE) * TILE
    sequences = (*(s for s in SEQUENCES if s < longest), longest)
    batches = sorted({batch for batch in (1, 2, max_batch) if batch <= max_batch})
    return Buckets(sequences, tuple(batches), tuple(s for s in packed if s <= longest), dense)


def plan_steps(lengths: Sequence[int], buckets: Buckets, cost: Callable[[int], float]) -> list[Step]:
    """Steps that cover every text once. cost: estimated time of a step of a sequence length, in any unit.

    Of what packing and buckets can make of the texts the plan takes what costs least. ValueError for a text longer than
    the longest bucket.
    """
    for text, length in enumerate(lengths):
        if length > buckets.sequences[-1]:
            raise ValueError(f"row {text} has {length} tokens; the longest bucket takes {buckets.sequences[-1]}")
    left = sorted(range(len(lengths)), key=lambda text: -lengths[text])
    steps = []
    while len(left) > PLANNED_AT_ONCE:
        step = min(_next_steps(left, lengths, buckets), key=lambda step: cost(step.sequence) / len(step.places))
        steps.append(step)
        left = _without(left, step)
    # What a token costs at least: the bound by which most plans need not be looked at.
    rows = buckets.batches[-1]
    least = min(cost(sequence) / (rows * sequence) for sequence in buckets.sequences + buckets.packed)
    return steps + _cheapest(left, lengths, buckets, cost, least, float("inf"))[1]


def _cheapest(left, lengths, buckets, cost, per_token, limit) -> tuple[float, list[Step]]:
    """(cost, steps) of the cheapest plan found for the texts `left`, longest first; one that reaches `limit` may be
    given up. per_token: what a token costs at least."""
    best = _in_buckets(left, lengths, buckets)
    least = sum(cost(step.sequence) for step in best)
    tokens = sum(_size(lengths[text], buckets) for text in left)
    for sequence in reversed(buckets.packed):
        bound = max(cost(sequence), tokens * per_token)
        if bound >= min(least, limit):
            continue
        step = _packed_step(left, lengths, buckets, sequence)
        if len(step.places) < 2:
            continue
        rest = _without(left, step)
        below = min(least, limit) - cost(sequence)
        after, steps = _cheapest(rest, lengths, buckets, cost, per_token, below) if rest else (0, [])
        if cost(sequence) + after < least:
            least, best = cost(sequence) + after, [step, *steps]
    return least, best


def _size(length: int, buckets: Buckets) -> int:
    """Tokens that a text takes of a packed row."""
    return length if buckets.dense else -(-length // TILE) * TILE


def _without(left: list[int], step: Step) -> list[int]:
    placed = {place.text for place in step.places}
    return [text for text in left if text not in placed]


def _next_steps(left: list[int], lengths, buckets: Buckets) -> Iterator[Step]:
    yield _in_buckets(left[: buckets.batches[-1]], lengths, buckets)[0]
    yield from (_packed_step(left, lengths, buckets, sequence) for sequence in buckets.packed)


def _in_buckets(left: list[int], lengths, buckets: Buckets) -> list[Step]:
    """Every text in a row of its own, as long as its bucket."""
    by_sequence: dict[int, list[int]] = {}
    for text in left:
        by_sequence.setdefault(next(s for s in buckets.sequences if s >= lengths[text]), []).append(text)
    steps = []
    for sequence, texts in by_sequence.items():
        for start in range(0, len(texts), buckets.batches[-1]):
            part = texts[start : start + buckets.batches[-1]]
            batch = next(b for b in buckets.batches if b >= len(part))
            steps.append(Step(batch, sequence, False, tuple(Place(text, row, 0) for row, text in enumerate(part))))
    return steps


def _packed_step(left: list[int], lengths, buckets: Buckets, sequence: int) -> Step:
    """One step of packed rows, filled with the longest texts that fit, each in the first row with room."""
    rows = buckets.batches[-1]
    room, places = [sequence] * rows, []
    full = 0
    texts = [0] * rows
    for text in left:
        size = _size(lengths[text], buckets)
        for row in range(full, rows):
            if room[row] >= size and texts[row] < MAX_TEXTS:
                texts[row] += 1
                places.append(Place(text, row, sequence - room[row]))
                room[row] -= size
                break
        while full < rows and room[full] < (1 if buckets.dense else TILE):
            full += 1
        if full == rows:
            break
    return Step(rows, sequence, True, tuple(places))
