# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Properties of the batch planner over any lengths and buckets. Many more: HYPOTHESIS_EXAMPLES=20 pytest …"""

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st

from models.demos.wormhole.bge_large_en.runner.batch_plan import (
    MAX_TEXTS,
    Buckets,
    Place,
    Step,
    _Search,
    default_buckets,
    plan_steps,
)
from models.demos.wormhole.bge_large_en.tests.runner.examples import examples
from models.demos.wormhole.bge_large_en.tests.runner.test_batch_plan import check, cost, random_case
from models.demos.wormhole.bge_large_en.tt.dims import TILE

ascending = st.sets(st.integers(1, 16), min_size=1, max_size=5).map(
    lambda tiles: tuple(TILE * t for t in sorted(tiles))
)
any_buckets = st.one_of(
    st.builds(default_buckets, st.integers(1, 512), st.integers(1, 12), dense=st.booleans()),
    st.builds(
        Buckets,
        ascending,
        st.sets(st.integers(1, 12), min_size=1, max_size=3).map(lambda batches: tuple(sorted(batches))),
        st.one_of(st.just(()), ascending),
        st.booleans(),
    ),
)


@st.composite
def plans(draw) -> tuple[list[int], Buckets]:
    """Buckets, and up to 150 lengths that they take."""
    buckets = draw(any_buckets)
    longest = buckets.sequences[-1]
    many = st.lists(st.integers(1, 4), min_size=60, max_size=150)  # more than pooling takes of a dense row
    return draw(st.one_of(many, st.lists(st.integers(1, longest), max_size=150))), buckets


def shapes(steps: list[Step], lengths: list[int]) -> list:
    """What a plan is but for which of equally long texts lies where."""
    return [(step.shape, [(lengths[place.text], place.row, place.start) for place in step.places]) for step in steps]


@examples(300)
@given(plans())
def test_every_text_once_without_overlap_within_limits(case):
    lengths, buckets = case
    check(lengths, buckets, plan_steps(lengths, buckets, cost))


@examples(150)
@given(plans(), st.randoms(use_true_random=False))
def test_the_order_of_texts_changes_no_step(case, random_):
    lengths, buckets = case
    order = random_.sample(lengths, len(lengths))
    assert shapes(plan_steps(order, buckets, cost), order) == shapes(plan_steps(lengths, buckets, cost), lengths)


@examples(100)
@given(plans(), st.data())
def test_a_text_that_fits_nowhere_is_named_and_nothing_is_planned(case, data):
    lengths, buckets = case
    at = data.draw(st.integers(0, len(lengths)))
    long = buckets.sequences[-1] + data.draw(st.integers(1, 10**9))
    with pytest.raises(
        ValueError, match=f"row {at} has {long} tokens; the longest bucket takes {buckets.sequences[-1]}"
    ):
        plan_steps([*lengths[:at], long, *lengths[at:]], buckets, cost)


@examples(200)
@given(*[st.lists(st.integers(-40, 600), max_size=4).map(tuple)] * 3, st.booleans())
def test_buckets_are_made_or_refused_with_a_value_error(sequences, batches, packed, dense):
    try:
        buckets = Buckets(sequences, batches, packed, dense)
    except ValueError as error:
        assert str(error).startswith("buckets have ")
    else:
        assert plan_steps([1], buckets, cost)


@pytest.mark.parametrize("seed", range(50))
def test_a_packed_step_puts_each_text_in_the_first_row_with_room(seed):
    lengths, buckets = random_case(seed)
    search, rows = _Search(lengths, buckets, cost), buckets.batches[-1]
    left = sorted(range(len(lengths)), key=lambda text: -lengths[text])
    for sequence in buckets.packed:
        room, texts, places = [sequence] * rows, [0] * rows, []
        for text in left:
            fits = [row for row in range(rows) if room[row] >= search.sizes[text] and texts[row] < MAX_TEXTS]
            if fits:
                places.append(Place(text, fits[0], sequence - room[fits[0]]))
                room[fits[0]] -= search.sizes[text]
                texts[fits[0]] += 1
        assert search.packed_step(left, sequence).places == tuple(places)
