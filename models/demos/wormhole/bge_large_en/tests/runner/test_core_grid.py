# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Core grids other than 8x8: what is said of a smaller one, and no grid of a Blackhole."""

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

import ttnn
from models.demos.wormhole.bge_large_en.runner import runner as runner_module
from models.demos.wormhole.bge_large_en.runner.runner import core_grid
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts


def a_device(columns: int, rows: int, arch=ttnn.Arch.WORMHOLE_B0) -> MagicMock:
    device = MagicMock()
    device.compute_with_storage_grid_size.return_value = SimpleNamespace(x=columns, y=rows)
    device.arch.return_value = arch
    return device


@pytest.mark.parametrize("there, used", [((8, 8), (8, 8)), ((8, 7), (8, 7)), ((8, 9), (8, 9)), ((8, 10), (8, 9))])
def test_grids(there, used):
    assert core_grid(a_device(*there)) == used


def test_a_blackhole_is_refused():
    with pytest.raises(ValueError, match="the device is a BLACKHOLE; the encoder's plans are for WORMHOLE_B0 only"):
        core_grid(a_device(13, 10, ttnn.Arch.BLACKHOLE))


@pytest.mark.parametrize(
    "rows, warnings", [(7, ["the core grid is 8x7, less than 8x8: a step takes at most 7 rows"]), (8, [])]
)
def test_a_small_grid_is_told(device, monkeypatch, rows, warnings):
    said: list[str] = []
    monkeypatch.setattr(runner_module.logger, "warning", said.append)
    monkeypatch.setattr(runner_module, "core_grid", lambda device: (8, rows))
    runner = small_runner(device, batch=rows, length=32)
    assert runner.run(texts([5] * 20)).shape[0] == 20 and runner.buckets.batches[-1] == rows
    runner.close()
    assert len(said) == len(warnings) and all(line.startswith(start) for line, start in zip(said, warnings))
