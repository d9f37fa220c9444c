# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The plan of one step as the encoder reads it: memory, program and compute kernel configs of every op.

plan.py makes it. B batch, S sequence length, H hidden size, nh heads, d head size, F intermediate size.
"""

from dataclasses import dataclass
from typing import Any

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import TILE
from models.demos.wormhole.bge_large_en.tt.precision import Precision

CHAIN, SDPA = "chain", "sdpa"  # the two kinds of attention, see plan.py


@dataclass(frozen=True)
class RowsPlan:
    """The ops on `rows` tokens of every sentence: all S of them, or in the last layer only those that pooling wants.

    hidden, intermediate: block-sharded memory configs of (B, 1, rows, H) and (B, 1, rows, F); joined: that of the heads
    as attention leaves them, another one than hidden where the plan is spread. queries: the height-sharded one of
    (B, nh, rows, d), or interleaved for SDPA. *_matmul, softmax (or sdpa) and layer_norm: program configs.
    """

    rows: int
    hidden: ttnn.MemoryConfig
    joined: ttnn.MemoryConfig
    intermediate: ttnn.MemoryConfig
    queries: ttnn.MemoryConfig
    scores_matmul: Any
    softmax: Any
    context_matmul: Any
    sdpa: Any
    output_matmul: Any
    layer_norm: Any
    ff1_matmul: Any
    ff2_matmul: Any


@dataclass(frozen=True)
class ShapePlan:
    """The plan of one (batch, S) step; made by plan_shape(). sequence: S in tokens.

    packed, dense: what a row holds, as in plan_shape(). mask_dtype, mask_memory: of the mask. body plans all layers but
    the last, last that one. qkv: memory config of (B, 1, S, 3H); attended: the one that attention wants, None if that is
    qkv. *_kernel: compute kernel configs of each matmul and of
    the softmax; exact_kernel that of layer norm and pooling.
    """

    batch: int
    sequence: int
    attention: str
    packed: bool
    dense: bool
    mask_dtype: ttnn.DataType
    mask_memory: ttnn.MemoryConfig
    precision: Precision
    qkv: ttnn.MemoryConfig
    attended: ttnn.MemoryConfig | None
    qkv_matmul: Any
    body: RowsPlan
    last: RowsPlan
    qkv_kernel: Any
    scores_kernel: Any
    softmax_kernel: Any
    context_kernel: Any
    output_kernel: Any
    ff1_kernel: Any
    ff2_kernel: Any
    exact_kernel: Any
    pooling_matmul: Any

    @property
    def texts(self) -> int:
        """Texts that a packed row may hold: as many as tiles, or as pooling's matmul has rows for dense ones."""
        return TILE if self.dense else self.sequence // TILE
