# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Core grids other than 8x8: what is said of a smaller one, a Galaxy's 8x9, and no grid of a Blackhole."""

import os
import subprocess
import sys
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


NINE_ROWS = """
from models.emulated_wormhole import activate, boards
boards.HARVESTED_ROWS = 0b1  # of ten, which leaves a Galaxy's nine
activate("n150")
import torch, ttnn
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts
device = ttnn.open_device(device_id=0)
wide = small_runner(device, batch=9, length=64)
narrow = small_runner(device, batch=8, length=64)
rows = texts([64, 5, 33, 40, 64, 12, 20, 7, 50] * 3)
print(wide.buckets.batches, {step.batch for step in wide.planned(rows)}, torch.equal(wide.run(rows), narrow.run(rows)))
"""


@pytest.mark.timeout(300)
def test_nine_rows_of_cores_take_nine_rows_of_text(tmp_path):
    """With the bits that they have in eight, and as many steps fewer."""
    pytest.importorskip("models.emulated_wormhole")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    for name in [name for name in environment if name.startswith("TT_METAL")]:
        del environment[name]  # of the mock of this process
    done = subprocess.run(
        [sys.executable, "-c", NINE_ROWS], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "(1, 2, 9) {9} True"
