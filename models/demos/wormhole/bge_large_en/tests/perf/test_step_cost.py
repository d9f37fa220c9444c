# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The planner's cost of a step, by its plan, beside the op-by-op estimate of the programs really called."""

import pytest
import torch

pytest.importorskip("scipy")

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Place, default_buckets
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.kernel_work import UNITS, add
from models.demos.wormhole.bge_large_en.runner.step_cost import PRICES, step_microseconds
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf import calibration, forward
from models.demos.wormhole.bge_large_en.tests.perf.op_records import record_ops
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES, profile_precision

DIMS = model_dims("large")


@pytest.fixture(scope="module")
def device():
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


def test_prices_are_those_of_the_fit():
    fitted = calibration.calibrate().prices
    assert set(PRICES) == set(UNITS)
    for unit, price in PRICES.items():
        assert price == pytest.approx(fitted[unit], rel=0.005, abs=0.005), unit


def op_by_op(device, layers: int, precision, buckets) -> dict:
    """Shape of a bucket -> (its plan, the price of the programs that a step of it called)."""
    found = {}
    with forward.zero_runner(device, model_dims("large", layers), 8, 512, precision, "cls", buckets=buckets) as runner:
        for shape, plan in runner.plans.items():
            step = runner._step(shape)
            texts, places = [Row(torch.ones(20, dtype=torch.int64))], [Place(0, 0, 0)]
            with record_ops() as recording:
                step.collect(step.submit(texts, places))
            found[shape] = plan, calibration.microseconds(PRICES, add(*(op.work for op in recording.ops)))
            step.close()
            del runner._steps[shape]
    return found


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("dense", [False, True], ids=["aligned", "dense"])
def test_every_bucket_beside_the_op_by_op_estimate(device, profile, dense):
    """At 24 layers, of which all but the last are alike: two were run, and three."""
    buckets = default_buckets(512, 8, dense=dense)
    if dense:  # the rest is the same as aligned
        buckets = type(buckets)((buckets.sequences[-1],), (8,), buckets.packed, dense)
    precision, ratios = profile_precision(profile, DIMS), {}
    two, three = (op_by_op(device, layers, precision, buckets) for layers in (2, 3))
    for shape, (plan, us) in two.items():
        called = us + (DIMS.num_hidden_layers - 2) * (three[shape][1] - us)
        ratios[shape] = step_microseconds(DIMS, plan) / called
        print(f"{shape}: {step_microseconds(DIMS, plan):.0f} us, op by op {called:.0f}: {ratios[shape]:.3f}")
    assert all(0.98 <= ratio <= 1.02 for ratio in ratios.values()), ratios
