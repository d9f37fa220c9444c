# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A part of the sweep: a shape is planned and runs on the mock device, or is refused with value and limit."""

import re

import pytest

import ttnn
from models.demos.wormhole.bge_large_en.tests.perf.sweep import GRIDS, HIDDEN, line, sweep
from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES
from models.emulated_wormhole import detect

# batch, sequence length: the ends of both ranges, batches past the core rows, one that does not spread over them
SHAPES = ((1, 32), (1, 512), (8, 128), (8, 384), (8, 512), (11, 64), (14, 128), (16, 32), (16, 256), (16, 512))


@pytest.fixture(scope="module")
def device():
    if not detect().emulated:
        pytest.skip("the sweep measures L1 on the mock device only")
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: "x".join(map(str, grid)))
@pytest.mark.parametrize("hidden", HIDDEN)
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
    wanted = {(8, 512): PROFILES, (8, 384): PROFILES, (16, 256): ("performance",)}
    for (batch, sequence), profiles in wanted.items():
        for shape in sweep(device, [(hidden, batch, sequence, (8, 8))], profiles):
            assert shape.refused is None, line(shape, L1_BYTES)
