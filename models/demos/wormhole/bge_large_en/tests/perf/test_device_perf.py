# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGE-large's kernel time by tt-metal's device profiler, on silicon; and its device programs, which any target counts."""

import pytest

from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf import forward
from models.demos.wormhole.bge_large_en.tests.perf.op_records import record_ops
from models.demos.wormhole.bge_large_en.tests.perf.targets import MODEL, load
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision
from models.emulated_wormhole import detect
from models.emulated_wormhole.target import SILICON

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
def test_programs(device, sequence):
    """The device programs of a warm forward, between the signposts that test_device_perf reads kernel times from."""
    dims = model_dims("large")
    precision, rows = profile_precision("performance", dims), forward.full_rows(BATCH, sequence)
    # Without a trace region the forward is dispatched op by op, which the profiler needs.
    with forward.zero_runner(device, dims, BATCH, sequence, precision, "cls") as runner:
        runner.run(rows)
        signpost("start")
        with record_ops() as recording:
            runner.run(rows)
        signpost("stop")
    assert sum(op.programs for op in recording.ops) == load()[BATCH, sequence].programs


@pytest.mark.models_device_performance_bare_metal
@pytest.mark.parametrize("sequence", LENGTHS)
def test_device_perf(sequence):
    """test_programs in a process of its own under the profiler; no device is open in this one."""
    if detect().kind != SILICON:
        pytest.skip(f"kernel times are measured on Wormhole silicon only; this is the {detect().describe()}")
    try:
        from models.perf import device_perf_utils as perf
    except ImportError as error:
        pytest.skip(f"tt-metal's models.perf.device_perf_utils can't be imported: {error}")
    target = load()[BATCH, sequence]
    command = f"pytest {__file__}::test_programs[{sequence}]"
    measured = perf.run_device_perf(command, MODEL, 1, COLUMNS, BATCH, has_signposts=True)
    speed = f"AVG {KERNEL} SAMPLES/S"
    # Bounds around the middle of the target's: tt-metal's check takes a margin to both sides.
    middle = target.sentences_per_second * (1 + target.tolerance) / 2
    margin = (target.tolerance - 1) / (target.tolerance + 1)
    expected = perf.check_device_perf(measured, margin, {speed: middle}, assert_on_fail=True)
    perf.prep_device_perf_report(MODEL, BATCH, measured, expected, f"seq{sequence}")
