# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Whether steps can be traced, and which shapes the trace region of a device holds."""

import os
from collections.abc import Iterable

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, fewer_shapes
from models.demos.wormhole.bge_large_en.tt.blocking import grid_columns
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import SPREAD

# Bytes that one program takes of a trace at most, as measured with real kernels on Tenstorrent's simulator (ttsim 1.10.0,
# ttnn 0.81.1): of 276 programs 1,424 each on 8 cores, 2,137 on 16, 4,986 (packed 5,343) on 64; of 78, 2,520 on 24.
BYTES_PER_PROGRAM, BYTES_PER_CORE = 1_200, 65
PROGRAMS_PER_LAYER, PROGRAMS_AROUND = 11, 12
RESHARDS = 2  # programs more of a layer that is spread (tt/plan.py)
GRANULE = 12 * 4096  # bytes that a trace takes a multiple of


def can_trace(device) -> tuple[bool, str]:
    """Whether this process can capture traces on the device, and why."""
    if os.environ.get("TT_METAL_SLOW_DISPATCH_MODE"):
        return False, "TT_METAL_SLOW_DISPATCH_MODE is set, under which there are no traces"
    if os.environ.get("TT_METAL_MOCK_CLUSTER_DESC_PATH"):
        return False, "the device is a mock (TT_METAL_MOCK_CLUSTER_DESC_PATH)"
    region = trace_region(device)
    if not region:
        return False, "the device was opened without a trace region (trace_region_size)"
    return True, f"the trace region has {region} bytes"


def trace_region(device) -> int:
    """Bytes of DRAM that a device, or each of a mesh, was opened with for traces (trace_region_size)."""
    view = ttnn.get_memory_view(device, ttnn.BufferType.TRACE)
    return view.total_bytes_per_bank * view.num_banks


def trace_bytes(dims: BertDims, shapes: Iterable[tuple[int, int, bool]], grid: tuple[int, int]) -> int:
    """Bytes of trace region that captured shapes, as in Buckets.shapes, take on a core grid; an upper estimate."""
    columns, total = grid_columns(dims, grid[0]), 0
    for batch, sequence, packed in shapes:
        spread = batch < grid[1] and sequence >= SPREAD and not packed
        rows = min(batch * sequence // TILE if spread else batch, grid[1])
        programs = dims.num_hidden_layers * (PROGRAMS_PER_LAYER + RESHARDS * spread) + PROGRAMS_AROUND
        size = programs * (BYTES_PER_PROGRAM + BYTES_PER_CORE * columns * rows)
        total += -(-size // GRANULE) * GRANULE
    return total


def shapes_held(region: int, dims: BertDims, wanted: Buckets, grid: tuple[int, int], all_of_them: bool) -> Buckets:
    """`wanted`, or as much of it as a trace region of `region` bytes holds.

    ValueError, with what to set, if that is nothing, or not `all_of_them`.
    """
    found, most = wanted, len(wanted.shapes)
    while trace_bytes(dims, found.shapes, grid) > region and most > 1 and not all_of_them:
        most -= 1
        found = fewer_shapes(wanted, most)
    needed = trace_bytes(dims, found.shapes, grid)
    if needed > region:
        raise ValueError(
            f"the trace region is {region} bytes; {len(found.shapes)} shapes need about {needed}: open the device with "
            f"trace_region_size={trace_bytes(dims, wanted.shapes, grid)}, or ask for fewer shapes by `buckets`"
        )
    return found
