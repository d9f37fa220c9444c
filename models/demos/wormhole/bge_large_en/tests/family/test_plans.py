# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Each checkpoint's facts make dims and plans for all of its buckets, in both profiles; no device, no weights."""

import pytest
from transformers import AutoConfig

from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
from models.demos.wormhole.bge_large_en.runner.runner import plan_buckets
from models.demos.wormhole.bge_large_en.tests.family.checkpoints import CHECKPOINTS, GEOMETRIES, SERVED_LENGTH
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision


def dims_of(name: str) -> BertDims:
    return BertDims.from_hf(AutoConfig.for_model(**CHECKPOINTS[name].config))


def test_there_are_thirty_of_twelve_geometries():
    assert len(CHECKPOINTS) == 30 and len(GEOMETRIES) == 12


@pytest.mark.parametrize("profile", ["performance", "accuracy"])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_bucket_has_a_plan(name, profile):
    known, dims = CHECKPOINTS[name], dims_of(name)
    longest = min(known.length, SERVED_LENGTH)
    buckets = default_buckets(longest, 8)
    plans = plan_buckets(dims, buckets, 1, (8, 8), profile_precision(profile, dims), CHAIN, known.pooling or "cls")
    assert list(plans) == buckets.shapes and {plan.sequence for plan in plans.values()} >= {32, longest}


@pytest.mark.parametrize("name", [name for name, known in CHECKPOINTS.items() if known.length > SERVED_LENGTH])
def test_a_longer_text_has_none_and_that_is_why(name):
    dims = dims_of(name)
    assert dims.max_position_embeddings == CHECKPOINTS[name].length
    with pytest.raises(ValueError, match="attention needs .* bytes of L1 per core, there are .*use a shorter sequence"):
        plan_buckets(dims, default_buckets(1024, 1), 1, (8, 8), profile_precision("performance", dims), CHAIN, "cls")


def test_facts_fit_each_other():
    for name, known in CHECKPOINTS.items():
        dims = dims_of(name)
        assert known.length <= dims.max_position_embeddings and dims.head_size in (32, 64), name
        assert dims.first_position == (2 if known.config["model_type"] == "xlm-roberta" else 0), name
        assert known.pooling or (known.normalize is None and not known.query), name
