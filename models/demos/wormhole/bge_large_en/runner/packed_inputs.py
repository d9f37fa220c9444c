# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The host side of a packed step's inputs: texts at their places in shared rows, and a mask that keeps them apart.

All texts are written at once by numpy, since a call per text and input would take longer than the step's dispatch.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import MAX_TEXTS, Place
from models.demos.wormhole.bge_large_en.runner.host_tensor import HostTensor, tile_bytes
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.step_inputs import MASKED, ROW_MAJOR, brings_positions, position_rows
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan

FACE = 16  # a tile is 2x2 faces of 16x16, one after another in memory
FACE_ROW = np.dtype((np.void, 2 * FACE))  # bytes of 16 bf16 values, which lie together
NOBODY = -1  # owner of a token that no text has


class PackedInputs:
    """Inputs of a shape whose rows hold several texts: ids, positions, the mask between texts, and what pooling takes.

    mask: additive (B, 1, S, S), 0 within a text. pick: for CLS the number of each text's first token among the chip's
    tokens, (B, 32); for the mean (B, 1, 32, S), 1 where a token belongs to the row's text of that number.
    Tokens of a row that no text has see each other, so that no softmax runs over nothing.
    """

    def __init__(self, device, dims: BertDims, plan: ShapePlan, pooling: str):
        self.chips, self.batch, self.sequence = device.get_num_devices(), plan.batch, plan.sequence
        self.texts, self.positions, self._dense = plan.texts, dims.max_position_embeddings, plan.dense
        tokens, square = (plan.batch, plan.sequence), (plan.batch, 1, plan.sequence, plan.sequence)
        pick = (plan.batch, 1, MAX_TEXTS, plan.sequence)
        mask_dtype = torch.int16 if plan.dense else torch.uint8
        self.host = {
            "ids": HostTensor(device, tokens, ttnn.uint32, ROW_MAJOR, torch.int32),
            "positions": HostTensor(device, tokens, ttnn.uint32, ROW_MAJOR, torch.int32),
            "mask": HostTensor(device, square, plan.mask_dtype, ttnn.TILE_LAYOUT, mask_dtype),
            "pick": (
                HostTensor(device, pick, ttnn.bfloat16, ttnn.TILE_LAYOUT, torch.int16)
                if pooling == "mean"
                else HostTensor(device, (plan.batch, MAX_TEXTS), ttnn.uint32, ROW_MAJOR, torch.int32)
            ),
        }
        views = {name: [view.numpy() for view in host.views] for name, host in self.host.items()}
        self._ids, self._positions, self._pick, self._mask = (
            views[name] for name in ("ids", "positions", "pick", "mask")
        )
        self._write_pick: Callable[..., None] = self._write_weights if pooling == "mean" else self._write_firsts
        self._write_mask: Callable[..., None]
        if plan.dense:
            self._write_mask = self._write_dense_mask
        else:
            self._write_mask = self._write_tiles
            # Tile r shows r columns.
            shown = torch.arange(TILE)[None] < torch.arange(TILE + 1)[:, None]
            tiles = torch.where(shown, 0.0, MASKED)[:, None].expand(-1, TILE, -1).contiguous()
            self._tiles = tile_bytes(tiles, plan.mask_dtype).numpy().view(np.int64)
            self._mask = [mask.view(np.int64).reshape(-1, self._tiles.shape[1]) for mask in self._mask]
        self.fill([], [])

    def fill(self, rows: Sequence[Row], places: Sequence[Place]) -> list[str]:
        """Write the texts; returns the names of the host tensors that the device must be sent: all."""
        chips, batch, sequence = self.chips, self.batch, self.sequence
        # Rows are numbered chip after chip from here on.
        at = np.array([place.row % chips * batch + place.row // chips for place in places], dtype=np.int64)
        numbers, count = np.zeros_like(at), [0] * (chips * batch)
        for index, row in enumerate(at.tolist()):
            numbers[index] = count[row]
            count[row] += 1
        self._slots = (at * self.texts + numbers).tolist()
        starts = np.array([place.start for place in places], dtype=np.int64)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        first = at * sequence + starts
        # Padding goes on counting, as in a row of its own.
        spans = lengths if self._dense else -(-lengths // TILE) * TILE
        where = _ranges(first, lengths)
        ids, positions = np.zeros((2, chips * batch * sequence), dtype=np.int32)
        positions[_ranges(first, spans)] = _ranges(np.zeros_like(first), spans)
        if rows:
            ids[where] = torch.cat([row.ids for row in rows]).numpy()
        for text, start in zip(rows, first):
            if brings_positions(text):
                positions[start : start + len(text)] = position_rows(text, self.positions).numpy()
        owner = np.full(chips * batch * sequence, NOBODY)
        owner[where] = np.repeat(numbers, lengths)
        for targets, values in ((self._ids, ids), (self._positions, positions)):
            for target, part in zip(targets, values.reshape(chips, -1)):
                target[:] = part
        self._write_mask(first, lengths, numbers, owner.reshape(chips, batch, sequence))
        self._write_pick(at, numbers, starts, owner.reshape(chips, batch, sequence))
        return list(self.host)

    def slots(self, _rows: int, _places: Sequence[Place]) -> list[int]:
        """Where each text of the last fill() has its result among the rows that the device returns."""
        return self._slots

    def _write_tiles(self, first, lengths, numbers, _owner) -> None:
        """Texts begin at tiles, so a tile of the mask hides all, or shows the columns that are tokens of the text."""
        tiles = self.sequence // TILE
        owner = np.full(self.chips * self.batch * tiles, NOBODY)
        shown = np.full(self.chips * self.batch * tiles, TILE)
        own = -(-lengths // TILE)
        owner[_ranges(first // TILE, own)] = np.repeat(numbers, own)
        shown[(first + lengths - 1) // TILE] = (lengths - 1) % TILE + 1
        owner, shown = (x.reshape(self.chips, self.batch, tiles) for x in (owner, shown))
        which = np.where(owner[..., :, None] == owner[..., None, :], shown[..., None, :], 0)
        for mask, tile in zip(self._mask, which.reshape(self.chips, -1)):
            np.take(self._tiles, tile, axis=0, out=mask, mode="clip")  # "raise" would copy `out` first

    def _write_dense_mask(self, _first, _lengths, _numbers, owner) -> None:
        """Of every text what each of its queries sees, then that for every query, in the order of a tile's faces."""
        batch, blocks, tiles = self.batch, self.sequence // FACE, self.sequence // TILE
        texts = np.arange(NOBODY, MAX_TEXTS)
        block = np.arange(blocks).reshape(1, 1, tiles, 1, 2, 1)
        for mask, own in zip(self._mask, owner):
            sees = np.where(own[:, None] == texts[:, None], 0, _bits(MASKED)).astype(np.int16)  # (B, texts, S)
            query = (np.arange(batch)[:, None] * len(texts) + own - NOBODY).reshape(batch, tiles, 1, 2, 1, FACE)
            np.take(sees.view(FACE_ROW).ravel(), (query * blocks + block).ravel(), out=mask.view(FACE_ROW), mode="clip")

    def _write_firsts(self, at, numbers, starts, _owner) -> None:
        picks = np.zeros((self.chips * self.batch, MAX_TEXTS), dtype=np.int32)
        picks[at, numbers] = at % self.batch * self.sequence + starts
        for pick, part in zip(self._pick, picks.reshape(self.chips, -1)):
            pick[:] = part

    def _write_weights(self, _at, _numbers, _starts, owner) -> None:
        text = np.arange(MAX_TEXTS).reshape(1, 1, 2, 1, FACE, 1)
        for pick, own in zip(self._pick, owner):
            chosen = own.reshape(self.batch, self.sequence // TILE, 1, 2, 1, FACE) == text
            pick[:] = chosen.ravel() * np.int16(_bits(1.0))


def _ranges(first: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """first[0], first[0] + 1… counts[0] of them, then the same of first[1]…"""
    before = np.cumsum(counts) - counts
    return np.repeat(first - before, counts) + np.arange(counts.sum())


def _bits(value: float) -> int:
    """The bits of a bf16 number, as int16."""
    return int(torch.tensor(value, dtype=torch.bfloat16).view(torch.int16))
