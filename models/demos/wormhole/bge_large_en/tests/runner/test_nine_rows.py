# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The core grid of a Galaxy's chips, 8x9."""

import os
import subprocess
import sys

import pytest

NINE_ROWS = """
from dataclasses import replace
from models.emulated_wormhole import activate, boards
boards.BOARDS["n150"] = replace(boards.BOARDS["n150"], harvested=boards.BOARDS["tg"].harvested)
activate("n150")
import torch, ttnn
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts
device = ttnn.open_device(device_id=0)
wide = small_runner(device, batch=9, length=64)
narrow = small_runner(device, batch=8, length=64)
rows = texts([64, 5, 33, 40, 64, 12, 20, 7, 50] * 2)
print(wide.buckets.batches, torch.equal(wide.run(rows), narrow.run(rows)))
full = texts([64] * 18)
print([step.batch for step in wide.planned(full)], [step.batch for step in narrow.planned(full)])
"""


@pytest.mark.timeout(300)
def test_nine_rows_of_cores_take_nine_rows_of_text(tmp_path):
    """With the bits that they have in eight, and as many steps fewer."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    for name in [name for name in environment if name.startswith("TT_METAL")]:
        del environment[name]  # of the mock of this process
    done = subprocess.run(
        [sys.executable, "-c", NINE_ROWS], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-2:] == ["(1, 4, 9) True", "[9, 9] [8, 8, 8]"]
