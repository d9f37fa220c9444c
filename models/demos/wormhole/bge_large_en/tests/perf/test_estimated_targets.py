# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The targets beside the calibrated estimate, as long as nobody has measured them."""

import pytest

pytest.importorskip("scipy")

from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf import calibration, estimate, forward
from models.demos.wormhole.bge_large_en.tests.perf.targets import load
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

SHAPES = [(8, 384), (8, 512)]


def test_shapes():
    assert list(load()) == SHAPES


@pytest.mark.parametrize("shape", SHAPES)
def test_target_is_the_estimate(device, shape):
    """Until somebody measures: sentences/s is the low end in whole sentences, tolerance reaches just past the high."""
    target, dims = load()[shape], model_dims("large")
    if target.measured:
        pytest.skip("the target was measured")
    with forward.zero_runner(device, dims, *shape, profile_precision("performance", dims), "cls") as runner:
        measured = forward.measure(runner, *shape)
    assert sum(op.programs for op in measured.ops) == 275  # 11 a layer and 11 around
    found = estimate.summary(measured, dims, *shape, calibration.calibrate())
    low, high = found["calibrated_sentences_per_second"]
    assert target.sentences_per_second == int(low)
    assert high <= target.sentences_per_second * target.tolerance < high * 1.02
