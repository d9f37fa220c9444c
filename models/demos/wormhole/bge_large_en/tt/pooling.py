# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Pooling on the device: one row per text out of the last hidden states, not normalised.

CLS takes a row as it is; the mean is left as a sum, which the host divides by the number of tokens in fp32. The host
normalises as well: a client may ask for fewer dimensions or for the raw row.
"""

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import TILE
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan


def cls_pool(hidden, _, plan: ShapePlan):
    """(B, 1, R, H) block sharded -> (B, 1, n, H) row-major, dtype of hidden: the first token's row, of each text."""
    return _first_rows(ttnn.sharded_to_interleaved(hidden, ttnn.L1_MEMORY_CONFIG), plan.texts if plan.packed else 1)


def mean_pool(hidden, mask, plan: ShapePlan):
    """(B, 1, S, H) block sharded, additive mask (B, 1, S/32, 32) row-major -> (B, 1, 1, H) fp32 row-major: sums.

    Over the tokens whose mask is 0: a matmul with weights of 1 and 0.
    """
    masks = ttnn.to_layout(ttnn.reshape(mask, (plan.batch, 1, 1, plan.sequence)), ttnn.TILE_LAYOUT)
    weights = ttnn.eqz(masks, memory_config=ttnn.L1_MEMORY_CONFIG)
    return _first_rows(_sums(hidden, weights, plan), 1)


def mean_pick(hidden, pick, plan: ShapePlan):
    """(B, 1, S, H) block sharded, weights (B, 1, 32, S) bf16 tiles of 1 and 0 -> (B, 1, n, H) fp32 row-major: sums."""
    return _first_rows(_sums(hidden, pick, plan), plan.texts)


def _sums(hidden, weights, plan: ShapePlan):
    return ttnn.matmul(
        weights,
        ttnn.sharded_to_interleaved(hidden, ttnn.L1_MEMORY_CONFIG),
        dtype=ttnn.float32,
        memory_config=ttnn.L1_MEMORY_CONFIG,
        program_config=plan.pooling_matmul,
        compute_kernel_config=plan.exact_kernel,
    )


POOLING = {"cls": cls_pool, "mean": mean_pool}
# Of packed rows, with the place of each text as an input.
PICKING = {"cls": cls_pool, "mean": mean_pick}
# Rows of each sentence, or of a packed row, that pooling wants of the last layer, a whole tile; None for all.
POOLED_ROWS = {"cls": TILE, "mean": None}


def _first_rows(rows, count: int):
    """(B, 1, R, H) tiles -> (B, 1, count, H) row-major in DRAM, without what pads a tile: less to read."""
    end = [rows.shape[0] - 1, 0, count - 1, rows.shape[-1] - 1]
    return ttnn.untilize_with_unpadding(rows, output_tensor_end=end, memory_config=ttnn.DRAM_MEMORY_CONFIG)
