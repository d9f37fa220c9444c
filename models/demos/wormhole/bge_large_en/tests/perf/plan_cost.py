# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a step of a shape is estimated to cost, by its plan alone: no device and no weights."""

from functools import cache

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, Cost, Shape
from models.demos.wormhole.bge_large_en.runner.runner import plan_buckets
from models.demos.wormhole.bge_large_en.runner.step_cost import step_microseconds
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, plan_shape
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

GRID = (8, 8)


def bucket_costs(dims: BertDims, buckets: Buckets, profile: str = "performance") -> Cost:
    """Of the buckets' shapes on one chip with 8x8 cores, CLS pooling: as a runner makes them."""
    plans = plan_buckets(dims, buckets, 1, GRID, profile_precision(profile, dims), CHAIN, "cls")
    return {shape: step_microseconds(dims, plan) for shape, plan in plans.items()}.__getitem__


@cache
def shape_cost(dims: BertDims, shape: Shape, profile: str = "performance") -> float:
    """Of any shape; rows past the cores' count as none, for plans that are never run."""
    batch, sequence, packed = shape
    plan = plan_shape(dims, min(batch, GRID[1]), sequence, GRID, profile_precision(profile, dims), packed=packed)
    return step_microseconds(dims, plan)
