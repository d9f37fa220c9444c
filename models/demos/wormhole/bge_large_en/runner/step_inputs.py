# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The host side of a step's inputs: texts at their places, written into host tensors that stay. No device work here.

Rows are dealt out to the chips in turn, so that a partial batch fills them evenly: row r of a step is row r // chips of
chip r % chips.
"""

from collections.abc import Sequence

import torch
import ttnn

from models.demos.wormhole.bge_large_en.runner.batch_plan import MAX_TEXTS, Place
from models.demos.wormhole.bge_large_en.runner.host_tensor import HostTensor, tile_bytes
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan

MASKED = -1e5  # added to the scores of padding: its exp is 0 in every format, and unlike -inf bf16 arithmetic keeps it
ROW_MAJOR = ttnn.ROW_MAJOR_LAYOUT


class RowInputs:
    """Inputs of a shape whose rows hold one text each: ids, mask, and positions when a text brings its own."""

    def __init__(self, device, dims: BertDims, plan: ShapePlan, _pooling: str):
        batch, sequence = plan.batch, plan.sequence
        self.chips, self.sequence, self.vocab_size = device.get_num_devices(), sequence, dims.vocab_size
        self.host = {
            "ids": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
            "mask": HostTensor(device, (batch, 1, sequence // TILE, TILE), ttnn.bfloat16, ROW_MAJOR, torch.bfloat16),
            "positions": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
        }
        self._ids, self._mask, self._positions = (_rows(self.host[name], batch) for name in self.host)
        self._arange = torch.arange(sequence, dtype=torch.int32)
        self._own_positions = False
        self.fill([], [])
        self._positions_to([], [])

    def fill(self, rows: Sequence[Row], places: Sequence[Place]) -> list[str]:
        """Write the texts; returns the names of the host tensors that the device must be sent."""
        for ids, mask in zip(self._ids, self._mask):
            ids.zero_()
            mask.fill_(MASKED)
            mask[:, 0] = 0  # a row without a text keeps one visible token, so that no softmax runs over nothing
        for row, place in zip(rows, places):
            chip, index = place.row % self.chips, place.row // self.chips
            _write_ids(self._ids[chip][index], row, self.vocab_size)
            self._mask[chip][index, : len(row)] = 0
        own, before = any(row.positions is not None for row in rows), self._own_positions
        self._own_positions = own
        if own or before:
            self._positions_to(rows, places)
        return ["ids", "mask"] + ["positions"] * (own or before)

    def _positions_to(self, rows, places) -> None:
        for positions in self._positions:
            positions[:] = self._arange
        for row, place in zip(rows, places):
            if row.positions is not None:
                self._positions[place.row % self.chips][place.row // self.chips, : len(row)] = row.positions

    def slots(self, rows: int, places: Sequence[Place]) -> list[int]:
        """Where each text's result is among the `rows` rows that the device returns, chip after chip."""
        per_chip = rows // self.chips
        return [place.row % self.chips * per_chip + place.row // self.chips for place in places]


class PackedInputs:
    """Inputs of a shape whose rows hold several texts: ids, positions, the mask between texts, and what pooling takes.

    mask: additive (B, 1, S, S), 0 within a text. pick: for CLS the number of each text's first token among the chip's
    tokens, (B, slots); for the mean (B, 1, 32, S), 1 where a token belongs to the row's text of that number.
    Tokens of a row that no text has see each other, so that no softmax runs over nothing.
    """

    def __init__(self, device, dims: BertDims, plan: ShapePlan, pooling: str):
        batch, sequence = plan.batch, plan.sequence
        self.chips, self.sequence, self.batch, self.vocab_size = (
            device.get_num_devices(),
            sequence,
            batch,
            dims.vocab_size,
        )
        self.mean, self.texts = pooling == "mean", plan.texts
        square, pick = (batch, 1, sequence, sequence), (batch, 1, MAX_TEXTS, sequence)
        tiles, self._dense = ttnn.TILE_LAYOUT, plan.dense
        self.host = {
            "ids": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
            "positions": HostTensor(device, (batch, sequence), ttnn.uint32, ROW_MAJOR, torch.int32),
            "mask": HostTensor(device, square, plan.mask_dtype, tiles, torch.bfloat16 if self._dense else torch.uint8),
            "pick": (
                HostTensor(device, pick, ttnn.bfloat16, tiles, torch.bfloat16)
                if self.mean
                else HostTensor(device, (batch, plan.texts), ttnn.uint32, ROW_MAJOR, torch.int32)
            ),
        }
        self._ids, self._positions = (_rows(self.host[name], batch) for name in ("ids", "positions"))
        self._pick = [
            view.view(*_tiled(batch, MAX_TEXTS, sequence)) if self.mean else view.view(batch, -1)
            for view in self.host["pick"].views
        ]
        s = sequence // TILE
        if self._dense:
            self._mask = [view.view(*_tiled(batch, sequence, sequence)) for view in self.host["mask"].views]
        else:
            visible = torch.arange(TILE)[None] < torch.arange(TILE + 1)[:, None]  # tile r shows r columns
            tiles = torch.where(visible, 0.0, MASKED)[:, None].expand(-1, TILE, -1)
            self._tiles = tile_bytes(tiles.contiguous(), plan.mask_dtype).view(torch.int64)
            self._mask = [view.view(torch.int64).view(batch * s * s, -1) for view in self.host["mask"].views]
        self.fill([], [])

    def fill(self, rows: Sequence[Row], places: Sequence[Place]) -> list[str]:
        """Write the texts; returns the names of the host tensors that the device must be sent: all."""
        batch, sequence, chips = self.batch, self.sequence, self.chips
        ids = torch.zeros(chips, batch, sequence, dtype=torch.int32)
        positions = torch.zeros(chips, batch, sequence, dtype=torch.int32)
        owner = torch.full((chips, batch, sequence), -1, dtype=torch.int32)  # text of a token, -1 for none
        tiles = torch.full((chips, batch, sequence // TILE), -1, dtype=torch.int32)  # text of a tile
        shown = torch.full((chips, batch, sequence // TILE), TILE)  # columns of it that are tokens
        numbers = torch.zeros(chips, batch, dtype=torch.int64)
        firsts = torch.zeros(chips, batch, self.texts, dtype=torch.int32)
        self._slots = []
        for row, place in zip(rows, places):
            at = place.row % chips, place.row // chips
            n, start, number = len(row), place.start, int(numbers[at])
            end = start + n if self._dense else start - (-n // TILE) * TILE
            _write_ids(ids[at][start : start + n], row, self.vocab_size)
            # Padding goes on counting, as in a row of its own.
            positions[at][start:end] = torch.arange(end - start, dtype=torch.int32)
            if row.positions is not None:
                positions[at][start : start + n] = row.positions
            owner[at][start : start + n] = number
            tiles[at][start // TILE : -(-end // TILE)] = number
            if n % TILE:
                shown[at][(start + n) // TILE] = n % TILE
            firsts[at][number] = at[1] * sequence + start
            self._slots.append((at[0] * batch + at[1]) * self.texts + number)
            numbers[at] += 1
        for chip in range(chips):
            self._ids[chip][:] = ids[chip]
            self._positions[chip][:] = positions[chip]
            self._write_mask(chip, owner[chip], tiles[chip], shown[chip])
            if self.mean:
                chosen = owner[chip][:, None, :] == torch.arange(MAX_TEXTS)[None, :, None]
                self._pick[chip][:] = _to_tiles(chosen.to(torch.bfloat16))
            else:
                self._pick[chip][:] = firsts[chip]
        return list(self.host)

    def _write_mask(self, chip: int, owner: torch.Tensor, tiles: torch.Tensor, shown: torch.Tensor) -> None:
        if self._dense:
            masked = torch.where(owner[:, :, None] == owner[:, None, :], 0.0, MASKED).to(torch.bfloat16)
            self._mask[chip][:] = _to_tiles(masked)
            return
        which = torch.where(tiles[:, :, None] == tiles[:, None, :], shown[:, None, :], 0)  # (B, S/32, S/32)
        torch.index_select(self._tiles, 0, which.flatten(), out=self._mask[chip])

    def slots(self, _rows: int, _places: Sequence[Place]) -> list[int]:
        """Where each text of the last fill() has its result among the rows that the device returns."""
        return self._slots


def _rows(host: HostTensor, batch: int) -> list[torch.Tensor]:
    return [view.view(batch, -1) for view in host.views]


def _write_ids(target: torch.Tensor, row: Row, vocab_size: int) -> None:
    # The table of embeddings has one block of vocab_size rows per token type.
    target[: len(row)] = row.ids if row.types is None else row.ids + row.types * vocab_size


def _tiled(batch: int, rows: int, columns: int) -> tuple[int, ...]:
    """Shape of (B, rows, columns) as tiles of 2x2 faces of 16x16 lie in memory."""
    return batch, rows // TILE, columns // TILE, 2, 2, 16, 16


def _to_tiles(x: torch.Tensor) -> torch.Tensor:
    """(B, R, C) -> (B, R/32, C/32, 2, 2, 16, 16)."""
    batch, rows, columns = x.shape
    return x.view(batch, rows // TILE, 2, 16, columns // TILE, 2, 16).permute(0, 1, 4, 2, 5, 3, 6)
