# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cluster descriptors of the boards that can be emulated, in the YAML form that tt-umd reads for a mock cluster."""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass

# Of ten rows of eight Tensix cores two are harvested, which leaves 8x8 cores to programs: as on an n150, where one is
# harvested and dispatch takes one, and on an n300, where two are and Ethernet cores dispatch.
HARVESTED_ROWS = 0b1000001

VISIBLE = "TT_VISIBLE_DEVICES"  # tt-metal's: numbers of cards


@dataclass(frozen=True)
class Board:
    """One board.

    name: as in MESH_DEVICE, lower case; coords: chip -> (x, y) in the ethernet mesh; local: chips with a PCIe link;
    pairs: neighbouring chips (a, b, channels of a, channels of b), two links each; board_type: tt-umd's name of a card;
    cards: chips of each card; mesh_shape: (rows, columns) of the whole board.
    """

    name: str
    coords: tuple[tuple[int, int], ...]
    local: tuple[int, ...]
    pairs: tuple[tuple[int, int, tuple[int, int], tuple[int, int]], ...]
    board_type: str
    board_id: int
    cards: tuple[tuple[int, ...], ...]
    mesh_shape: tuple[int, int]

    def descriptor(self) -> str:
        """The cluster descriptor as YAML text; format: tt-umd's ClusterDescriptor::create_from_yaml."""
        chips = range(len(self.coords))
        links = [
            f"  - [{{chip: {a}, chan: {ca}}}, {{chip: {b}, chan: {cb}}}]"
            for a, b, a_channels, b_channels in self.pairs
            for ca, cb in zip(a_channels, b_channels, strict=True)
        ]
        lines = ["arch:", *(f"  {c}: Wormhole" for c in chips)]
        lines += ["chips:", *(f"  {c}: [{x}, {y}, 0, 0]" for c, (x, y) in enumerate(self.coords))]
        lines += ["ethernet_connections:" + ("" if links else " []"), *links]
        lines += ["chips_with_mmio:", *(f"  - {c}: {i}" for i, c in enumerate(self.local))]
        lines += ["harvesting:"]
        lines += [f"  {c}: {{noc_translation: true, harvest_mask: {HARVESTED_ROWS}}}" for c in chips]
        lines += ["boards:"]
        for i, card in enumerate(self.cards):
            chip_list = ", ".join(map(str, card))
            board_id = self.board_id + i
            lines += [
                f"  - [{{board_id: {board_id}}}, {{board_type: {self.board_type}}}, {{chips: [{chip_list}]}}]",
            ]
        return "\n".join(lines) + "\n"


_MESH = re.compile(r"[(\[]\s*(\d+)\s*,\s*(\d+)\s*[)\]]")
_N300_ID = 0x0100014000000000
BOARDS = {
    board.name: board
    for board in (
        Board("n150", ((0, 0),), (0,), (), "n150", 0x0100018000000000, ((0,),), (1, 1)),
        Board("n300", ((0, 0), (1, 0)), (0,), ((0, 1, (8, 9), (0, 1)),), "n300", _N300_ID, ((0, 1),), (1, 2)),
        # Four n300 cards in a 2x4 mesh; chips 0 to 3 have the PCIe links and the two middle columns.
        Board(
            "t3k",
            ((1, 0), (1, 1), (2, 1), (2, 0), (0, 0), (0, 1), (3, 1), (3, 0)),
            (0, 1, 2, 3),
            tuple((card, card + 4, (8, 9), (0, 1)) for card in range(4))
            + ((0, 3, (0, 1), (0, 1)), (1, 2, (0, 1), (0, 1)), (0, 1, (14, 15), (14, 15)), (3, 2, (14, 15), (14, 15)))
            + ((4, 5, (6, 7), (6, 7)), (7, 6, (6, 7), (6, 7))),
            "n300",
            _N300_ID,
            tuple((card, card + 4) for card in range(4)),
            (2, 4),
        ),
    )
}


def board(name: str) -> Board:
    """The board called `name` (n150, n300 or T3K, in any case), or the smallest with the chips of a mesh "(1,2)".

    ValueError for any other.
    """
    found = BOARDS.get(name.lower())
    shape = _MESH.fullmatch(name)
    if shape:
        chips = int(shape[1]) * int(shape[2])
        found = next((board for board in BOARDS.values() if len(board.coords) >= chips), None)
    if found is None:
        raise ValueError(f"no emulated board is called {name!r}; there are {', '.join(BOARDS)}")
    return found


def keep_visible(board: Board, environment: MutableMapping[str, str]) -> None:
    """Forget TT_VISIBLE_DEVICES where it names a card that `board` lacks: each such process emulates a board of its own."""
    cards = environment.get(VISIBLE, "").split(",")
    if any(not card.strip().isdigit() or int(card) >= len(board.local) for card in cards):
        environment.pop(VISIBLE, None)
