# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cluster descriptors of the boards that can be emulated, in the YAML form that tt-umd reads for a mock cluster."""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from itertools import product

# Of ten rows of eight Tensix cores two are harvested, which leaves 8x8 cores to programs: as on an n150, where one is
# harvested and dispatch takes one, and on an n300, where two are and Ethernet cores dispatch. Of a Galaxy's chips one.
HARVESTED_ROWS = 0b1000001
GALAXYS_HARVESTED_ROW = 0b1

VISIBLE = "TT_VISIBLE_DEVICES"  # tt-metal's: numbers of cards


@dataclass(frozen=True)
class Board:
    """One board.

    name: as in MESH_DEVICE, lower case; coords: chip -> (x, y) in the ethernet mesh; local: chips with a PCIe link;
    pairs: neighbouring chips (a, b, channels of a, channels of b), a link each; board_type: tt-umd's name of a card;
    cards: chips of each card; mesh_shape: (rows, columns) of the whole board; harvested: mask of rows of cores;
    buses: PCI bus of each chip, by which tt-metal knows its place in a Galaxy, where coords say nothing.
    """

    name: str
    coords: tuple[tuple[int, int], ...]
    local: tuple[int, ...]
    pairs: tuple[tuple[int, int, tuple[int, ...], tuple[int, ...]], ...]
    board_type: str
    board_id: int
    cards: tuple[tuple[int, ...], ...]
    mesh_shape: tuple[int, int]
    harvested: int = HARVESTED_ROWS
    buses: tuple[int, ...] = ()

    def descriptor(self) -> str:
        """The cluster descriptor as YAML text; format: tt-umd's ClusterDescriptor::create_from_yaml."""
        chips = range(len(self.coords))
        links = [
            f"  - [{{chip: {a}, chan: {ca}}}, {{chip: {b}, chan: {cb}}}]"
            for a, b, a_channels, b_channels in self.pairs
            for ca, cb in zip(a_channels, b_channels, strict=True)
        ]
        lines = ["arch:", *(f"  {c}: Wormhole" for c in chips)]
        if self.buses:
            lines += ["chips: {}", "chip_to_bus_id:", *(f"  {c}: 0x{bus:02x}" for c, bus in enumerate(self.buses))]
        else:
            lines += ["chips:", *(f"  {c}: [{x}, {y}, 0, 0]" for c, (x, y) in enumerate(self.coords))]
        lines += ["ethernet_connections:" + ("" if links else " []"), *links]
        lines += ["chips_with_mmio:", *(f"  - {c}: {i}" for i, c in enumerate(self.local))]
        lines += ["harvesting:"]
        lines += [f"  {c}: {{noc_translation: true, harvest_mask: {self.harvested}}}" for c in chips]
        lines += ["boards:"]
        for i, card in enumerate(self.cards):
            chip_list = ", ".join(map(str, card))
            board_id = self.board_id + i
            lines += [
                f"  - [{{board_id: {board_id}}}, {{board_type: {self.board_type}}}, {{chips: [{chip_list}]}}]",
            ]
        return "\n".join(lines) + "\n"


def _galaxy(rows: int = 8, columns: int = 4) -> Board:
    """A mesh of four trays of 4x2 chips, each with a PCIe link. The trays' first chips are the corners."""
    places = list(product(range(rows), range(columns)))
    number = {place: chip for chip, place in enumerate(places)}
    pairs = []
    for row, column in places:
        for neighbour, out, back in (((row, column + 1), 0, 4), ((row + 1, column), 8, 12)):
            if neighbour in number:
                channels = tuple(range(out, out + 4)), tuple(range(back, back + 4))
                pairs.append((number[row, column], number[neighbour], *channels))
    trays = (0xC0, 0x80, 0x00, 0x40)  # buses of tray 1, 2, 3 and 4; chip n of it is on bus n further
    buses = [
        trays[row // 4 * 2 + column // 2] + 1 + min(row, rows - 1 - row) + 4 * min(column, columns - 1 - column)
        for row, column in places
    ]
    coords, chips = tuple((column, row) for row, column in places), tuple(range(rows * columns))
    mesh, more = (rows, columns), (GALAXYS_HARVESTED_ROW, tuple(buses))
    return Board("tg", coords, chips, tuple(pairs), "ubb", 0x0100035000000000, (chips,), mesh, *more)


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
        _galaxy(),
    )
}


def board(name: str) -> Board:
    """The board called `name` (n150, n300, T3K or TG, in any case), or the smallest with the chips of a mesh "(1,2)".

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
