# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The …_dp demos as users start them, on an emulated board of two chips; with a small checkpoint under BGE-large's name.

In a process of their own, because ttnn takes its board once per process.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo import demo
from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
from models.demos.wormhole.bge_large_en.runner.tracing import shapes_held
from models.demos.wormhole.bge_large_en.tests.demo.tiny_hub import tiny_hub
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.emulated_wormhole import detect

pytestmark = pytest.mark.skipif(not detect().emulated, reason="a card or a simulator is there")

FOLDER = Path(demo.__file__).parent
DEMOS = [
    "demo.py::test_bge_demo_inference_dp",
    "interactive_demo.py::test_interactive_demo_inference_dp",
]


def test_on_two_chips(tmp_path):
    plugin = ["-p", "models.emulated_wormhole.pytest_plugin"]  # which tt-metal's conftest does not load
    command = [sys.executable, "-m", "pytest", *plugin, "-q", "-rA", *(f"{FOLDER / test}" for test in DEMOS)]
    environment = {**tiny_hub(tmp_path), "MESH_DEVICE": "N300"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, cwd=Path.cwd())
    assert done.returncode == 0, done.stdout[-6000:]
    assert f"{len(DEMOS)} passed" in done.stdout and "ran on: emulated Wormhole n300" in done.stdout
    output = done.stdout + done.stderr  # tt-metal's pytest.ini has -s, so the log is not in the report
    assert "\n1  Artificial intelligence is changing" in output  # the matrix of similarities


def test_demo_opens_its_device_with_room_for_all_shapes():
    large = model_dims("large")
    wanted = default_buckets(512, 8)
    for params in demo.DEVICE_PARAMS:
        assert shapes_held(params["trace_region_size"], large, wanted, (8, 8), all_of_them=True) == wanted
