# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a Wormhole demands of a plan and a mock device does not check."""

from dataclasses import fields, replace

import pytest

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, default_buckets
from models.demos.wormhole.bge_large_en.runner.runner import l1_bytes, plan_buckets
from models.demos.wormhole.bge_large_en.tests.model_dims import MODELS, model_dims
from models.demos.wormhole.bge_large_en.tests.perf.zero_runner import full_rows, zero_runner
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, ShapePlan, plan_shape
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES, Precision, profile_precision

GRID = (8, 8)


def kernels(plan: ShapePlan) -> dict:
    """Field name -> compute kernel config, of all that a plan has."""
    return {field.name: getattr(plan, field.name) for field in fields(plan) if field.name.endswith("_kernel")}


@pytest.mark.parametrize("model", ["large", "minilm"])
@pytest.mark.parametrize("profile", [*PROFILES, "bf16"])
def test_no_hifi4_with_fp32_sums(model, profile):
    """There a Wormhole can compute worse than in HiFi3: tt-metal issue 38306."""
    dims = model_dims(model)
    bf16 = Precision.of_dtypes(ttnn.bfloat16, ttnn.bfloat16)
    plan = plan_shape(dims, 8, 128, GRID, bf16 if profile == "bf16" else profile_precision(profile, dims))
    found = kernels(plan)
    assert len(found) == 8
    for name, kernel in found.items():
        assert not (kernel.math_fidelity == ttnn.MathFidelity.HiFi4 and kernel.fp32_dest_acc_en), name
    assert found["exact_kernel"].fp32_dest_acc_en and not found["exact_kernel"].math_approx_mode
    assert not found["softmax_kernel"].fp32_dest_acc_en


def order_of_sums(plan: ShapePlan) -> tuple:
    """All that sets how a linear layer adds up a text's row: formats, fidelities and blocks of K."""
    linears = ("output_matmul", "ff1_matmul", "ff2_matmul")
    blocks = [getattr(rows, name).in0_block_w for rows in (plan.body, plan.last) for name in linears]
    return (plan.precision, plan.qkv_matmul.in0_block_w, *blocks)


@pytest.mark.parametrize("model", MODELS)
def test_small_subblocks_change_nothing_else(model):
    """One row of 4 tiles at most, where the profile has two of them; sums in the same order."""
    dims = model_dims(model)
    usual = profile_precision("performance", dims)
    plans = [plan_shape(dims, 8, 384, GRID, p) for p in (usual, replace(usual, small_subblocks=True))]
    areas = []
    for plan in plans:
        linears = [plan.qkv_matmul, plan.body.output_matmul, plan.body.ff1_matmul, plan.body.ff2_matmul]
        areas.append([(linear.out_subblock_h, linear.out_subblock_w) for linear in linears])
    assert any(h > 1 for h, _ in areas[0]) and all(h == 1 and w <= 4 for h, w in areas[1])
    assert order_of_sums(plans[0])[1:] == order_of_sums(plans[1])[1:]


def test_small_subblocks_run(device):
    dims = model_dims("large", 1)
    precision = replace(profile_precision("performance", dims), small_subblocks=True)
    with zero_runner(device, dims, 8, 384, precision, "cls") as runner:
        assert runner.run(full_rows(8, 384)).shape == (8, 1024)


@pytest.mark.parametrize("grid", [(8, 8), (8, 7)])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", MODELS)
def test_shapes_that_a_text_may_land_in_add_up_alike(model, profile, grid):
    dims = model_dims(model)
    buckets = default_buckets(512, grid[1])
    plans = plan_buckets(dims, buckets, 1, grid, profile_precision(profile, dims), CHAIN, "cls")
    shared = [plan for (_, sequence, _), plan in plans.items() if sequence <= max(buckets.packed)]
    assert len(shared) == 19 and len(set(map(order_of_sums, shared))) == 1
    longest = [plan for (_, sequence, _), plan in plans.items() if sequence == 512]
    assert len(longest) == 3 and len(set(map(order_of_sums, longest))) == 1


def test_every_plan_leaves_room_for_the_masks_that_stay():
    """In L1, 33,408 bytes per core for three packed lengths, beside the 1,247,232 that 512 tokens take at least."""
    dims = model_dims("large")
    sizes = (1, GRID, profile_precision("accuracy", dims), CHAIN, "cls")
    assert plan_buckets(dims, Buckets((512,), (8,)), *sizes, l1=1_270_000)
    with pytest.raises(ValueError, match="needs 1247232 bytes of L1 per core, there are 1236592"):
        plan_buckets(dims, Buckets((512,), (8,), packed=(256, 384, 512)), *sizes, l1=1_270_000)


@pytest.mark.parametrize(
    "device_params, less",
    [({}, 0), ({"l1_small_size": 24576}, 24576), ({"worker_l1_size": 1_300_000}, 93_312)],
    indirect=["device_params"],
)
def test_l1_is_what_the_device_says(device, less):
    """All L1 on top of the base address of its allocator, less l1_small_size: 1,368,736 as the demos open it."""
    assert l1_bytes(device) == 1_393_312 - less
    with pytest.raises(RuntimeError, match="L1|Out of Memory"):
        ttnn.allocate_tensor_on_device(_tiles(device, 1 + l1_bytes(device) // 2048), device)
    ttnn.deallocate(ttnn.allocate_tensor_on_device(_tiles(device, l1_bytes(device) // 2048), device))


def _tiles(device, per_core: int):
    """Spec of a bf16 tensor with that many tiles on each core."""
    grid = device.compute_with_storage_grid_size()
    shape = ttnn.Shape([32 * grid.x * grid.y, 32 * per_core])
    return ttnn.TensorSpec(shape, ttnn.bfloat16, ttnn.TILE_LAYOUT, ttnn.BufferType.L1)


@pytest.mark.parametrize("device_params", [{"l1_small_size": 65536}], indirect=True)
def test_planned_for_the_l1_that_a_device_was_opened_with(device):
    """With more than the demos' 24,576 bytes of l1_small_size blocks of K must shrink for the buffers to fit."""
    dims = model_dims("large", 1)
    with zero_runner(device, dims, 8, 384, profile_precision("accuracy", dims), "cls") as runner:
        assert runner.run(full_rows(8, 384)).shape == (8, 1024)


@pytest.mark.parametrize("device_params", [{"l1_small_size": 163840}], indirect=True)
def test_too_little_l1_is_refused_before_weights_are_loaded(device):
    dims = model_dims("large", 1)
    with pytest.raises(ValueError, match="attention needs 1247232 bytes of L1 per core"):
        with zero_runner(device, dims, 8, 512, profile_precision("accuracy", dims), "cls"):
            pass
