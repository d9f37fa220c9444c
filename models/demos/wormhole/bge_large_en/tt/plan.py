# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Where every tensor of one forward lies and how every op is blocked: a pure function of dims, shape and core grid.

The core grid of a step has one row of cores per sentence and splits heads, and with them every width, over its columns.
So no core sees two sentences, the order of each reduction depends on the dims and the sequence length alone, and a
row's bits do not depend on the batch it is in.

All sizes in tiles of 32x32 unless said otherwise; S sequence length, H hidden size, nh heads, d head size, gx columns.
"""

from dataclasses import dataclass, replace

import ttnn

from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims

# Bytes of L1 per core for tensors and circular buffers: 1,499,136 less 24,576 of l1_small_size less 105,824 that firmware
# and kernels take below the first circular buffer (read off the messages of ttnn 0.81.1).
L1_BYTES = 1_368_736
TILE_BYTES = {ttnn.float32: 4096, ttnn.bfloat16: 2048, ttnn.bfloat8_b: 1088, ttnn.bfloat4_b: 576}

MAX_K_BLOCK = 8  # tiles of K per block; past that the inputs' buffers grow and the loop is no longer than its start

GELU = ttnn.UnaryWithParam(ttnn.UnaryOpType.GELU, False)  # False: the exact GELU (erf), as the checkpoint was trained


@dataclass(frozen=True)
class Precision:
    """dtypes of the matmul weights, of activations in L1 and of the two largest ones, and the arithmetic of matmuls.

    fp32_accumulation keeps partial sums in fp32 and halves the output subblock (8 -> 4 tiles of destination registers).
    """

    weights: ttnn.DataType = ttnn.bfloat8_b
    activations: ttnn.DataType = ttnn.bfloat16
    qkv: ttnn.DataType = ttnn.bfloat8_b
    scores: ttnn.DataType = ttnn.bfloat8_b
    intermediate: ttnn.DataType = ttnn.bfloat8_b
    fidelity: ttnn.MathFidelity = ttnn.MathFidelity.HiFi2
    fp32_accumulation: bool = False

    @classmethod
    def of(cls, activations: ttnn.DataType, weights: ttnn.DataType) -> "Precision":
        """All bf16 when the weights are: for accuracy. Otherwise block floats where they cost least accuracy."""
        if weights == ttnn.bfloat16 and activations == ttnn.bfloat16:
            return cls(weights, *[activations] * 4, ttnn.MathFidelity.HiFi4, True)
        return cls(weights=weights, activations=activations)

    @classmethod
    def default(cls, dims: BertDims) -> "Precision":
        """All bf16 up to a hidden size of 512, where programs are so small that block floats save little time.

        Measured there on 100 sentences (MiniLM, worst cosine): 0.9985 with block floats, 0.9999 without.
        """
        return cls.of(ttnn.bfloat16, ttnn.bfloat16) if dims.hidden_size <= 512 else cls()


def grid_columns(dims: BertDims, max_columns: int) -> int:
    """gx: the most columns, at most `max_columns`, over which heads, hidden and intermediate tiles all divide."""
    widths = (dims.num_attention_heads, dims.hidden_size // TILE, dims.intermediate_size // TILE)
    return max(gx for gx in range(1, max_columns + 1) if all(width % gx == 0 for width in widths))


def largest_divisor(value: int, limit: int) -> int:
    return max(divisor for divisor in range(1, min(value, limit) + 1) if value % divisor == 0)


def subblock(height: int, width: int, limit: int) -> tuple[int, int]:
    """Output subblock (h, w) of at most `limit` tiles for a (height, width) block: the largest, wide rather than high.

    ttnn wants a subblock of a sharded output to be one row high or as wide as the block.
    """
    w = largest_divisor(width, limit)
    return (largest_divisor(height, limit // w), w) if w == width else (1, w)


def matmul_buffers(m: int, n: int, k_block: int, in0, weights, out, fp32: bool) -> int:
    """Bytes of circular buffers per core of a 2D multicast matmul with bias, for an (m, n) output block.

    Both inputs are double buffered in blocks of k_block; partial sums want a buffer of their own unless they have the
    output's format. Equal to the byte to what ttnn 0.81.1 reports for QKV and FF1 at S 512.
    """
    partial = ttnn.float32 if fp32 else ttnn.bfloat16
    inputs = 2 * k_block * (m * TILE_BYTES[in0] + n * TILE_BYTES[weights])
    return inputs + n * TILE_BYTES[ttnn.bfloat16] + (m * n * TILE_BYTES[partial] if partial != out else 0)


@dataclass(frozen=True)
class ShapePlan:
    """The plan of one (batch, S) step; made by plan_shape().

    hidden, qkv, intermediate: block-sharded memory configs, shard (S, width / gx). Between the head split and the join
    tensors are height sharded, nh / gx heads of one sentence per core, in the shards that the split itself chooses.
    The *_matmul, softmax and layer_norm fields are program configs, the *_kernel ones compute kernel configs.
    """

    batch: int
    sequence: int
    precision: Precision
    hidden: ttnn.MemoryConfig
    qkv: ttnn.MemoryConfig
    intermediate: ttnn.MemoryConfig
    qkv_matmul: object
    scores_matmul: object
    softmax: object
    context_matmul: object
    output_matmul: object
    layer_norm: object
    ff1_matmul: object
    ff2_matmul: object
    matmul_kernel: object
    scores_kernel: object
    exact_kernel: object


def plan_shape(
    dims: BertDims, batch: int, sequence: int, grid: tuple[int, int], precision: Precision | None = None
) -> ShapePlan:
    """The plan for `batch` rows (one per core row) of `sequence` tokens on a core grid (columns, rows).

    Scores that do not fit L1 in the precision's dtype become bfloat8_b, as the plan's precision then says.
    ValueError, which names value and limit, for a shape that has no plan.
    """
    precision = precision or Precision.default(dims)
    columns, rows = grid
    if not 1 <= batch <= rows:
        raise ValueError(
            f"batch is {batch}; a step takes 1 to {rows} rows, one per row of the {columns}x{rows} core grid"
        )
    if sequence % TILE or not TILE <= sequence <= dims.max_position_embeddings:
        raise ValueError(
            f"sequence length is {sequence}; a step takes a multiple of {TILE} up to {dims.max_position_embeddings}"
        )
    gx = grid_columns(dims, columns)
    cores = (gx, batch)
    s, h, d = sequence // TILE, dims.hidden_size // TILE, dims.head_size // TILE
    ffn = dims.intermediate_size // TILE
    heads = dims.num_attention_heads // gx
    destination = 4 if precision.fp32_accumulation else 8
    act, fp32 = precision.activations, precision.fp32_accumulation
    hidden_bytes = s * h // gx * TILE_BYTES[act]

    qkv_bytes = s * 3 * h // gx * TILE_BYTES[precision.qkv]
    intermediate_bytes = s * ffn // gx * TILE_BYTES[precision.intermediate]

    def check(stage: str, needed: int) -> None:
        if needed > L1_BYTES:
            raise ValueError(
                f"sequence length {sequence} in this precision: {stage} needs {needed} bytes of L1 per core, there are "
                f"{L1_BYTES}; use a shorter sequence or bfloat8_b"
            )

    # The head split leaves a hole of the size of QKV above its outputs, too small for the scores.
    softmax_buffers = s * (2 * TILE_BYTES[ttnn.float32] + TILE_BYTES[ttnn.bfloat16]) + 3 * TILE_BYTES[ttnn.float32]
    around_scores = hidden_bytes + 2 * qkv_bytes + softmax_buffers
    if around_scores + heads * s * s * TILE_BYTES[precision.scores] > L1_BYTES:
        # The one tensor that grows with S squared; a text's bucket, so also this, depends on its own length only.
        precision = replace(precision, scores=ttnn.bfloat8_b)
    check("attention", around_scores + heads * s * s * TILE_BYTES[precision.scores])

    def block(width_tiles: int) -> ttnn.MemoryConfig:
        return ttnn.create_sharded_memory_config(
            (sequence, width_tiles * TILE // gx),
            core_grid=ttnn.CoreGrid(x=gx, y=batch),
            strategy=ttnn.ShardStrategy.BLOCK,
            orientation=ttnn.ShardOrientation.ROW_MAJOR,
            use_height_and_width_as_shard_shape=True,
        )

    def matmul(stage: str, k: int, n: int, in0, out, live: int, activation=None):
        """live: bytes of L1 taken by tensors meanwhile, the output's among them."""
        sub_h, sub_w = subblock(s, n // gx, destination)
        blocks = [block for block in range(1, MAX_K_BLOCK + 1) if k // gx % block == 0]
        buffers = {block: matmul_buffers(s, n // gx, block, in0, precision.weights, out, fp32) for block in blocks}
        check(stage, live + buffers[1])
        k_block = max(block for block in blocks if live + buffers[block] <= L1_BYTES)
        return ttnn.MatmulMultiCoreReuseMultiCastProgramConfig(
            compute_with_storage_grid_size=cores,
            in0_block_w=k_block,
            out_subblock_h=sub_h,
            out_subblock_w=sub_w,
            per_core_M=s,
            per_core_N=n // gx,
            transpose_mcast=False,
            fused_activation=activation,
        )

    def head_matmul(k: int, n: int):
        sub_h, sub_w = subblock(s, n, destination)  # a subblock stays within one head
        return ttnn.MatmulMultiCoreReuseProgramConfig(
            compute_with_storage_grid_size=cores,
            in0_block_w=k,
            out_subblock_h=sub_h,
            out_subblock_w=sub_w,
            per_core_M=heads * s,
            per_core_N=n,
        )

    def kernel(fidelity: ttnn.MathFidelity, fp32: bool):
        return ttnn.WormholeComputeKernelConfig(
            math_fidelity=fidelity, math_approx_mode=False, fp32_dest_acc_en=fp32, packer_l1_acc=True
        )

    return ShapePlan(
        batch=batch,
        sequence=sequence,
        precision=precision,
        hidden=block(h),
        qkv=block(3 * h),
        intermediate=block(ffn),
        qkv_matmul=matmul("QKV", h, 3 * h, act, precision.qkv, hidden_bytes + qkv_bytes),
        scores_matmul=head_matmul(d, s),
        softmax=ttnn.SoftmaxShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=cores, subblock_w=largest_divisor(s, 8), block_h=heads * s, block_w=s
        ),
        context_matmul=head_matmul(s, d),
        output_matmul=matmul("the attention output", h, h, act, act, 3 * hidden_bytes),
        layer_norm=ttnn.LayerNormShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=cores,
            subblock_w=largest_divisor(h // gx, 4),
            block_h=s,
            block_w=h // gx,
            inplace=True,
        ),
        ff1_matmul=matmul("FF1", h, ffn, act, precision.intermediate, 2 * hidden_bytes + intermediate_bytes, GELU),
        ff2_matmul=matmul("FF2", ffn, h, precision.intermediate, act, 2 * hidden_bytes + intermediate_bytes),
        matmul_kernel=kernel(precision.fidelity, precision.fp32_accumulation),
        # Q K^T sums over 2 tiles at most, and fp32 partial sums of the scores would not fit L1.
        scores_kernel=kernel(precision.fidelity, False),
        exact_kernel=kernel(ttnn.MathFidelity.HiFi4, True),
    )
