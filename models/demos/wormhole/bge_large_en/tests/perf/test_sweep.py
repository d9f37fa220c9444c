# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A part of the sweep: a shape is planned and runs on the mock device, or is refused with value and limit."""

import re

import pytest

import ttnn
from models.demos.wormhole.bge_large_en.tests.perf.l1_graph import l1_by_call
from models.demos.wormhole.bge_large_en.tests.perf.sweep import GRIDS, HIDDEN, line, sweep
from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES, kernel, softmax_buffers
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA
from models.demos.wormhole.bge_large_en.tt.precision import HIFI3, PROFILES
from models.emulated_wormhole import detect, dispatch_only

# batch, sequence length: the ends of both ranges, batches past the core rows, one that does not spread over them
SHAPES = (
    (1, 32),
    (1, 512),
    (8, 128),
    (8, 384),
    (8, 512),
    (11, 64),
    (12, 384),
    (14, 128),
    (16, 32),
    (16, 256),
    (16, 512),
)


@pytest.fixture(scope="module")
def device():
    if not detect().emulated:
        pytest.skip("the sweep measures L1 on the mock device only")
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


@pytest.mark.parametrize("hidden, grid", [*((hidden, GRIDS[0]) for hidden in HIDDEN), (max(HIDDEN), GRIDS[1])])
def test_planned_or_refused(device, hidden, grid):
    columns, rows = grid
    found = list(sweep(device, [(hidden, batch, sequence, grid) for batch, sequence in SHAPES]))
    assert len(found) == len(SHAPES) * len(PROFILES)
    for shape in found:
        print(line(shape, L1_BYTES))
        if shape.refused is None:
            assert 0 < shape.peak_l1 <= L1_BYTES
            assert shape.attention == (CHAIN if shape.batch <= rows else SDPA)
        elif f"batch is {shape.batch};" in shape.refused:
            assert f"{columns}x{rows} core grid" in shape.refused
        else:
            needed, limit = re.search(r"needs (\d+) bytes of L1 per core, there are (\d+)", shape.refused).groups()
            assert f"batch {shape.batch} of {shape.sequence} tokens" in shape.refused
            assert int(needed) > int(limit) == L1_BYTES


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_must_be_planned(device, hidden):
    """In both profiles up to the core rows; past them `performance` alone."""
    # Seven are spread from rows of their own over eight.
    wanted = {(8, 512): PROFILES, (7, 512): PROFILES, (8, 384): PROFILES, (16, 256): ("performance",)}
    for (batch, sequence), profiles in wanted.items():
        for shape in sweep(device, [(hidden, batch, sequence, (8, 8))], profiles):
            assert shape.refused is None, line(shape, L1_BYTES)


@pytest.mark.parametrize("fp32", [False, True], ids=["bf16", "fp32"])
@pytest.mark.parametrize("mask", [None, ttnn.bfloat4_b, ttnn.bfloat16], ids=["row", "aligned", "dense"])
def test_the_buffers_of_a_softmax_are_those_that_ttnn_sets_up(device, mask, fp32):
    """To the byte; of aligned rows, whose mask takes less, no more than planned."""
    s, width = 96, 3

    def tensor(shape, dtype, layout=ttnn.TILE_LAYOUT):
        spec = ttnn.TensorSpec(ttnn.Shape(shape), dtype, layout, ttnn.BufferType.DRAM)
        return ttnn.allocate_tensor_on_device(spec, device)

    with dispatch_only():
        memory = ttnn.create_sharded_memory_config((2 * s, s), ttnn.CoreGrid(x=8, y=8), ttnn.ShardStrategy.HEIGHT,
                                                   use_height_and_width_as_shard_shape=True)  # fmt: skip
        scores = ttnn.to_memory_config(tensor([8, 16, s, s], ttnn.bfloat8_b), memory)
        masks = tensor([8, 1, s, s], mask) if mask else tensor([8, 1, width, 32], ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
        config = ttnn.SoftmaxShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=(8, 8), subblock_w=width, block_h=2 * width, block_w=width
        )
        ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NO_DISPATCH)
        ttnn.scale_mask_softmax_in_place(
            scores, None, masks, program_config=config, is_causal_mask=mask is not None, numeric_stable=True,
            compute_kernel_config=kernel(HIFI3, fp32),
        )  # fmt: skip
        found = max(call.buffers for call in l1_by_call(ttnn.graph.end_graph_capture()))
    planned = softmax_buffers(width, fp32, dense=mask == ttnn.bfloat16)
    assert planned - width * 1024 < found <= planned if mask == ttnn.bfloat4_b else found == planned
