# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a process runs on, by tt-metal's own signs: a simulator, a card, or an emulated Wormhole that was asked for.

No ttnn here: it looks for a card once per process, and where there is none ends in sixty lines of backtrace.
"""

import os
from pathlib import Path

SILICON, SIMULATOR, EMULATED = "silicon", "simulator", "emulated"
NODES = Path("/dev/tenstorrent")  # one per card, made by the driver tt-kmd
DESCRIPTIONS = {
    SILICON: "Wormhole silicon",
    SIMULATOR: "Wormhole simulator (TT_METAL_SIMULATOR)",
    EMULATED: "emulated Wormhole (a mock device, no card)",
}


class NoCard(RuntimeError):
    """There is nothing to run on."""


def target() -> str:
    """SILICON, SIMULATOR or EMULATED. NoCard, in one line, where there is neither; reads only the environment and /dev."""
    if os.environ.get("EMULATED_WORMHOLE") == "1":
        if os.environ.get("EMULATED_WORMHOLE_PID") == str(os.getpid()):
            return EMULATED
        raise NoCard(
            "EMULATED_WORMHOLE is 1, but nothing emulates a Wormhole in this process: its vLLM plugin is not installed or "
            "not in VLLM_PLUGINS, and outside of vLLM its launcher starts a command (README.md)"
        )
    if os.environ.get("TT_METAL_MOCK_CLUSTER_DESC_PATH"):
        return EMULATED
    if os.environ.get("TT_METAL_SIMULATOR"):
        return SIMULATOR
    if not any(NODES.glob("*")):
        raise NoCard(
            f"no Tenstorrent card: {NODES} is empty (no card, or its driver tt-kmd is not loaded) and "
            "TT_METAL_SIMULATOR is not set; EMULATED_WORMHOLE=1 under vLLM, or the launcher of the emulated Wormhole, asks "
            "for an emulated one"
        )
    return SILICON
