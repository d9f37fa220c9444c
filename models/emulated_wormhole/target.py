# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which of the three a process runs on: silicon, Tenstorrent's simulator, or the emulated Wormhole."""

import os
from dataclasses import dataclass
from pathlib import Path

from models.emulated_wormhole.boards import board

SILICON, SIMULATOR, EMULATED = "silicon", "simulator", "emulated"
_OFF = ("0", "off", "no", "false")
_ON = ("1", "on", "yes", "true")


@dataclass(frozen=True)
class Target:
    """kind: "silicon", "simulator" or "emulated"; board: name of the emulated board, None otherwise."""

    kind: str
    board: str | None = None

    @property
    def emulated(self) -> bool:
        return self.kind == EMULATED

    def describe(self) -> str:
        """One line for a banner or a log."""
        if self.kind == EMULATED:
            return f"emulated Wormhole {self.board} (mock device, golden numerics, no card)"
        if self.kind == SIMULATOR:
            return f"Wormhole simulator ({Path(os.environ['TT_METAL_SIMULATOR']).name}, TT_METAL_SIMULATOR)"
        return "Wormhole silicon"


def detect(board_name: str | None = None) -> Target:
    """The target of this process; reads the environment and /dev, opens nothing.

    A simulator named by TT_METAL_SIMULATOR wins, then a card (device nodes of the tt-kmd driver), then emulation.
    EMULATED_WORMHOLE=n150|n300|T3K (or 1) emulates although a card is there; EMULATED_WORMHOLE=0 forbids emulation.
    The emulated board is `board_name`, else that of EMULATED_WORMHOLE, else that of MESH_DEVICE, else n150.

    Raises ValueError for an unknown board, RuntimeError when there is no card and emulation is forbidden.
    """
    wish = os.environ.get("EMULATED_WORMHOLE", "").strip().lower()
    forced = bool(wish) and wish not in _OFF
    if not forced:
        if os.environ.get("TT_METAL_SIMULATOR"):
            return Target(SIMULATOR)
        if any(Path("/dev/tenstorrent").glob("*")):
            return Target(SILICON)
        if wish in _OFF and wish:
            raise RuntimeError(
                "no Tenstorrent card (/dev/tenstorrent is empty) and no TT_METAL_SIMULATOR, and EMULATED_WORMHOLE="
                f"{wish} forbids emulation; install the driver and card, or unset EMULATED_WORMHOLE"
            )
    name = board_name or (wish if forced and wish not in _ON else None) or os.environ.get("MESH_DEVICE") or "n150"
    return Target(EMULATED, board(name).name)
