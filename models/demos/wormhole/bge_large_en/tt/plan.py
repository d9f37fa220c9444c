# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Where every tensor of one forward lies and how every op is blocked: a pure function of dims, shape and core grid.

The core grid of a step has whole sentences in a row of cores, and heads, and with them every width, over its columns.
So the order of each reduction depends on the dims and the sequence length alone, and a row's bits do not depend on the
batch it is in. Two kinds of attention:

- CHAIN: Q K^T, softmax in place and times V, each core on its heads of one sentence, all in its own L1. One sentence
  per row of cores, so at most as many as there are rows. No tensor leaves its core: the faster one where it fits.
- SDPA: ttnn's fused attention on Q, K, V interleaved in L1. Any number of sentences per row of cores, no scores in L1;
  but Q, K and V cross the NoC, and each layer launches one more program, over the mask. For batches past the rows.

A CHAIN step of few long rows is spread: its linear layers and norms run on as many rows of cores as share the tokens
evenly, and attention on one row of cores per sentence, with a reshard before and after it. What each row of tokens adds
up, and in what order, is the same.

All sizes in tiles of 32x32 unless said otherwise; S sequence length, H hidden size, nh heads, d head size, F
intermediate size, gx columns.
"""

import math
from dataclasses import replace

import ttnn
from models.demos.wormhole.bge_large_en.tt.blocking import (
    L1_BYTES,
    TILE_BYTES,
    block_sharded,
    grid_columns,
    kernel,
    largest_divisor,
    layer_norm_buffers,
    matmul_buffers,
    multicast_matmul,
    per_head_matmul,
    softmax_buffers,
)
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.precision import BF8, GELUS, HIFI3, MatmulPrecision, Precision
from models.demos.wormhole.bge_large_en.tt.shape_plan import CHAIN, SDPA, RowsPlan, ShapePlan

MAX_SENTENCES = 4  # per row of cores
SDPA_CHUNK = 4  # tiles of queries and of keys that a core holds at a time
SPREAD = 64  # tokens of a sentence from which on spreading is worth the reshards


def plan_shape(
    dims: BertDims,
    batch: int,
    sequence: int,
    grid: tuple[int, int],
    precision: Precision,
    attention: str | None = None,
    pooled_rows: int | None = None,
    packed: bool = False,
    dense: bool = False,
    alike: int = 0,
    reserved: int = 0,
    l1: int = L1_BYTES,
) -> ShapePlan:
    """The plan for `batch` rows of `sequence` tokens on a core grid (columns, rows).

    attention: CHAIN, SDPA or None for CHAIN where the batch allows it. pooled_rows: tokens of each sentence, a multiple
    of 32, that are wanted of the last layer; None for all.

    packed: a row holds several texts, and the mask is (B, 1, S, S) instead of one row of it: bf4 in L1 for texts that
    begin at a tile, bf16 in DRAM for `dense` ones, which follow each other without a gap. alike: all plans up to this
    many tokens compute the same bits for a text, whichever of them it is in. l1: bytes of L1 per core, of which other tensors hold
    `reserved`.

    Scores, and then QKV, that do not fit L1 in the precision's dtype become bfloat8_b, as the plan's precision then
    says. ValueError, which names value and limit, for a shape that has no plan.
    """
    if sequence % TILE or not TILE <= sequence <= dims.max_position_embeddings:
        raise ValueError(
            f"sequence length is {sequence}; a step takes a multiple of {TILE} up to {dims.max_position_embeddings}"
        )
    attention = attention or (CHAIN if batch <= grid[1] else SDPA)
    if packed and attention == SDPA:
        raise ValueError(
            f"batch {batch} of packed rows; packing needs one row per row of the {grid[0]}x{grid[1]} core grid"
        )
    shape = _Shape(dims, batch, sequence, grid, attention, max(sequence, alike), l1 - reserved, not packed)
    shape.small_subblocks, shape.dense = precision.small_subblocks, dense
    precision = shape.fitting(precision)
    body = shape.rows_plan(precision, sequence)
    tile_aligned = packed and not dense
    return ShapePlan(
        batch=batch,
        sequence=sequence,
        attention=attention,
        packed=packed,
        dense=dense,
        mask_dtype=ttnn.bfloat4_b if tile_aligned else ttnn.bfloat16,
        mask_memory=ttnn.L1_MEMORY_CONFIG if tile_aligned else ttnn.DRAM_MEMORY_CONFIG,
        precision=precision,
        qkv=shape.block(3 * shape.h, shape.s, shape.spread) if attention == CHAIN else ttnn.L1_MEMORY_CONFIG,
        attended=shape.block(3 * shape.h, shape.s) if shape.spread else None,
        qkv_matmul=shape.qkv_matmul(precision),
        body=body,
        last=body if pooled_rows in (None, sequence) else shape.rows_plan(precision, pooled_rows),
        qkv_kernel=kernel(precision.qkv.fidelity, precision.qkv.fp32),
        softmax_kernel=kernel(HIFI3, precision.softmax.fp32, precision.softmax.approximate),
        scores_kernel=kernel(precision.scores.fidelity, precision.scores.fp32),
        context_kernel=kernel(precision.context.fidelity, precision.context.fp32),
        output_kernel=kernel(precision.output.fidelity, precision.output.fp32),
        ff1_kernel=kernel(precision.ff1.fidelity, precision.ff1.fp32),
        ff2_kernel=kernel(precision.ff2.fidelity, precision.ff2.fp32),
        exact_kernel=kernel(HIFI3, True),
        pooling_matmul=shape.pooling_matmul(grid),
    )


def mask_bytes(batch: int, sequence: int, cores: int) -> int:
    """Bytes of L1 per core that a packed shape's bf4 mask holds, spread over all `cores`."""
    return -(-batch * (sequence // TILE) ** 2 // cores) * TILE_BYTES[ttnn.bfloat4_b]


class _Shape:
    """Tile counts of one (batch, S) on a core grid, and the plans that follow from them."""

    def __init__(self, dims, batch: int, sequence: int, grid, attention: str, alike: int, l1: int, may_spread: bool):
        columns, rows = grid
        self.small_subblocks = self.dense = False
        self.alike, self.l1 = alike // TILE, l1  # what depends on the length is decided for `alike` tiles
        self.sequence, self.attention, self.batch = sequence, attention, batch
        self.sentences = _sentences_per_core_row(batch, rows, 1 if attention == CHAIN else MAX_SENTENCES, columns)
        self.gx = grid_columns(dims, columns)
        self.cores = (self.gx, batch // self.sentences)
        self.s, self.h, self.d = sequence // TILE, dims.hidden_size // TILE, dims.head_size // TILE
        self.ffn = dims.intermediate_size // TILE
        self.heads = dims.num_attention_heads // self.gx
        self.columns, self.all_cores = columns, columns * rows
        shared = largest_divisor(batch * self.s, rows)  # rows of cores that all tokens spread over evenly
        self.spread = may_spread and attention == CHAIN and sequence >= SPREAD and shared > batch
        self.wide = (self.gx, shared) if self.spread else self.cores

    def is_wide(self, s: int) -> bool:
        """Whether s tiles of every sentence are spread: all of them are, those that pooling wants are not."""
        return self.spread and s == self.s

    def high(self, s: int) -> int:
        """Tiles of rows that a core has of s of every sentence in linear layers and norms."""
        return self.batch * self.s // self.wide[1] if self.is_wide(s) else self.sentences * s

    def block(self, width: int, s: int, wide: bool = False) -> ttnn.MemoryConfig:
        """Block sharded: `width` over the columns, sentences of s tiles over the rows; wide: as they are spread."""
        high, cores = (self.high(s), self.wide) if wide else (self.sentences * s, self.cores)
        return block_sharded(high * TILE, width * TILE // self.gx, *cores)

    def check(self, stage: str, needed: int) -> None:
        if needed > self.l1:
            raise ValueError(
                f"batch {self.batch} of {self.sequence} tokens in this precision: {stage} needs {needed} bytes of L1 "
                f"per core, there are {self.l1}; use a shorter sequence, a smaller batch or bfloat8_b"
            )

    def tensor(self, width: int, dtype, s: int) -> int:
        """Bytes per core of a block-sharded tensor."""
        return self.sentences * s * width // self.gx * TILE_BYTES[dtype]

    def fitting(self, precision: Precision) -> Precision:
        """The precision, with what grows with S squared, and then QKV, in bf8 if L1 does not hold it otherwise.

        Depends on S but not on the batch, so a text's bits don't either.
        """
        if self.attention == SDPA:
            qkv = self.batch * self.s * 3 * self.h * TILE_BYTES[precision.qkv.dtype] // self.all_cores
            self.check("attention", self.tensor(self.h, precision.hidden, self.s) + 2 * qkv)
            return precision
        in_bf8 = [replace(precision, scores=replace(precision.scores, dtype=BF8))]
        in_bf8.append(replace(in_bf8[0], qkv=replace(precision.qkv, dtype=BF8)))
        for choice in (precision, *in_bf8):
            if self.attention_bytes(choice, self.alike) <= self.l1:
                break
        self.check("attention", self.attention_bytes(choice, self.alike))
        return choice

    def attention_bytes(self, precision: Precision, s: int) -> int:
        """Bytes per core while the softmax runs; the scores don't fit the hole that the head split leaves of QKV."""
        qkv = self.tensor(3 * self.h, precision.qkv.dtype, s)
        scores = self.heads * s * s * TILE_BYTES[precision.scores.dtype]
        buffers = softmax_buffers(s, precision.softmax.fp32, self.dense)
        return self.tensor(self.h, precision.hidden, s) + 2 * qkv + scores + buffers

    def linear(self, stage, s, k, n, in0, out: MatmulPrecision, live, activation=None, interleaved=False):
        """Config of a linear layer from k to n tiles of width, over s tiles of every sentence; in0: dtype of its input.

        live: (width, dtype) of all tensors in L1 meanwhile. The block of K sets the order of the sum, so layers and
        batches must agree on it: it is the largest that fits with all tokens, not just `s`, and with as many sentences
        per row of cores as another batch of this length may have. interleaved: the output lies beside its buffer.
        """
        spilled = n / self.columns if interleaved else 0
        depth, k, n = k, k // self.gx, n // self.gx

        def needed(m: int, block: int, parts: int) -> int:
            # A reshard leaves holes of the height that attention has.
            tensors = sum(max(m, self.alike) * width // self.gx * TILE_BYTES[dtype] for width, dtype in live)
            return (
                tensors + math.ceil(m * spilled) * TILE_BYTES[out.dtype] + matmul_buffers(m, n, block, parts, in0, out)
            )

        def parts(m: int, block: int) -> int:
            """The fewest that fit, or 0."""
            return next((p for p in range(1, m + 1) if m % p == 0 and needed(m, block, p) <= self.l1), 0)

        def time(m: int, block: int) -> float:
            """In packed tiles: of partial sums per block of K, and per part 2 kB of weights received (step_cost.py)."""
            return m * n * depth / block + parts(m, block) * depth * n * TILE_BYTES[out.weights] / 2048

        shared = 2 * self.alike if self.attention == SDPA and parts(2 * self.alike, 1) else self.alike
        # A block of K lies in one core's shard.
        blocks = [block for block in range(k, 0, -1) if k % block == 0 and parts(shared, block)]
        block = min(blocks, key=lambda block: time(shared, block), default=1)
        m = self.high(s)
        self.check(stage, needed(m, block, parts(m, block) or m))
        cores = self.wide if self.is_wide(s) else self.cores
        return multicast_matmul(cores, m, n, block, parts(m, block), out.fp32, activation, self.small_subblocks)

    def qkv_matmul(self, precision: Precision):
        live = [(self.h, precision.hidden), (3 * self.h, precision.qkv.dtype)]
        sdpa = self.attention == SDPA
        return self.linear("QKV", self.s, self.h, 3 * self.h, precision.hidden, precision.qkv, live, interleaved=sdpa)

    def pooling_matmul(self, grid: tuple[int, int]):
        """Weights (B, 1, 32, S) times hidden (B, 1, S, H): a tile of H per core, K in one block: one order of a sum."""
        columns = largest_divisor(self.h, grid[0])
        return ttnn.MatmulMultiCoreReuseMultiCast1DProgramConfig(
            compute_with_storage_grid_size=(columns, self.h // columns),
            in0_block_w=self.s,
            out_subblock_h=1,
            out_subblock_w=1,
            per_core_M=1,
            per_core_N=1,
            fuse_batch=False,
            mcast_in0=True,
        )

    def rows_plan(self, precision: Precision, rows: int) -> RowsPlan:
        s, h, ffn, heads = rows // TILE, self.h, self.ffn, self.heads
        residual = [(h, precision.hidden)] * 2  # and the output, or for FF1 the hole that the layer's input has left
        # SDPA gives its output the format of its inputs.
        context = precision.context.dtype if self.attention == CHAIN else precision.qkv.dtype
        joined, widened = (h, context), (ffn, precision.ff1.dtype)
        # The attention's output takes the place that the heads had before they were joined, if that is as large.
        holes = [] if self.attention == CHAIN and context == precision.hidden else [joined, joined]
        norm = layer_norm_buffers(self.sentences * s, h // self.gx, self.gx)
        self.check("the layer norm", norm + sum(self.tensor(width, dtype, s) for width, dtype in [*residual, *holes]))
        chunk = largest_divisor(self.s, SDPA_CHUNK) * TILE
        gelu = ttnn.UnaryWithParam(*GELUS[precision.gelu])
        queries = ttnn.L1_MEMORY_CONFIG
        if self.attention == CHAIN:
            queries = ttnn.create_sharded_memory_config(
                (heads * rows, self.d * TILE),
                core_grid=ttnn.CoreGrid(x=self.cores[0], y=self.cores[1]),
                strategy=ttnn.ShardStrategy.HEIGHT,
                orientation=ttnn.ShardOrientation.ROW_MAJOR,
                use_height_and_width_as_shard_shape=True,
            )
        return RowsPlan(
            rows=rows,
            hidden=self.block(h, s, self.is_wide(s)),
            joined=self.block(h, s),
            intermediate=self.block(ffn, s, self.is_wide(s)),
            queries=queries,
            scores_matmul=per_head_matmul(self.cores, heads, s, self.d, self.s, precision.scores.fp32),
            softmax=ttnn.SoftmaxShardedMultiCoreProgramConfig(
                compute_with_storage_grid_size=self.cores,
                subblock_w=largest_divisor(self.s, 4 if precision.softmax.fp32 else 8),
                block_h=heads * s,
                block_w=self.s,
            ),
            context_matmul=per_head_matmul(self.cores, heads, s, self.s, self.d, precision.context.fp32),
            sdpa=ttnn.SDPAProgramConfig(
                compute_with_storage_grid_size=self.cores,
                q_chunk_size=min(chunk, rows),
                k_chunk_size=chunk,
                exp_approx_mode=False,
            ),
            output_matmul=self.linear(
                "the attention output", s, h, h, joined[1], precision.output, [*residual, joined, *holes]
            ),
            layer_norm=ttnn.LayerNormShardedMultiCoreProgramConfig(
                compute_with_storage_grid_size=self.wide if self.is_wide(s) else self.cores,
                subblock_w=largest_divisor(h // self.gx, 4),
                block_h=self.high(s),
                block_w=h // self.gx,
                inplace=True,
            ),
            ff1_matmul=self.linear(
                "FF1", s, h, ffn, precision.hidden, precision.ff1, [*residual, *holes, widened], gelu
            ),
            ff2_matmul=self.linear("FF2", s, ffn, h, widened[1], precision.ff2, [*residual, *holes, widened]),
        )


def _sentences_per_core_row(batch: int, rows: int, most: int, columns: int) -> int:
    """The fewest sentences per row of cores, at most `most`, that spread the batch evenly. ValueError if none does."""
    for sentences in range(1, most + 1):
        if batch >= 1 and batch % sentences == 0 and batch // sentences <= rows:
            return sentences
    raise ValueError(
        f"batch is {batch}; a step takes 1 to {rows} rows, one per row of the {columns}x{rows} core grid"
        + (f", or an even share of 2 to {most} in each" if most > 1 else "")
    )
