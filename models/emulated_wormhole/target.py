# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which of the three a process runs on: silicon, Tenstorrent's simulator, or the emulated Wormhole."""

import os
from dataclasses import dataclass
from pathlib import Path

from models.emulated_wormhole.boards import board

SILICON, SIMULATOR, EMULATED = "silicon", "simulator", "emulated"
ASKED = "EMULATED_WORMHOLE"  # "1" asks for emulation, "0" forbids it
ACTING = "EMULATED_WORMHOLE_PID"  # of the process that emulates: what it starts inherits its mock, but not its numerics
NODES = Path("/dev/tenstorrent")  # one per card, made by the driver tt-kmd
PCI = Path("/sys/bus/pci/devices")
TENSTORRENT = "0x1e52"  # PCI vendor id
CARDS_WANTED = ("MESH_DEVICE", "TT_VISIBLE_DEVICES")


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


def asked() -> bool:
    """Whether EMULATED_WORMHOLE asks for emulation. ValueError for a value other than 0 and 1."""
    value = os.environ.get(ASKED, "")
    if value not in ("", "0", "1"):
        raise ValueError(f"{ASKED} is {value!r}; allowed: 1 to emulate, 0 to forbid it, MESH_DEVICE names the board")
    return value == "1"


def detect(board_name: str | None = None) -> Target:
    """The target of this process; reads the environment and /dev, opens nothing.

    emulated board is `board_name`, else that of MESH_DEVICE, else n150.

    Raises ValueError for an unknown board, RuntimeError in one line when there is no card and nobody asked.
    """
    if asked():
        return Target(EMULATED, board(board_name or os.environ.get("MESH_DEVICE") or "n150").name)
    if os.environ.get("TT_METAL_SIMULATOR"):
        return Target(SIMULATOR)
    if any(NODES.glob("*")):
        return Target(SILICON)
    raise RuntimeError(
        f"no Tenstorrent card ({NODES} is empty) and no TT_METAL_SIMULATOR; {ASKED}=1 asks for emulation"
    )


def ask() -> None:
    """Ask for emulation, for this process and those that it starts, unless there is a card or a simulator.

    RuntimeError where EMULATED_WORMHOLE=0 forbids it.
    """
    if asked() or os.environ.get("TT_METAL_SIMULATOR") or any(NODES.glob("*")):
        return
    if os.environ.get(ASKED):
        raise RuntimeError(
            f"no Tenstorrent card ({NODES} is empty) and no TT_METAL_SIMULATOR; {ASKED}=0 forbids emulation"
        )
    os.environ[ASKED] = "1"


def missing_card() -> str | None:
    """Why this machine, without device nodes, is taken to be one whose card is missing; None where none was ever there."""
    for device in PCI.glob("*/vendor"):
        if device.read_text().strip() == TENSTORRENT:
            return f"{device.parent.name} on the PCI bus is a Tenstorrent card, but {NODES} is empty: load its driver"
    for name in CARDS_WANTED:
        if os.environ.get(name):
            return f"{name} is {os.environ[name]!r}, but {NODES} is empty: no card, or its driver is not loaded"
    return None
