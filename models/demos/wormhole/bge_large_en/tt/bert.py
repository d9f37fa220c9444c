# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BertModel in TTNN; classes and attributes mirror the names of a Hugging Face BertModel checkpoint.

Shapes: B batch, S sequence length, H hidden size, nh heads, d head size, F intermediate size, R rows (tokens of a
sentence that are computed: S, and in the last layer as few as pooling wants). A layer is eleven programs:

    linear QKV (B, 1, S, 3H) -> create_qkv_heads (B, nh, S, d), K transposed -> matmul Q K^T (B, nh, R, S)
    -> scale_mask_softmax_in_place -> matmul with V (B, nh, R, d) -> nlp_concat_heads (B, 1, R, H)
    -> linear -> layer_norm with residual -> linear with GELU (B, 1, R, F) -> linear -> layer_norm with residual

and no activation leaves L1 between the embeddings and the pooling. See tt/plan.py for where and how.
"""

import math

import torch
import ttnn

from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA, RowsPlan, ShapePlan
from models.demos.wormhole.bge_large_en.tt.precision import MatmulPrecision, Precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights, multiplied_weight


def _to_device(tensor: torch.Tensor, device, dtype, layout=ttnn.TILE_LAYOUT):
    return ttnn.from_torch(tensor, dtype=dtype, layout=layout, device=device, memory_config=ttnn.DRAM_MEMORY_CONFIG)


class Linear:
    """y = x W^T + b with W (out, in) as in the checkpoint; on the device W^T is (1, 1, in, out), b (1, 1, 1, out)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, device, dtype, precision: MatmulPrecision):
        weight = multiplied_weight(weight, precision.fidelity)
        self.weight = _to_device(weight.T.contiguous()[None, None], device, dtype)
        self.bias = _to_device(bias[None, None, None], device, ttnn.bfloat16)
        self.dtype = precision.dtype

    @classmethod
    def take(cls, weights: Weights, out_size: int, in_size: int, device, dtype, precision: MatmulPrecision) -> "Linear":
        weight, bias = weights.take("weight", (out_size, in_size)), weights.take("bias", (out_size,))
        return cls(weight, bias, device, dtype, precision)

    def __call__(self, x, program_config, memory_config, kernel, dtype=None):
        return ttnn.linear(
            x,
            self.weight,
            bias=self.bias,
            program_config=program_config,
            memory_config=memory_config,
            dtype=dtype or self.dtype,
            compute_kernel_config=kernel,
        )


class LayerNorm:
    """LayerNorm(x + residual) over H into x's own L1, fp32 accumulation; the residual is freed.

    weight and bias are bf16 (1, 1, H/32, 32) row-major.
    """

    def __init__(self, weights: Weights, dims: BertDims, device):
        shape = (1, 1, dims.hidden_size // TILE, TILE)
        self.weight, self.bias = (
            _to_device(
                weights.take(name, (dims.hidden_size,)).reshape(shape), device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT
            )
            for name in ("weight", "bias")
        )
        self.epsilon = dims.layer_norm_eps

    def __call__(self, x, residual, plan: ShapePlan, rows: RowsPlan):
        out = ttnn.layer_norm(
            x,
            epsilon=self.epsilon,
            weight=self.weight,
            bias=self.bias,
            residual_input_tensor=residual,
            memory_config=rows.hidden,
            program_config=rows.layer_norm,
            compute_kernel_config=plan.exact_kernel,
        )
        ttnn.deallocate(residual)
        return out


class BertEmbeddings:
    """ids, positions (B, S) uint32 -> (B, 1, S, H) block sharded: two look-ups and a layer norm, three programs.

    The token type is part of the id: type t of token i is row t * vocab_size + i of the table, which holds the sum of
    word and type embedding. So a step needs no third look-up, and no third input.
    """

    def __init__(self, weights: Weights, dims: BertDims, device):
        size = dims.hidden_size
        words = weights.take("word_embeddings.weight", (dims.vocab_size, size))
        types = weights.take("token_type_embeddings.weight", (dims.type_vocab_size, size))
        positions = weights.take("position_embeddings.weight", (dims.max_position_embeddings, size))
        table = (types[:, None] + words[None]).reshape(-1, size)
        self.word_embeddings = _to_device(table, device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
        self.position_embeddings = _to_device(positions, device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, ids, positions, plan: ShapePlan):
        words = self._look_up(ids, self.word_embeddings, plan)
        return self.LayerNorm(words, self._look_up(positions, self.position_embeddings, plan), plan, plan.body)

    def _look_up(self, indices, table, plan: ShapePlan):
        rows = ttnn.embedding(indices, table, layout=ttnn.TILE_LAYOUT, memory_config=plan.body.hidden)
        return ttnn.reshape(rows, (plan.batch, 1, plan.sequence, rows.shape[-1]))


class BertSelfAttention:
    """(B, 1, S, H) -> (B, 1, R, H): QKV, split into heads, Q K^T, softmax with mask, times V, joined: six programs.

    1 / sqrt(d) is folded into the query's weight and bias. The fused QKV weight has its columns grouped per head
    (q | k | v), each d wide, as create_qkv_heads wants; for SDPA (all q | all k | all v), as nlp_create_qkv_heads does.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        self.heads, size = dims.num_attention_heads, dims.hidden_size
        parts = [weights.under(name) for name in ("query", "key", "value")]
        scales = (1 / math.sqrt(dims.head_size), 1, 1)
        weight = [part.take("weight", (size, size)) * scale for part, scale in zip(parts, scales)]
        bias = [part.take("bias", (size,)) * scale for part, scale in zip(parts, scales)]
        if attention == CHAIN:
            weight = [w.reshape(self.heads, -1, size) for w in weight]
            bias = [b.reshape(self.heads, -1) for b in bias]
        weight, bias = (torch.stack(part, dim=1 if attention == CHAIN else 0) for part in (weight, bias))
        self.qkv = Linear(
            weight.reshape(3 * size, size), bias.reshape(3 * size), device, precision.weights, precision.qkv
        )
        self.attend = self.chain if attention == CHAIN else self.sdpa

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan):
        qkv = self.qkv(x, plan.qkv_matmul, plan.qkv, plan.qkv_kernel, plan.precision.qkv.dtype)
        return self.attend(qkv, mask, plan, rows)

    def chain(self, qkv, mask, plan: ShapePlan, rows: RowsPlan):
        """Each core on its own heads of one row; mask row-major (B, 1, S/32, 32), or tiled (B, 1, S, S) if packed."""
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
            compute_kernel_config=plan.exact_kernel,
        )
        precision = plan.precision.context
        context = self._matmul(probabilities, v, rows.context_matmul, precision.dtype, plan.context_kernel)
        joined = ttnn.experimental.nlp_concat_heads(context, memory_config=rows.hidden)
        ttnn.deallocate(context)
        return joined

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


def first_rows(x, plan: ShapePlan, rows: RowsPlan, memory_config, keep: bool = False):
    """(B, *, S, *) -> (B, *, R, *): x itself if R is S; otherwise x is freed unless `keep`."""
    if rows.rows == plan.sequence:
        return x
    batch, heads, _, width = x.shape
    first = ttnn.slice(x, [0, 0, 0, 0], [batch, heads, rows.rows, width], memory_config=memory_config)
    if not keep:
        ttnn.deallocate(x)
    return first


class BertSelfOutput:
    """(B, 1, R, H) and the layer's input as residual -> (B, 1, R, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        size, dense = dims.hidden_size, weights.under("dense")
        self.dense = Linear.take(dense, size, size, device, precision.weights, precision.output)
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

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan):
        context = self.self(x, mask, plan, rows)
        return self.output(context, first_rows(x, plan, rows, rows.hidden), plan, rows)


class BertIntermediate:
    """(B, 1, R, H) -> (B, 1, R, F), GELU fused into the matmul: one program."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes, dense = (dims.intermediate_size, dims.hidden_size), weights.under("dense")
        self.dense = Linear.take(dense, *sizes, device, precision.weights, precision.ff1)

    def __call__(self, x, plan: ShapePlan, rows: RowsPlan):
        return self.dense(x, rows.ff1_matmul, rows.intermediate, plan.ff1_kernel)


class BertOutput:
    """(B, 1, R, F) and the attention's output as residual -> (B, 1, R, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes, dense = (dims.hidden_size, dims.intermediate_size), weights.under("dense")
        self.dense = Linear.take(dense, *sizes, device, precision.weights, precision.ff2)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, x, residual, plan: ShapePlan, rows: RowsPlan):
        out = self.dense(x, rows.ff2_matmul, rows.hidden, plan.ff2_kernel)
        ttnn.deallocate(x)
        return self.LayerNorm(out, residual, plan, rows)


class BertLayer:
    """(B, 1, S, H) -> (B, 1, R, H); the input is freed."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        self.attention = BertAttention(weights.under("attention"), dims, device, precision, attention)
        self.intermediate = BertIntermediate(weights.under("intermediate"), dims, device, precision)
        self.output = BertOutput(weights.under("output"), dims, device, precision)

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan):
        x = self.attention(x, mask, plan, rows)
        return self.output(self.intermediate(x, plan, rows), x, plan, rows)


class BertEncoder:
    """num_hidden_layers layers; the last one computes plan.last.rows of each sentence."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        layers, sizes = weights.under("layer"), (dims, device, precision, attention)
        self.layer = [BertLayer(layers.under(str(i)), *sizes) for i in range(dims.num_hidden_layers)]

    def __call__(self, x, mask, plan: ShapePlan):
        *body, last = self.layer
        for layer in body:
            x = layer(x, mask, plan, plan.body)
        return last(x, mask, plan, plan.last)


class BertModel:
    """ids, positions (B, S) uint32 row-major and mask (B, 1, S/32, 32) bf16 row-major -> (B, 1, R, H) block sharded.

    mask is additive: 0 for a token, a large negative number for padding. attention: that of all plans it is called
    with. KeyError or ValueError, naming the weight, when the checkpoint does not fit the dims.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str = CHAIN):
        self.embeddings = BertEmbeddings(weights.under("embeddings"), dims, device)
        self.encoder = BertEncoder(weights.under("encoder"), dims, device, precision, attention)
        self.attention = attention
        weights.finish()

    def __call__(self, ids, positions, mask, plan: ShapePlan):
        assert plan.attention == self.attention, "the QKV weight is laid out for one kind of attention"
        if plan.attention == SDPA:
            mask = square_mask(mask, plan)
        hidden = self.encoder(self.embeddings(ids, positions, plan), mask, plan)
        if plan.attention == SDPA:
            ttnn.deallocate(mask)
        return hidden


def square_mask(mask, plan: ShapePlan):
    """Row-major (B, 1, S/32, 32) -> tiled (B, 1, S, S) bf16 in DRAM, equal rows: three programs a forward."""
    row = ttnn.to_layout(ttnn.reshape(mask, (plan.batch, 1, 1, plan.sequence)), ttnn.TILE_LAYOUT)
    square = ttnn.repeat(row, (1, 1, plan.sequence, 1))
    ttnn.deallocate(row)
    return square
