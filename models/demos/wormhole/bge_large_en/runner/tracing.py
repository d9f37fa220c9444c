# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Whether steps can be traced, and how many shapes the trace region of a device holds."""

import os

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import BertDims

# Bytes that one program takes of a trace: tt-metal's BGE demo captures 509 in a region of 6,434,816. About half of them
# only move data; as if those took nothing, that region is reckoned to hold a step of ours, of 276 programs.
TRACE_BYTES_PER_PROGRAM = 23_314
PROGRAMS_PER_LAYER, PROGRAMS_AROUND = 11, 12


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


def trace_bytes(dims: BertDims, shapes: int) -> int:
    """Bytes of trace region that so many captured shapes take, by a region of tt-metal's; an estimate."""
    return shapes * (dims.num_hidden_layers * PROGRAMS_PER_LAYER + PROGRAMS_AROUND) * TRACE_BYTES_PER_PROGRAM


def shapes_held(region: int, dims: BertDims, wanted: int, least: int) -> int:
    """How many of `wanted` shapes a trace region of `region` bytes holds.

    ValueError, with what to set, for fewer than `least`.
    """
    held = min(wanted, region // trace_bytes(dims, 1))
    if held < least:
        raise ValueError(
            f"the trace region is {region} bytes; {least} shapes need about {trace_bytes(dims, least)}: open the "
            f"device with trace_region_size={trace_bytes(dims, wanted)}, or ask for fewer shapes by `buckets`"
        )
    return held
