# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Properties of every batch plan, over seeded random lengths and buckets."""

import random

import pytest

from models.demos.wormhole.bge_large_en.runner import batch_plan
from models.demos.wormhole.bge_large_en.runner.batch_plan import (
    DENSE_SEQUENCES,
    MAX_TEXTS,
    PACKED_SEQUENCES,
    Buckets,
    Place,
    Shape,
    Step,
    default_buckets,
    fewer_shapes,
    plan_steps,
)
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import shape_cost
from models.demos.wormhole.bge_large_en.tt.dims import TILE

CASES = 150


def cost(shape: Shape) -> float:
    return shape_cost(model_dims("large"), shape)


def random_case(seed: int) -> tuple[list[int], Buckets]:
    """Lengths, from none to 300 of them, and buckets that take them."""
    random_ = random.Random(seed)
    dense = random_.random() < 0.4
    longest = random_.choice((32, 96, 128, 384, 512))
    if random_.random() < 0.5:
        buckets = default_buckets(longest, random_.choice((1, 2, 3, 8, 10)), dense=dense)
    else:
        tiles = longest // TILE
        sequences = sorted({longest, *(TILE * random_.randint(1, tiles) for _ in range(random_.randint(0, 4)))})
        packed = sorted({TILE * random_.randint(1, tiles) for _ in range(random_.randint(0, 3))})
        batches = sorted({random_.randint(1, 8) for _ in range(random_.randint(1, 3))})
        buckets = Buckets(tuple(sequences), tuple(batches), tuple(packed), dense)
    count = random_.choice((0, 1, 2, 7, 8, 9, 40, 64, 65, 300))
    kind = random_.choice(("short", "any", "longest"))
    draw = {
        "short": lambda: min(longest, 1 + int(random_.expovariate(1 / 20))),
        "any": lambda: random_.randint(1, longest),
        "longest": lambda: random_.randint(max(1, longest - 40), longest),
    }[kind]
    return [draw() for _ in range(count)], buckets


def check(lengths: list[int], buckets: Buckets, steps: list[Step]) -> None:
    """AssertionError unless the steps cover every text once, without overlap, in shapes that are compiled."""
    assert sorted(place.text for step in steps for place in step.places) == list(range(len(lengths)))
    for step in steps:
        assert step.shape in buckets.shapes and step.places
        taken: dict[int, list[tuple[int, int]]] = {}
        for place in step.places:
            end = place.start + lengths[place.text]
            if step.packed and not buckets.dense:
                assert place.start % TILE == 0
                end = -(-end // TILE) * TILE
            assert 0 <= place.row < step.batch and end <= step.sequence
            taken.setdefault(place.row, []).append((place.start, end))
        for spans in taken.values():
            assert all(end <= start for (_, end), (start, _) in zip(sorted(spans), sorted(spans)[1:]))
            assert len(spans) <= (MAX_TEXTS if step.packed else 1)
        if not step.packed:
            # Of its own length only: the shortest bucket that takes it, whoever else is there.
            shortest = {min(s for s in buckets.sequences if s >= lengths[place.text]) for place in step.places}
            assert shortest == {step.sequence} and all(place.start == 0 for place in step.places)
            assert len(step.places) <= step.batch


@pytest.mark.parametrize("seed", range(CASES))
def test_every_plan(seed):
    lengths, buckets = random_case(seed)
    steps = plan_steps(lengths, buckets, cost)
    check(lengths, buckets, steps)
    # Never dearer than buckets alone, nor cheaper than every token at the best price.
    alone = plan_steps(lengths, Buckets(buckets.sequences, buckets.batches), cost)
    estimated = sum(cost(step.shape) for step in steps)
    if len(lengths) <= 64:
        assert estimated <= sum(cost(step.shape) for step in alone) * (1 + 1e-9)
    price = min(cost(shape) / (shape[0] * shape[1]) for shape in buckets.shapes)
    assert estimated >= sum(lengths) * price * (1 - 1e-9)
    assert plan_steps(lengths, buckets, cost) == steps
    assert sum(cost(step.shape) for step in plan_steps(sorted(lengths), buckets, cost)) == pytest.approx(estimated)


def test_checks_notice_what_they_are_for():
    """A plan with a text missing, doubled, overlapping, off its tile or in another bucket does not pass."""
    buckets, lengths = Buckets((32, 64), (1, 8), packed=(64,)), [20, 20, 40]
    good = plan_steps([20] * 16 + [40], buckets, cost)
    check([20] * 16 + [40], buckets, good)

    def packed(*places):
        return [Step(8, 64, True, tuple(Place(*place) for place in places))]

    check(lengths, buckets, packed((0, 0, 0), (1, 0, 32), (2, 1, 0)))
    for bad in (
        packed((0, 0, 0), (1, 0, 32)),
        packed((0, 0, 0), (1, 0, 32), (2, 1, 0), (2, 2, 0)),
        packed((0, 0, 0), (1, 0, 0), (2, 1, 0)),
        packed((0, 0, 0), (1, 0, 20), (2, 1, 0)),
        packed((0, 0, 0), (1, 0, 32), (2, 1, 32)),
        packed((0, 0, 0), (1, 0, 32), (2, 8, 0)),
        [Step(8, 64, False, (Place(0, 0, 0), Place(1, 1, 0), Place(2, 2, 0)))],
        [Step(8, 96, True, (Place(0, 0, 0), Place(1, 0, 32), Place(2, 1, 0)))],
    ):
        with pytest.raises(AssertionError):
            check(lengths, buckets, bad)


def test_packing_is_taken_where_it_is_cheaper_and_only_there():
    short, full = [14] * 64, [384] * 8
    assert any(step.packed for step in plan_steps(short, default_buckets(384, 8), cost))
    assert [step.shape for step in plan_steps(full, default_buckets(384, 8), cost)] == [(8, 384, False)]
    assert [step.shape for step in plan_steps([14], default_buckets(384, 8), cost)] == [(1, 32, False)]


def test_many_dense_texts_in_a_row_stop_at_the_rows_of_the_pooling_matmul():
    steps = plan_steps([1] * 300, Buckets((384,), (8,), packed=(384,), dense=True), cost)
    assert [len(step.places) for step in steps] == [256, 44]
    # Also in a row behind one that is not full, but has no room for them.
    lengths, buckets = [381] + [5] * 63, Buckets((384,), (2,), packed=(384,), dense=True)
    check(lengths, buckets, plan_steps(lengths, buckets, cost))


def test_more_texts_than_are_planned_at_once_and_all_longer_than_a_packed_row():
    lengths = [400] * 300
    check(lengths, default_buckets(512, 8), plan_steps(lengths, default_buckets(512, 8), cost))


def test_a_search_ends(monkeypatch):
    """Two rows and four packed lengths: without a limit it took seconds."""
    tried, packed_step = [], batch_plan._Search.packed_step
    monkeypatch.setattr(batch_plan._Search, "packed_step", lambda *a: (tried.append(a), packed_step(*a))[1])
    lengths, buckets = [random.Random(i).randint(60, 500) for i in range(64)], default_buckets(512, 2, dense=True)
    check(lengths, buckets, plan_steps(lengths, buckets, cost))
    assert len(tried) <= 2 * batch_plan.TRIED


def test_too_long_a_text_is_named():
    with pytest.raises(ValueError, match="row 1 has 65 tokens; the longest bucket takes 64"):
        plan_steps([3, 65], Buckets((64,), (8,)), cost)


def test_default_buckets():
    assert default_buckets(384, 8) == Buckets((32, 64, 128, 256, 384), (1, 4, 8), PACKED_SEQUENCES)
    assert default_buckets(500, 1).sequences == (32, 64, 128, 256, 384, 512) and default_buckets(500, 1).batches == (1,)
    assert default_buckets(384, 8, dense=True).packed == DENSE_SEQUENCES
    assert default_buckets(300, 8, packed=()).packed == () and default_buckets(300, 8).packed == (128, 192, 256)


@pytest.mark.parametrize(
    "values, says",
    [
        (dict(sequences=(), batches=(1,)), r"sequences=\(\)"),
        (dict(sequences=(48,), batches=(1,)), r"sequences=\(48,\); ascending multiples of 32"),
        (dict(sequences=(64, 32), batches=(1,)), r"sequences=\(64, 32\)"),
        (dict(sequences=(64,), batches=(0,)), r"batches=\(0,\)"),
        (dict(sequences=(64,), batches=(8, 8)), r"batches=\(8, 8\)"),
        (dict(sequences=(64,), batches=(8,), packed=(40,)), r"packed=\(40,\)"),
    ],
)
def test_buckets_that_make_no_plan_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        Buckets(**values)


def test_fewer_shapes():
    """Down to one, that with the longest sequence, and each set smaller than the one before."""
    full = default_buckets(512, 8)
    assert fewer_shapes(full, len(full.shapes)) == full
    for most in range(1, len(full.shapes)):
        fewer = fewer_shapes(full, most)
        assert len(fewer.shapes) <= most and set(fewer.shapes) <= set(full.shapes)
        assert fewer.sequences[-1] == 512 and fewer.batches[-1] == 8
    assert fewer_shapes(full, 2) == Buckets((512,), (8,), (384,))
    assert fewer_shapes(full, 0) == Buckets((512,), (8,))
