# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BertModel in TTNN; classes and attributes mirror the names of a Hugging Face BertModel checkpoint.

Shapes: B batch, S sequence length, H hidden size, nh heads, d head size, F intermediate size. Every activation is
bfloat16 or bfloat8_b in L1, (B, 1, S, H) block sharded or (B, nh, S, d) height sharded, and never leaves L1 between
the embeddings and the pooling. Eleven programs a layer; see ShapePlan for where and how.
"""

import math

import torch
import ttnn

from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import Precision, ShapePlan
from models.demos.wormhole.bge_large_en.tt.weights import Weights


def _to_device(tensor: torch.Tensor, device, dtype, layout=ttnn.TILE_LAYOUT):
    return ttnn.from_torch(tensor, dtype=dtype, layout=layout, device=device, memory_config=ttnn.DRAM_MEMORY_CONFIG)


class Linear:
    """y = x W^T + b with W (out, in) as in the checkpoint; on the device W^T is (1, 1, in, out), b (1, 1, 1, out)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, device, dtype):
        self.weight = _to_device(weight.T.contiguous()[None, None], device, dtype)
        self.bias = _to_device(bias[None, None, None], device, ttnn.bfloat16)

    @classmethod
    def take(cls, weights: Weights, out_size: int, in_size: int, device, dtype) -> "Linear":
        return cls(weights.take("weight", (out_size, in_size)), weights.take("bias", (out_size,)), device, dtype)

    def __call__(self, x, program_config, memory_config, dtype, plan: ShapePlan):
        return ttnn.linear(
            x,
            self.weight,
            bias=self.bias,
            program_config=program_config,
            memory_config=memory_config,
            dtype=dtype,
            compute_kernel_config=plan.matmul_kernel,
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

    def __call__(self, x, residual, plan: ShapePlan):
        out = ttnn.layer_norm(
            x,
            epsilon=self.epsilon,
            weight=self.weight,
            bias=self.bias,
            residual_input_tensor=residual,
            memory_config=plan.hidden,
            program_config=plan.layer_norm,
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
        return self.LayerNorm(words, self._look_up(positions, self.position_embeddings, plan), plan)

    def _look_up(self, indices, table, plan: ShapePlan):
        rows = ttnn.embedding(indices, table, layout=ttnn.TILE_LAYOUT, memory_config=plan.hidden)
        return ttnn.reshape(rows, (plan.batch, 1, plan.sequence, rows.shape[-1]))


class BertSelfAttention:
    """(B, 1, S, H) -> (B, 1, S, H): QKV, split into heads, Q K^T, softmax with mask, times V, joined: six programs.

    The fused QKV weight has its columns grouped per head (q | k | v), each d wide, as create_qkv_heads wants.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        self.heads, size = dims.num_attention_heads, dims.hidden_size
        parts = [weights.under(name) for name in ("query", "key", "value")]
        weight = torch.stack([part.take("weight", (size, size)).reshape(self.heads, -1, size) for part in parts], dim=1)
        bias = torch.stack([part.take("bias", (size,)).reshape(self.heads, -1) for part in parts], dim=1)
        self.qkv = Linear(weight.reshape(3 * size, size), bias.reshape(3 * size), device, precision.weights)
        self.scale = 1 / math.sqrt(dims.head_size)

    def __call__(self, x, mask, plan: ShapePlan):
        qkv = self.qkv(x, plan.qkv_matmul, plan.qkv, plan.precision.qkv, plan)
        q, k, v = ttnn.experimental.create_qkv_heads(
            qkv,
            num_heads=self.heads,
            num_kv_heads=self.heads,
            transpose_k_heads=True,
            memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG,
        )
        ttnn.deallocate(qkv)
        scores = self._matmul(q, k, plan.scores_matmul, plan.precision.scores, plan.scores_kernel)  # (B, nh, S, S)
        probabilities = ttnn.scale_mask_softmax_in_place(
            scores, self.scale, mask, program_config=plan.softmax, compute_kernel_config=plan.exact_kernel
        )
        context = self._matmul(probabilities, v, plan.context_matmul, plan.precision.activations, plan.matmul_kernel)
        joined = ttnn.experimental.nlp_concat_heads(context, memory_config=plan.hidden)
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


class BertSelfOutput:
    """(B, 1, S, H) and the layer's input as residual -> (B, 1, S, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        size = dims.hidden_size
        self.dense = Linear.take(weights.under("dense"), size, size, device, precision.weights)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, context, residual, plan: ShapePlan):
        out = self.dense(context, plan.output_matmul, plan.hidden, plan.precision.activations, plan)
        ttnn.deallocate(context)
        return self.LayerNorm(out, residual, plan)


class BertAttention:
    """Self-attention and its output; (B, 1, S, H) -> (B, 1, S, H)."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        self.self = BertSelfAttention(weights.under("self"), dims, device, precision)
        self.output = BertSelfOutput(weights.under("output"), dims, device, precision)

    def __call__(self, x, mask, plan: ShapePlan):
        return self.output(self.self(x, mask, plan), x, plan)


class BertIntermediate:
    """(B, 1, S, H) -> (B, 1, S, F), GELU fused into the matmul: one program."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes = (dims.intermediate_size, dims.hidden_size)
        self.dense = Linear.take(weights.under("dense"), *sizes, device, precision.weights)

    def __call__(self, x, plan: ShapePlan):
        return self.dense(x, plan.ff1_matmul, plan.intermediate, plan.precision.intermediate, plan)


class BertOutput:
    """(B, 1, S, F) and the attention's output as residual -> (B, 1, S, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes = (dims.hidden_size, dims.intermediate_size)
        self.dense = Linear.take(weights.under("dense"), *sizes, device, precision.weights)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, x, residual, plan: ShapePlan):
        out = self.dense(x, plan.ff2_matmul, plan.hidden, plan.precision.activations, plan)
        ttnn.deallocate(x)
        return self.LayerNorm(out, residual, plan)


class BertLayer:
    """(B, 1, S, H) -> (B, 1, S, H); the input is freed."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        self.attention = BertAttention(weights.under("attention"), dims, device, precision)
        self.intermediate = BertIntermediate(weights.under("intermediate"), dims, device, precision)
        self.output = BertOutput(weights.under("output"), dims, device, precision)

    def __call__(self, x, mask, plan: ShapePlan):
        x = self.attention(x, mask, plan)
        return self.output(self.intermediate(x, plan), x, plan)


class BertEncoder:
    """num_hidden_layers layers."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        layers = weights.under("layer")
        self.layer = [BertLayer(layers.under(str(i)), dims, device, precision) for i in range(dims.num_hidden_layers)]

    def __call__(self, x, mask, plan: ShapePlan):
        for layer in self.layer:
            x = layer(x, mask, plan)
        return x


class BertModel:
    """ids, positions (B, S) uint32 row-major and mask (B, 1, S/32, 32) bf16 row-major -> (B, 1, S, H) block sharded.

    mask is additive: 0 for a token, a large negative number for padding. KeyError or ValueError, naming the weight,
    when the checkpoint does not fit the dims.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        self.embeddings = BertEmbeddings(weights.under("embeddings"), dims, device)
        self.encoder = BertEncoder(weights.under("encoder"), dims, device, precision)
        weights.finish()

    def __call__(self, ids, positions, mask, plan: ShapePlan):
        return self.encoder(self.embeddings(ids, positions, plan), mask, plan)
