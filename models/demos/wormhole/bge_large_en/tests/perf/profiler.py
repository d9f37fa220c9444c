# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Measured kernel times of a step's ops, from ttnn's device profiler. Silicon only: all else has no time to measure."""

import os
from collections.abc import Callable, Sequence

import ttnn
from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, SILICON
from models.demos.wormhole.bge_large_en.tests.perf.op_records import OpRecord

DURATION = "DEVICE KERNEL DURATION [ns]"
VARIABLES = ("TT_METAL_DEVICE_PROFILER", "TT_METAL_PROFILER_MID_RUN_DUMP", "TT_METAL_PROFILER_CPP_POST_PROCESS")


def why_not(target: str) -> str | None:
    """Why kernel times can't be read in this process, or None if they can. The variables must be set from its start."""
    if target != SILICON:
        return f"kernel times are measured on Wormhole silicon only; this is the {DESCRIPTIONS[target]}"
    missing = [name for name in VARIABLES if os.environ.get(name) != "1"]
    return f"set {'=1 '.join(missing)}=1 to measure kernel times" if missing else None


def measured_ns(target: str, device, step: Callable[[], object], ops: Sequence[OpRecord]) -> list[float]:
    """Kernel nanoseconds of each of `ops`, all its programs together, in one more run of `step`, which makes them.

    RuntimeError anywhere but on silicon with the profiler on, and when it saw other programs than `ops` has.
    """
    reason = why_not(target)
    if reason:
        raise RuntimeError(reason)
    ttnn.synchronize_device(device)
    ttnn.ReadDeviceProfiler(device)  # what ran before is not wanted
    step()
    ttnn.synchronize_device(device)
    ttnn.ReadDeviceProfiler(device)
    chips = ttnn.get_latest_programs_perf_data()
    if not chips:
        raise RuntimeError("the device profiler returned nothing; is this ttnn built with it?")
    programs = sorted(chips[min(chips)], key=lambda program: program.program_execution_uid.runtime_id)
    durations = [program.program_analyses_results[DURATION].duration for program in programs]
    launched = sum(op.programs for op in ops)
    if len(durations) != launched:
        raise RuntimeError(f"the profiler saw {len(durations)} programs, the step launches {launched}")
    times = iter(durations)
    return [float(sum(next(times) for _ in range(op.programs))) for op in ops]
