# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Attention of a layer, (B, 1, S, H) -> (B, 1, R, H), with its output layer and norm: eight programs.

    linear QKV (B, 1, S, 3H) -> create_qkv_heads (B, nh, S, d), K transposed -> matmul Q K^T (B, nh, R, S)
    -> scale_mask_softmax_in_place -> matmul with V (B, nh, R, d) -> nlp_concat_heads (B, 1, R, H)
    -> linear (B, 1, R, H) -> layer_norm with the layer's input as residual

That is CHAIN; ten where the plan is spread, with a reshard before the heads are split and after they are joined. SDPA has nlp_create_qkv_heads, and ttnn's fused attention in place of the middle three. In the last layer
Q and the residual are cut to R rows first. See tt/plan.py for which of the two, and for where and how.
"""

import math

import torch

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.linear import LayerNorm, Linear
from models.demos.wormhole.bge_large_en.tt.precision import Precision
from models.demos.wormhole.bge_large_en.tt.shape_plan import CHAIN, RowsPlan, ShapePlan
from models.demos.wormhole.bge_large_en.tt.weights import Weights


class BertSelfAttention:
    """(B, 1, S, H) -> (B, 1, R, H): QKV, split into heads, Q K^T, softmax with mask, times V, joined: six programs.

    1 / sqrt(d) is folded into the query's weight and bias. The fused QKV weight has its columns grouped per head
    (q | k | v), each d wide, as create_qkv_heads wants; for SDPA (all q | all k | all v), as nlp_create_qkv_heads does.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        self.heads, size = dims.num_attention_heads, dims.hidden_size
        parts = [weights.under(name) for name in ("query", "key", "value")]
        scales = (1 / math.sqrt(dims.head_size), 1, 1)
        weights_qkv = [part.take("weight", (size, size)) * scale for part, scale in zip(parts, scales)]
        biases = [part.take("bias", (size,)) * scale for part, scale in zip(parts, scales)]
        per_head, dim = (self.heads, 1) if attention == CHAIN else (1, 0)
        weight = torch.stack([w.reshape(per_head, -1, size) for w in weights_qkv], dim=dim)
        bias = torch.stack([b.reshape(per_head, -1) for b in biases], dim=dim)
        self.qkv = Linear(weight.reshape(3 * size, size), bias.reshape(3 * size), device, precision.qkv)

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan):
        qkv = self.qkv(x, plan.qkv_matmul, plan.qkv, plan.qkv_kernel, plan.precision.qkv.dtype)
        attend = self.chain if plan.attention == CHAIN else self.sdpa
        return attend(qkv, mask, plan, rows)

    def chain(self, qkv, mask, plan: ShapePlan, rows: RowsPlan):
        """Each core on its own heads of one row; mask row-major (B, 1, S/32, 32), or tiled (B, 1, S, S) if packed."""
        qkv = moved(qkv, plan.attended)
        q, k, v = ttnn.experimental.create_qkv_heads(
            qkv,
            num_heads=self.heads,
            num_kv_heads=self.heads,
            transpose_k_heads=True,
            memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
        )
        ttnn.deallocate(qkv)
        q = first_rows(q, plan, rows, rows.queries)
        scores = self._matmul(q, k, rows.scores_matmul, plan.precision.scores.dtype, plan.scores_kernel)
        probabilities = ttnn.scale_mask_softmax_in_place(
            scores,
            None,
            mask,
            program_config=rows.softmax,
            is_causal_mask=plan.packed,  # ttnn's name for a mask with a row for every query
            compute_kernel_config=plan.softmax_kernel,
            numeric_stable=True,  # real scores reach 83 and more, and exp(89) is Inf
        )
        precision = plan.precision.context
        context = self._matmul(probabilities, v, rows.context_matmul, precision.dtype, plan.context_kernel)
        joined = ttnn.experimental.nlp_concat_heads(context, memory_config=rows.joined)
        ttnn.deallocate(context)
        return moved(joined, None if rows.hidden == rows.joined else rows.hidden)

    @staticmethod
    def _matmul(a, b, program_config, dtype, kernel):
        out = ttnn.matmul(
            a,
            b,
            program_config=program_config,
            memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
            dtype=dtype,
            compute_kernel_config=kernel,
        )
        ttnn.deallocate(a)
        ttnn.deallocate(b)
        return out

    def sdpa(self, qkv, mask, plan: ShapePlan, rows: RowsPlan):
        """ttnn's fused attention, tensors interleaved in L1; mask tiled (B, 1, S, S), of which R rows are taken."""
        q, k, v = ttnn.experimental.nlp_create_qkv_heads(
            qkv,
            num_heads=self.heads,
            num_kv_heads=self.heads,
            transpose_k_heads=False,
            memory_config=ttnn.L1_MEMORY_CONFIG,
        )
        ttnn.deallocate(qkv)
        q = first_rows(q, plan, rows, rows.queries)
        mask_rows = first_rows(mask, plan, rows, ttnn.DRAM_MEMORY_CONFIG, keep=True)
        context = ttnn.transformer.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask_rows,
            is_causal=False,
            scale=1.0,
            memory_config=ttnn.L1_MEMORY_CONFIG,
            program_config=rows.sdpa,
            compute_kernel_config=plan.context_kernel,
        )
        for tensor in (q, k, v):
            ttnn.deallocate(tensor)
        joined = ttnn.experimental.nlp_concat_heads(context, memory_config=ttnn.L1_MEMORY_CONFIG)
        ttnn.deallocate(context)
        return joined


class BertSelfOutput:
    """(B, 1, R, H) and the layer's input as residual -> (B, 1, R, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        size, dense = dims.hidden_size, weights.under("dense")
        self.dense = Linear.take(dense, size, size, device, precision.output)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, context, residual, plan: ShapePlan, rows: RowsPlan):
        out = self.dense(context, rows.output_matmul, rows.hidden, plan.output_kernel)
        ttnn.deallocate(context)
        return self.LayerNorm(out, residual, plan, rows)


class BertAttention:
    """Self-attention and its output; (B, 1, S, H) -> (B, 1, R, H); the input is freed."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        self.self = BertSelfAttention(weights.under("self"), dims, device, precision, attention)
        self.output = BertSelfOutput(weights.under("output"), dims, device, precision)

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan, pick):
        if plan.packed and rows.rows < plan.sequence:  # texts begin anywhere, so attention is of all rows
            context = self.self(x, mask, plan, plan.body)
            context, x = (picked_rows(rows_of, pick, plan, rows.hidden) for rows_of in (context, x))
        else:
            context = self.self(x, mask, plan, rows)
            x = first_rows(x, plan, rows, rows.hidden)
        return self.output(context, x, plan, rows)


def first_rows(x, plan: ShapePlan, rows: RowsPlan, memory_config, keep: bool = False):
    """(B, *, S, *) -> (B, *, R, *): x itself if R is S; otherwise x is freed unless `keep`."""
    if rows.rows == plan.sequence:
        return x
    if not keep and plan.attended is not None and x.memory_config() == plan.body.hidden:
        x = moved(x, plan.body.joined)  # a slice wants whole sentences in a row of cores
    batch, heads, _, width = x.shape
    first = ttnn.slice(x, [0, 0, 0, 0], [batch, heads, rows.rows, width], memory_config=memory_config)
    if not keep:
        ttnn.deallocate(x)
    return first


def picked_rows(x, pick, plan: ShapePlan, memory_config):
    """Rows `pick` (B, R) uint32 among the B S ones of (B, 1, S, H) -> (B, 1, R, H) bf16; x is freed."""
    rows = ttnn.untilize(x, memory_config=ttnn.DRAM_MEMORY_CONFIG)
    ttnn.deallocate(x)
    table = ttnn.reshape(rows, (plan.batch * plan.sequence, rows.shape[-1]))
    picked = ttnn.embedding(pick, table, layout=ttnn.TILE_LAYOUT, memory_config=memory_config)
    ttnn.deallocate(rows)
    return ttnn.reshape(picked, (plan.batch, 1, pick.shape[-1], rows.shape[-1]))


def moved(x, memory_config):
    """x in another sharding, the old one freed; x itself without one."""
    if memory_config is None:
        return x
    out = ttnn.reshard(x, memory_config)
    ttnn.deallocate(x)
    return out


def square_mask(mask, plan: ShapePlan):
    """Row-major (B, 1, S/32, 32) -> tiled (B, 1, S, S) bf16 in DRAM, equal rows: three programs a forward."""
    row = ttnn.to_layout(ttnn.reshape(mask, (plan.batch, 1, 1, plan.sequence)), ttnn.TILE_LAYOUT)
    square = ttnn.repeat(row, (1, 1, plan.sequence, 1))
    ttnn.deallocate(row)
    return square
