# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGE-large's kernel time by tt-metal's device profiler, on silicon."""

import pytest

from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, SILICON, target
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf.targets import FILE, MODEL, find
from models.demos.wormhole.bge_large_en.tests.perf.zero_runner import full_rows, zero_runner
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

BATCH = 8
LENGTHS = (384, 512)
KERNEL = "DEVICE KERNEL"
COLUMNS = ["DEVICE FW", KERNEL, "DEVICE BRISC KERNEL"]


def signpost(header: str) -> None:
    """A mark in the profiler's log, in a tt-metal tree; nothing elsewhere."""
    try:
        import tracy
    except ImportError:
        return
    tracy.signpost(header)


@pytest.mark.parametrize("sequence", LENGTHS)
def test_forward(device, sequence):
    """A warm forward, between the signposts that test_device_perf reads kernel times from."""
    dims = model_dims("large")
    precision, rows = profile_precision("performance", dims), full_rows(BATCH, sequence)
    # Without a trace region the forward is dispatched op by op, which the profiler needs.
    with zero_runner(device, dims, BATCH, sequence, precision, "cls") as runner:
        runner.run(rows)
        signpost("start")
        pooled = runner.run(rows)
        signpost("stop")
    assert pooled.shape == (BATCH, dims.hidden_size)


@pytest.mark.models_device_performance_bare_metal
@pytest.mark.parametrize("sequence", LENGTHS)
def test_device_perf(sequence):
    """test_forward in a process of its own under the profiler; no device is open in this one."""
    if target() != SILICON:
        pytest.skip(f"kernel times are measured on Wormhole silicon only; this is the {DESCRIPTIONS[target()]}")
    try:
        from models.perf import device_perf_utils as perf
    except ImportError as error:
        pytest.skip(f"tt-metal's models.perf.device_perf_utils can't be imported: {error}")
    expected = find(BATCH, sequence)
    command = f"pytest {__file__}::test_forward[{sequence}]"
    measured = perf.run_device_perf(command, MODEL, 1, COLUMNS, BATCH, has_signposts=True)
    if expected is None:
        pytest.skip(f"no target for batch {BATCH}, {sequence} tokens in {FILE.name}; measured: {measured}")
    speed = f"AVG {KERNEL} SAMPLES/S"
    # Bounds around the middle of the target's: tt-metal's check takes a margin to both sides.
    middle = expected.sentences_per_second * (1 + expected.tolerance) / 2
    margin = (expected.tolerance - 1) / (expected.tolerance + 1)
    checked = perf.check_device_perf(measured, margin, {speed: middle}, assert_on_fail=True)
    perf.prep_device_perf_report(MODEL, BATCH, measured, checked, f"seq{sequence}")
