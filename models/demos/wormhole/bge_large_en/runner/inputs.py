# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""From callers' padded tensors or id lists to checked rows of token ids. No device here."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import numpy as np
import torch

from models.demos.wormhole.bge_large_en.tt.dims import BertDims


@dataclass(frozen=True)
class Row:
    """One text: ids (n,) int64; types and positions (n,) int64, or None for all zero and for 0, 1, 2…"""

    ids: torch.Tensor
    types: torch.Tensor | None = None
    positions: torch.Tensor | None = None

    def __len__(self) -> int:
        return self.ids.size(0)


def rows_from_lists(token_ids: Sequence[Any], dims: BertDims, max_length: int) -> list[Row]:
    """Rows from lists of token ids, or from rows, as of pairs with their types.

    ValueError, naming row, value and limit, for one that can't be embedded.
    """
    if (together := _plain(token_ids, dims.vocab_size, max_length)) is not None:
        slices = zip(map(len, token_ids), accumulate(map(len, token_ids), initial=0))
        return [Row(torch.frombuffer(together, dtype=torch.int64, count=n, offset=8 * at)) for n, at in slices]
    rows = []
    for index, given in enumerate(token_ids):
        try:
            tensor = torch.as_tensor(given.ids if isinstance(given, Row) else given)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise ValueError(f"row {index} is not a list of token ids: {error}") from None
        if tensor.numel() and (tensor.dtype == torch.bool or tensor.is_floating_point() or tensor.dim() != 1):
            raise ValueError(
                f"row {index} has dtype {tensor.dtype} and {tensor.dim()} dims; token ids are a flat list of int"
            )
        ids = tensor.to(torch.int64)
        rows.append(replace(given, ids=ids) if isinstance(given, Row) else Row(ids))
        _check(index, rows[-1], dims, max_length)
    return rows


def _plain(token_ids: Sequence[Any], vocab_size: int, max_length: int) -> array | None:
    """The ids of all texts, 64 bits each, where these are lists of integers with nothing wrong, as a server sends them;
    else None. torch.tensor() of the same lists takes ten times as long, an array of signed ones two to four times."""
    if not len(token_ids) or not all(type(ids) is list and 0 < len(ids) <= max_length for ids in token_ids):
        return None
    ids = array("Q")
    try:
        for text in token_ids:
            ids.fromlist(text)
    except (TypeError, OverflowError):
        return None
    if len(token_ids) == 1:  # for a lone text numpy's code is in no cache
        least, most = min(ids), max(ids)
    else:
        values = np.frombuffer(ids, dtype=np.int64)
        least, most = values.min(), values.max()
    bools = least < 2 and set(map(type, chain.from_iterable(token_ids))) != {int}  # they count as 0 and 1
    return None if least < 0 or most >= vocab_size or bools else ids


def rows_from_padded(
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    token_type_ids: torch.Tensor | None,
    position_ids: torch.Tensor | None,
    dims: BertDims,
    max_length: int,
) -> list[Row]:
    """Rows from right-padded tensors, padding dropped.

    input_ids: (B, S) integers. attention_mask: (B, S) int, bool or float of 1 then 0, None for all 1.
    token_type_ids, position_ids: (B, S), the latter also (1, S); None for 0 and for 0, 1, 2…
    ValueError, naming the value and the limit, for anything else: other shapes or dtypes, ids, types or positions out
    of range, a mask with another value or not right-padded, a row without a token, a row longer than max_length.
    """
    if not isinstance(input_ids, torch.Tensor) or input_ids.dim() != 2 or not _integers(input_ids):
        shape = tuple(getattr(input_ids, "shape", ())) or type(input_ids).__name__
        raise ValueError(
            f"input_ids is {shape} {getattr(input_ids, 'dtype', '')}; a (batch, length) integer tensor is needed"
        )
    batch, length = input_ids.shape
    lengths = _lengths(attention_mask, batch, length)
    types = _like(token_type_ids, "token_type_ids", batch, length)
    positions = _like(position_ids, "position_ids", batch, length)
    rows = []
    for index, n in enumerate(lengths):
        cut = [None if t is None else t[index, :n].to(torch.int64) for t in (types, positions)]
        row = Row(input_ids[index, :n].to(torch.int64), *cut)
        _check(index, row, dims, max_length)
        rows.append(row)
    return rows


def _integers(tensor: torch.Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def _like(tensor: torch.Tensor | None, name: str, batch: int, length: int) -> torch.Tensor | None:
    if tensor is None:
        return None
    tensor = torch.as_tensor(tensor)
    if tensor.dim() == 1 and len(tensor) == length:
        tensor = tensor[None]
    if tensor.dim() != 2 or tensor.shape[1] != length or tensor.shape[0] not in (1, batch) or not _integers(tensor):
        raise ValueError(f"{name} is {tuple(tensor.shape)} {tensor.dtype}; ({batch}, {length}) integers are needed")
    return tensor.expand(batch, length)


def _lengths(mask: torch.Tensor | None, batch: int, length: int) -> list[int]:
    if mask is None:
        return [length] * batch
    mask = torch.as_tensor(mask)
    if tuple(mask.shape) != (batch, length):
        raise ValueError(f"attention_mask is {tuple(mask.shape)}; input_ids is {(batch, length)}")
    ones = mask == 1
    strange = ~(ones | (mask == 0))
    if strange.any():
        row = int(strange.any(1).nonzero()[0])
        raise ValueError(f"attention_mask has {mask[strange][0].item()} in row {row}; only 0 and 1 are allowed")
    lengths = ones.sum(1)
    right_padded = torch.arange(length)[None] < lengths[:, None]
    wrong = (ones != right_padded).any(1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise ValueError(f"attention_mask of row {row} is not right-padded: 1 follows 0 among {length} values")
    return lengths.tolist()


def _check(index: int, row: Row, dims: BertDims, max_length: int) -> None:
    if len(row) == 0:
        raise ValueError(f"row {index} has no tokens; at least 1 is needed")
    if len(row) > max_length:
        raise ValueError(f"row {index} has {len(row)} tokens; the limit is {max_length}")
    for name, values, limit in (
        ("token id", row.ids, dims.vocab_size),
        ("token type", row.types, dims.type_vocab_size),
        ("position", row.positions, dims.max_position_embeddings),
    ):
        if values is not None:
            outside = (values < 0) | (values >= limit)
            if outside.any():
                raise ValueError(
                    f"row {index} has the {name} {values[outside][0].item()}; the limit is 0 to {limit - 1}"
                )
