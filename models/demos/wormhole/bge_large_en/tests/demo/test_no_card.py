# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Without a card, and with nobody who asks for an emulated one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.runner import target

SIGNS = ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "TT_METAL_SIMULATOR", "EMULATED_WORMHOLE", "EMULATED_WORMHOLE_PID")
ROOT = Path(__file__).parents[6]


@pytest.mark.skipif(any(target.NODES.glob("*")), reason="a card is there")
@pytest.mark.parametrize("command", ["demo.interactive_demo --query x", "demo.generator_vllm"])
def test_a_command_without_a_card_ends_in_one_line(command):
    """generator_vllm is the import of BGEForEmbedding, before ttnn looks for a card."""
    module, *arguments = command.split()
    environment = {name: value for name, value in os.environ.items() if name not in SIGNS} | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", f"models.demos.wormhole.bge_large_en.{module}", *arguments]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "no Tenstorrent card" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr or module == "demo.generator_vllm"
