# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Pooling on the device: one row per sentence out of the last hidden states, not normalised.

Normalisation is left to the host, in fp32: a client may ask for fewer dimensions or for the raw row.
"""

import ttnn

from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan


def cls_pool(hidden, _token_weights, plan: ShapePlan):
    """(B, 1, S, H) block sharded -> (B, 1, 1, H) row-major, dtype of hidden: the row of the first token."""
    size = hidden.shape[-1]
    rows = ttnn.slice(hidden, [0, 0, 0, 0], [plan.batch, 1, 32, size], memory_config=ttnn.L1_MEMORY_CONFIG)
    return _first_rows(rows, plan.batch, size)


def mean_pool(hidden, token_weights, plan: ShapePlan):
    """(B, 1, S, H) block sharded, weights (B, 1, 1, S) bf16 tiles of 1 and 0 -> (B, 1, 1, H) fp32 row-major.

    The mean over the tokens whose weight is 1: a matmul with the weights, over their sum, both in fp32.
    """
    rows = ttnn.sharded_to_interleaved(hidden, ttnn.L1_MEMORY_CONFIG)
    options = {
        "dtype": ttnn.float32,
        "memory_config": ttnn.L1_MEMORY_CONFIG,
        "compute_kernel_config": plan.exact_kernel,
    }
    total = ttnn.matmul(token_weights, rows, **options)
    weights = ttnn.typecast(token_weights, ttnn.float32, memory_config=ttnn.L1_MEMORY_CONFIG)
    count = ttnn.sum(
        weights,
        dim=-1,
        keepdim=True,
        memory_config=ttnn.L1_MEMORY_CONFIG,
        compute_kernel_config=plan.exact_kernel,
    )
    return _first_rows(ttnn.divide(total, count), plan.batch, hidden.shape[-1])


POOLING = {"cls": cls_pool, "mean": mean_pool}


def _first_rows(rows, batch: int, size: int):
    """Row-major, without the 31 rows that pad a tile: 1/32 of the bytes to read back."""
    return ttnn.untilize_with_unpadding(
        rows, output_tensor_end=[batch - 1, 0, 0, size - 1], memory_config=ttnn.DRAM_MEMORY_CONFIG
    )
