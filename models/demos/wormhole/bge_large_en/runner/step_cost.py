# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An estimate of a step's device time, for choosing between plans. No measurement, and nothing but ratios is used.

Every row of cores works at its own sentences at once, so the time depends on the row's length and not on how many rows
there are. Prices were fitted to published Wormhole times of other encoders.
"""

from models.demos.wormhole.bge_large_en.tt.blocking import grid_columns
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims

PROGRAM = 2.6  # microseconds from one program to the next of a trace
MULTICAST = 3.6  # microseconds of a linear layer, on top
WEIGHTS = 14.4  # microseconds per MB of bf8 weights that a core receives
PRODUCT = 0.0200  # microseconds per product of two tiles, LoFi
PACK = 0.0529  # microseconds per output tile and block of K
SOFTMAX, NORM, HEADS, GELU = 0.311, 1.349, 0.338, 0.066  # microseconds per tile
TILE_MB = 1088e-6


def step_microseconds(dims: BertDims, sequence: int, columns: int = 8) -> float:
    """Estimated device time of one step with rows of `sequence` tokens, on `columns` core columns, in microseconds."""
    gx = grid_columns(dims, columns)
    s, h, d = sequence // TILE, dims.hidden_size // TILE, dims.head_size // TILE
    ffn, heads = dims.intermediate_size // TILE, dims.num_attention_heads // gx
    linears = ((h, 3 * h), (h, h), (h, ffn), (ffn, h))
    time = (
        11 * PROGRAM + len(linears) * MULTICAST + 2 * s * h / gx * NORM + s * 4 * h / gx * HEADS + s * ffn / gx * GELU
    )
    for k, n in linears:
        # K comes in gx blocks, one from each column's shard.
        time += s * k * n / gx * PRODUCT + s * n / gx * gx * PACK + k * n / gx * TILE_MB * WEIGHTS
    time += heads * s * s * (2 * d * PRODUCT + PACK + SOFTMAX) + heads * s * d * PACK
    return dims.num_hidden_layers * time + 6 * PROGRAM
