# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which texts go to the device together, in which shape. Pure functions of lengths; no device here.

A text has a row of its own in a bucket, or lies with others in a packed row, from one tile boundary to another. Its
bits are the same in both, and so depend on nothing but the text: see Buckets.packed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from models.demos.wormhole.bge_large_en.tt.dims import TILE

SEQUENCES = (32, 64, 128, 256, 384, 512)
PACKED_SEQUENCES = (128, 192, 256, 384)
DENSE_SEQUENCES = (96, 128, 256, 384)
MAX_TEXTS = 32  # in a packed row: pooling's matmul makes one tile row of results per row
PLANNED_AT_ONCE = 64  # texts; more are planned one step after another until that few are left
TRIED = 24  # packed steps, in each of the two orders of a search; more find hardly a better plan


@dataclass(frozen=True)
class Buckets:
    """The shapes that are compiled: every sequence length with every batch, all ascending.

    sequences: tokens, multiples of 32. batches: rows of a step.
    packed: lengths of rows that hold several texts, each with the largest batch. A text may lie in any of them or in
    its bucket, so all lengths up to the longest packed one must compute the same bits (tt/plan.py, `alike`).
    dense: packed texts follow each other without a gap, more of them in a row. Tiles then hold parts of two texts, and
    a text's bits depend on its neighbours: this gives up that it has the same vector alone and in any batch.
    ValueError, naming the value, for shapes that make no plan.
    """

    sequences: tuple[int, ...]
    batches: tuple[int, ...]
    packed: tuple[int, ...] = ()
    dense: bool = False

    def __post_init__(self):
        for name, values, unit in (
            ("sequences", self.sequences, TILE),
            ("batches", self.batches, 1),
            ("packed", self.packed, TILE),
        ):
            if any(value < unit or value % unit for value in values) or sorted(set(values)) != list(values):
                raise ValueError(f"buckets have {name}={values}; ascending multiples of {unit} are needed")
            if not values and name != "packed":
                raise ValueError(f"buckets have {name}={values}; at least one is needed")

    @property
    def shapes(self) -> list["Shape"]:
        """(batch, sequence length, packed), largest first."""
        rows = [(batch, sequence, False) for sequence in reversed(self.sequences) for batch in reversed(self.batches)]
        return [(self.batches[-1], sequence, True) for sequence in reversed(self.packed)] + rows


Shape = tuple[int, int, bool]  # batch, sequence length, packed
Cost = Callable[[Shape], float]


class Place(NamedTuple):
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
    def shape(self) -> Shape:
        """(batch, sequence length, packed), as in Buckets.shapes."""
        return self.batch, self.sequence, self.packed


def default_buckets(
    max_length: int, max_batch: int, packed: Sequence[int] | None = None, dense: bool = False
) -> Buckets:
    """Sequence lengths up to max_length rounded up to a tile; batches 1, for a lone text, 4 for few, and max_batch.

    packed: lengths of packed rows, of which those up to the longest sequence are taken; None for the usual ones.
    """
    longest = -(-max_length // TILE) * TILE
    sequences = (*(s for s in SEQUENCES if s < longest), longest)
    batches = sorted({batch for batch in (1, 4, max_batch) if batch <= max_batch})
    packed = (DENSE_SEQUENCES if dense else PACKED_SEQUENCES) if packed is None else packed
    return Buckets(sequences, tuple(batches), tuple(s for s in packed if s <= longest), dense)


def fewer_shapes(buckets: Buckets, most: int) -> Buckets:
    """`buckets` without the shapes that are missed least, until there are at most `most`, or only the largest.

    Batches between the smallest and the largest go first, then the smallest; then short lengths, which only make a lone
    short text faster; then packed ones.
    """
    while len(buckets.shapes) > max(1, most):
        if len(buckets.batches) > 2:
            buckets = replace(buckets, batches=(buckets.batches[0], *buckets.batches[2:]))
        elif len(buckets.batches) > 1:
            buckets = replace(buckets, batches=buckets.batches[1:])
        elif len(buckets.sequences) > 2:
            buckets = replace(buckets, sequences=buckets.sequences[1:])
        elif len(buckets.packed) > 1:
            buckets = replace(buckets, packed=buckets.packed[1:])
        elif len(buckets.sequences) > 1:
            buckets = replace(buckets, sequences=buckets.sequences[1:])
        else:
            buckets = replace(buckets, packed=())
    return buckets


def plan_steps(lengths: Sequence[int], buckets: Buckets, cost: Cost) -> list[Step]:
    """Steps that cover every text once. cost: estimated time of a step of a shape, in any unit.

    Of what packing and buckets can make of the texts the plan takes what costs least. ValueError for a text longer than
    the longest bucket.
    """
    for text, length in enumerate(lengths):
        if length > buckets.sequences[-1]:
            raise ValueError(f"row {text} has {length} tokens; the longest bucket takes {buckets.sequences[-1]}")
    search = _Search(lengths, buckets, cost)
    left = sorted(range(len(lengths)), key=lambda text: -lengths[text])
    steps = []
    while len(left) > PLANNED_AT_ONCE:
        steps.append(search.next_step(left))
        left = _without(left, steps[-1])
    return steps + search.cheapest(left)


remembered_plan = lru_cache(512)(plan_steps)  # for a tuple of lengths: those of lone texts are few


def _without(left: list[int], step: Step) -> list[int]:
    placed = {place.text for place in step.places}
    return [text for text in left if text not in placed]


class _Search:
    """Plans for texts of `lengths`. Lists of texts (`left`) are longest first."""

    def __init__(self, lengths: Sequence[int], buckets: Buckets, cost: Cost):
        self.buckets, self.rows = buckets, buckets.batches[-1]
        # Tokens that a text takes of a packed row.
        self.sizes = [length if buckets.dense else -(-length // TILE) * TILE for length in lengths]
        self.bucket = [buckets.sequences[bisect_left(buckets.sequences, length)] for length in lengths]
        self.cost = {shape: cost(shape) for shape in buckets.shapes}
        self._splits: dict[tuple[int, int], tuple[int, ...]] = {}
        # What a token costs at least: the bound by which most plans need not be looked at.
        self.per_token = min(cost / (batch * sequence) for (batch, sequence, _), cost in self.cost.items())

    def cheapest(self, left: list[int]) -> list[Step]:
        """The cheapest plan found, with packed rows of ever shorter or of ever longer ones.

        Any order might be the best; but there are few of these two kinds, and they find what all together do.
        """
        self._tries = TRIED
        cost, steps = self._packed(left, self.buckets.packed[::-1], float("inf"))
        self._tries = TRIED
        other, longer = self._packed(left, self.buckets.packed, cost)
        return longer if other < cost else steps

    def _packed(self, left: list[int], packed: tuple[int, ...], limit: float) -> tuple[float, list[Step]]:
        """(cost, steps) of the cheapest plan with packed rows of these lengths, in this order, then buckets.

        A plan that reaches `limit` may be given up.
        """
        least, best = self._in_buckets_cost(left), None
        if len(left) < 2:
            return least, self.in_buckets(left)
        floor = sum(self.sizes[text] for text in left) * self.per_token
        for index, sequence in enumerate(packed):
            own = self.cost[self.rows, sequence, True]
            if max(own, floor) >= min(least, limit) or not self._tries:
                continue
            self._tries -= 1
            step = self.packed_step(left, sequence)
            if len(step.places) < 2:
                continue
            rest = _without(left, step)
            after, steps = self._packed(rest, packed[index:], min(least, limit) - own) if rest else (0.0, [])
            if own + after < least:
                least, best = own + after, [step, *steps]
        return least, self.in_buckets(left) if best is None else best

    def next_step(self, left: list[int]) -> Step:
        """The step with the longest texts that costs least per token of theirs."""
        steps = [self.in_buckets(left[: self.rows])[0]]
        steps += [self.packed_step(left, sequence) for sequence in self.buckets.packed]
        return min(steps, key=self._per_token)

    def _per_token(self, step: Step) -> float:
        tokens = sum(self.sizes[place.text] for place in step.places)
        return self.cost[step.shape] / tokens if tokens else float("inf")

    def in_buckets(self, left: list[int]) -> list[Step]:
        """Every text in a row of its own, as long as its bucket."""
        by_sequence: dict[int, list[int]] = {}
        for text in left:
            by_sequence.setdefault(self.bucket[text], []).append(text)
        steps = []
        for sequence, texts in by_sequence.items():
            start = 0
            for batch in self._batches(sequence, len(texts)):
                part = texts[start : start + batch]
                steps.append(Step(batch, sequence, False, tuple(Place(text, row, 0) for row, text in enumerate(part))))
                start += batch
        return steps

    def _in_buckets_cost(self, left: list[int]) -> float:
        counts = Counter(self.bucket[text] for text in left)
        return sum(self.cost[b, sequence, False] for sequence, n in counts.items() for b in self._batches(sequence, n))

    def _batches(self, sequence: int, count: int) -> tuple[int, ...]:
        """The batches of steps of one length that take `count` texts for least; of equal ones the fewest and smallest."""
        if count <= 0:
            return ()
        if count > self.rows:
            return (self.rows, *self._batches(sequence, count - self.rows))
        if (sequence, count) not in self._splits:
            splits = [(batch, *self._batches(sequence, count - batch)) for batch in self.buckets.batches]
            self._splits[sequence, count] = min(
                splits, key=lambda split: (sum(self.cost[b, sequence, False] for b in split), len(split), split)
            )
        return self._splits[sequence, count]

    def packed_step(self, left: list[int], sequence: int) -> Step:
        """One step of packed rows, filled with the longest texts that fit, each in the first row with room."""
        rows, least = self.rows, 1 if self.buckets.dense else TILE
        if left and self.sizes[left[-1]] > sequence:
            return Step(rows, sequence, True, ())
        room, texts, places = [sequence] * rows, [0] * rows, []
        full = 0  # rows from the first on that take no more
        last, first = 0, 0  # a size, and the first row that may take it: those before did not take another like it
        for text in left:
            size = self.sizes[text]
            if size != last:
                last, first = size, full
            for row in range(first, rows):
                if room[row] >= size and texts[row] < MAX_TEXTS:
                    places.append(Place(text, row, sequence - room[row]))
                    room[row] -= size
                    texts[row] += 1
                    first = row
                    break
            else:
                first = rows
            while full < rows and (room[full] < least or texts[full] == MAX_TEXTS):
                full += 1
            if full == rows:
                break
        return Step(rows, sequence, True, tuple(places))
