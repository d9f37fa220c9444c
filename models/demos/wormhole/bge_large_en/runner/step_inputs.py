# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The host side of a step's inputs: a text per row, written into host tensors that stay. No device work here.

Rows are dealt out to the chips in turn, so that a partial batch fills them evenly: row r of a step is row r // chips of
chip r % chips.
"""

from collections.abc import Sequence

import numpy as np
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Place
from models.demos.wormhole.bge_large_en.runner.host_tensor import HostTensor
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan

# Added to the scores of padding: its exp is 0 in every format, and unlike -inf bf16 arithmetic keeps it.
MASKED = -1e5
ROW_MAJOR = ttnn.ROW_MAJOR_LAYOUT


class RowInputs:
    """Inputs of a shape whose rows hold one text each: ids, mask, and positions when a text brings its own, or types.

    ids, positions: (B, S) uint32. mask: additive (B, 1, S/32, 32) bf16, 0 for a token.
    """

    def __init__(self, device, dims: BertDims, plan: ShapePlan, _pooling: str):
        batch, sequence = plan.batch, plan.sequence
        self.chips, self.positions = device.get_num_devices(), dims.max_position_embeddings
        self.host = {
            "ids": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
            "mask": HostTensor(device, (batch, 1, sequence // TILE, TILE), ttnn.bfloat16, ROW_MAJOR, torch.int16),
            "positions": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
        }
        self._ids, self._mask, self._positions = (
            [view.view(batch, -1).numpy() for view in host.views] for host in self.host.values()
        )
        self._arange = np.arange(sequence, dtype=np.int32)
        self._masked = torch.tensor([MASKED], dtype=torch.bfloat16).view(torch.int16).numpy()  # its bits
        self._own_positions = False
        self.fill([], [])
        self._positions_to([], [])

    def fill(self, rows: Sequence[Row], places: Sequence[Place]) -> list[str]:
        """Write the texts; returns the names of the host tensors that the device must be sent."""
        # Tokens to see: a row without a text keeps one, so that no softmax runs over nothing.
        seen = np.ones((self.chips, len(self._ids[0]), 1), dtype=np.int32)
        for ids in self._ids:
            ids.fill(0)
        together, start = torch.cat([torch.empty(0, dtype=torch.int64), *(row.ids for row in rows)]).numpy(), 0
        index, chip = divmod(np.array([place.row for place in places], dtype=np.int64), self.chips)
        lengths = list(map(len, rows))
        seen[chip, index, 0] = lengths
        for c, i, length in zip(chip.tolist(), index.tolist(), lengths):
            self._ids[c][i, :length] = together[start : start + length]
            start += length
        for mask, hidden in zip(self._mask, self._arange >= seen):
            np.multiply(hidden, self._masked, out=mask)
        own, before = any(map(brings_positions, rows)), self._own_positions
        self._own_positions = own
        if own or before:
            self._positions_to(rows, places)
        return ["ids", "mask"] + ["positions"] * (own or before)

    def slots(self, rows: int, places: Sequence[Place]) -> list[int]:
        """Where each text's result is among the `rows` rows that the device returns, chip after chip."""
        per_chip = rows // self.chips
        return [place.row % self.chips * per_chip + place.row // self.chips for place in places]

    def _positions_to(self, rows, places) -> None:
        for positions in self._positions:
            positions[:] = self._arange
        for row, place in zip(rows, places):
            if brings_positions(row):
                found = position_rows(row, self.positions)
                self._positions[place.row % self.chips][place.row // self.chips, : len(row)] = found.numpy()


def brings_positions(row: Row) -> bool:
    return row.positions is not None or row.types is not None


def position_rows(row: Row, positions: int) -> torch.Tensor:
    """(n,) int64: a text's rows of the table of positions, which has a block of so many rows per token type."""
    rows = torch.arange(len(row)) if row.positions is None else row.positions
    return rows if row.types is None else rows + row.types * positions
