# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How one op is blocked on a core, and the bytes of L1 that takes: pure functions of tile counts and formats.

Sizes in tiles of 32x32 unless said otherwise. The destination registers of a core hold 8 tiles of bf16 or 4 of fp32
partial sums, which bounds an output subblock.
"""

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.precision import MatmulPrecision

# Bytes of L1 per core for tensors and circular buffers on a device opened as the demos do: 1,499,136 less 24,576 of
# l1_small_size less 105,824 for firmware and kernels (ttnn 0.81.1). A runner asks its device.
L1_BYTES = 1_368_736
TILE_BYTES = {ttnn.float32: 4096, ttnn.bfloat16: 2048, ttnn.bfloat8_b: 1088, ttnn.bfloat4_b: 576}


def grid_columns(dims: BertDims, max_columns: int) -> int:
    """gx: the most columns, at most `max_columns`, over which heads, hidden and intermediate tiles all divide."""
    widths = (dims.num_attention_heads, dims.hidden_size // TILE, dims.intermediate_size // TILE)
    return max(gx for gx in range(1, max_columns + 1) if all(width % gx == 0 for width in widths))


def largest_divisor(value: int, limit: int) -> int:
    """The largest divisor of `value` that is at most `limit`; both at least 1."""
    return max(divisor for divisor in range(1, min(value, limit) + 1) if value % divisor == 0)


def subblock(height: int, width: int, fp32: bool, small: bool = False) -> tuple[int, int]:
    """Output subblock (h, w) for a (height, width) block: as large as the destination allows, wide rather than high.

    ttnn wants a subblock of a sharded output to be one row high or as wide as the block. small: one row of 4 at most.
    """
    limit = 4 if fp32 or small else 8
    w = largest_divisor(width, limit)
    return (largest_divisor(height, limit // w), w) if w == width and not small else (1, w)


def matmul_buffers(m: int, n: int, k_block: int, parts: int, in0, precision: MatmulPrecision) -> int:
    """Bytes of circular buffers per core of a 2D multicast matmul with bias, for an (m, n) output in `parts` of its rows.

    Both inputs are double buffered in blocks of k_block; partial sums of a part want a buffer of their own unless the
    output is one part and of their format. Equal to the byte to what ttnn 0.81.1 reports for QKV and FF1 at S 512.
    """
    partial, high = ttnn.float32 if precision.fp32 else ttnn.bfloat16, m // parts
    inputs = 2 * k_block * (high * TILE_BYTES[in0] + n * TILE_BYTES[precision.weights])
    sums = high * n * TILE_BYTES[partial] if parts > 1 or partial != precision.dtype else 0
    return inputs + n * TILE_BYTES[ttnn.bfloat16] + sums


def softmax_buffers(width: int, fp32: bool, dense: bool) -> int:
    """Bytes of circular buffers per core of the sharded softmax over `width` tiles, stable, as ttnn 0.81.1 reports them.

    dense: rows of a bf16 mask are read ahead, two at a time; else a row, or two of bf4, which are less.
    """
    inner, bf16 = TILE_BYTES[ttnn.float32 if fp32 else ttnn.bfloat16], TILE_BYTES[ttnn.bfloat16]
    return 3 * (width + 1) * inner + (2 + width * (1 + dense)) * bf16


def layer_norm_buffers(m: int, n: int, columns: int) -> int:
    """Bytes of circular buffers per core of the sharded layer norm of an (m, n) shard, fp32 inside, at most.

    Three copies of the shard, and the partial sums of its own and the other columns' rows (read off ttnn 0.81.1).
    """
    return (3 * m * n + 2 * m + columns) * TILE_BYTES[ttnn.float32]


def block_sharded(rows: int, columns: int, gx: int, gy: int) -> ttnn.MemoryConfig:
    """L1 memory config of gx by gy shards of (rows, columns) elements."""
    return ttnn.create_sharded_memory_config(
        (rows, columns),
        core_grid=ttnn.CoreGrid(x=gx, y=gy),
        strategy=ttnn.ShardStrategy.BLOCK,
        orientation=ttnn.ShardOrientation.ROW_MAJOR,
        use_height_and_width_as_shard_shape=True,
    )


def multicast_matmul(
    cores: tuple[int, int], m: int, n: int, k_block: int, parts: int, fp32: bool, activation=None, small: bool = False
):
    """Program config of a linear layer: in0 blocks are sent along core rows, weights down the columns, once a part."""
    sub_h, sub_w = subblock(m // parts, n, fp32, small)
    return ttnn.MatmulMultiCoreReuseMultiCastProgramConfig(
        compute_with_storage_grid_size=cores,
        in0_block_w=k_block,
        out_subblock_h=sub_h,
        out_subblock_w=sub_w,
        out_block_h=m // parts,
        out_block_w=n,
        per_core_M=m,
        per_core_N=n,
        transpose_mcast=False,
        fused_activation=activation,
    )


def per_head_matmul(cores: tuple[int, int], heads: int, m: int, k: int, n: int, fp32: bool):
    """Program config of `heads` matmuls (m, k) x (k, n) on each core, K in one block; a subblock stays in its head."""
    sub_h, sub_w = subblock(m, n, fp32)
    return ttnn.MatmulMultiCoreReuseProgramConfig(
        compute_with_storage_grid_size=cores,
        in0_block_w=k,
        out_subblock_h=sub_h,
        out_subblock_w=sub_w,
        per_core_M=heads * m,
        per_core_N=n,
    )


def kernel(fidelity: ttnn.MathFidelity, fp32: bool, approximate: bool = False):
    """Compute kernel config; partial sums of the blocks of K add up in L1. approximate: the vector unit's functions."""
    return ttnn.WormholeComputeKernelConfig(
        math_fidelity=fidelity, math_approx_mode=approximate, fp32_dest_acc_en=fp32, packer_l1_acc=True
    )
