# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Pooling on the device: one row per sentence out of the last hidden states, not normalised.

Normalisation is left to the host, in fp32: a client may ask for fewer dimensions or for the raw row.
"""

import ttnn

from models.demos.wormhole.bge_large_en.tt.dims import TILE
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan


def cls_pool(hidden, _mask, plan: ShapePlan):
    """(B, 1, R, H) block sharded -> (B, 1, 1, H) row-major, dtype of hidden: the row of the first token."""
    rows = ttnn.sharded_to_interleaved(hidden, ttnn.L1_MEMORY_CONFIG)
    return _first_rows(rows, plan.batch)


def mean_pool(hidden, mask, plan: ShapePlan):
    """(B, 1, S, H) block sharded, additive mask (B, 1, S/32, 32) row-major -> (B, 1, 1, H) fp32 row-major.

    The mean over the tokens whose mask is 0: a matmul with weights of 1 and 0, over their sum, both in fp32.
    """
    rows = ttnn.sharded_to_interleaved(hidden, ttnn.L1_MEMORY_CONFIG)
    masks = ttnn.to_layout(ttnn.reshape(mask, (plan.batch, 1, 1, plan.sequence)), ttnn.TILE_LAYOUT)
    weights = ttnn.eqz(masks, memory_config=ttnn.L1_MEMORY_CONFIG)
    options = {"memory_config": ttnn.L1_MEMORY_CONFIG, "compute_kernel_config": plan.exact_kernel}
    total = ttnn.matmul(weights, rows, dtype=ttnn.float32, **options)
    exact = ttnn.typecast(weights, ttnn.float32, memory_config=ttnn.L1_MEMORY_CONFIG)
    count = ttnn.sum(exact, dim=-1, keepdim=True, **options)
    return _first_rows(ttnn.divide(total, count), plan.batch)


POOLING = {"cls": cls_pool, "mean": mean_pool}
# Tokens of each sentence, a whole tile, that pooling wants of the last layer; None for all.
POOLED_ROWS = {"cls": TILE, "mean": None}


def _first_rows(rows, batch: int):
    """(B, 1, R, H) tiles -> (B, 1, 1, H) row-major in DRAM: without the rows that pad a tile there is 1/32 to read."""
    end = [batch - 1, 0, 0, rows.shape[-1] - 1]
    return ttnn.untilize_with_unpadding(rows, output_tensor_end=end, memory_config=ttnn.DRAM_MEMORY_CONFIG)
