# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BertModel in TTNN; classes and attributes mirror the names of a Hugging Face BertModel checkpoint.

Shapes: B batch, S sequence length, H hidden size, nh heads, d head size, F intermediate size, R rows (tokens of a
sentence that are computed: S, and in the last layer as few as pooling wants). A layer is eleven programs:

    linear QKV (B, 1, S, 3H) -> create_qkv_heads (B, nh, S, d), K transposed -> matmul Q K^T (B, nh, R, S)
    -> scale_mask_softmax_in_place -> matmul with V (B, nh, R, d) -> nlp_concat_heads (B, 1, R, H)
    -> linear -> layer_norm with residual -> linear with GELU (B, 1, R, F) -> linear -> layer_norm with residual

the first eight of them in tt/attention.py, and no activation leaves L1 between the embeddings and the pooling. See
tt/plan.py for where and how.
"""

import ttnn
from models.demos.wormhole.bge_large_en.tt.attention import BertAttention, square_mask
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.linear import LayerNorm, Linear, to_device
from models.demos.wormhole.bge_large_en.tt.precision import Precision
from models.demos.wormhole.bge_large_en.tt.shape_plan import CHAIN, SDPA, RowsPlan, ShapePlan
from models.demos.wormhole.bge_large_en.tt.weights import Weights


class BertEmbeddings:
    """ids, positions (B, S) uint32 -> (B, 1, S, H) block sharded: two look-ups and a layer norm, three programs.

    The table of words holds the sum with type 0. A token's type t is part of its position p, row t * positions + p of a
    table with what type t is more than 0. So a step needs no third look-up, and no third input.
    """

    def __init__(self, weights: Weights, dims: BertDims, device):
        size = dims.hidden_size
        words = weights.take("word_embeddings.weight", (dims.vocab_size, size))
        types = weights.take("token_type_embeddings.weight", (dims.type_vocab_size, size))
        first = dims.first_position
        positions = weights.take("position_embeddings.weight", (first + dims.max_position_embeddings, size))[first:]
        table = ((types - types[0])[:, None] + positions).reshape(-1, size)
        self.word_embeddings = to_device(words + types[0], device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
        self.position_embeddings = to_device(table, device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT)
        self.LayerNorm = LayerNorm(weights.under("LayerNorm"), dims, device)

    def __call__(self, ids, positions, plan: ShapePlan):
        words = self._look_up(ids, self.word_embeddings, plan)
        return self.LayerNorm(words, self._look_up(positions, self.position_embeddings, plan), plan, plan.body)

    def _look_up(self, indices, table, plan: ShapePlan):
        rows = ttnn.embedding(indices, table, layout=ttnn.TILE_LAYOUT, memory_config=plan.body.hidden)
        return ttnn.reshape(rows, (plan.batch, 1, plan.sequence, rows.shape[-1]))


class BertIntermediate:
    """(B, 1, R, H) -> (B, 1, R, F), GELU fused into the matmul: one program."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes, dense = (dims.intermediate_size, dims.hidden_size), weights.under("dense")
        self.dense = Linear.take(dense, *sizes, device, precision.ff1)

    def __call__(self, x, plan: ShapePlan, rows: RowsPlan):
        return self.dense(x, rows.ff1_matmul, rows.intermediate, plan.ff1_kernel)


class BertOutput:
    """(B, 1, R, F) and the attention's output as residual -> (B, 1, R, H): two programs."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision):
        sizes, dense = (dims.hidden_size, dims.intermediate_size), weights.under("dense")
        self.dense = Linear.take(dense, *sizes, device, precision.ff2)
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

    def __call__(self, x, mask, plan: ShapePlan, rows: RowsPlan, pick=None):
        x = self.attention(x, mask, plan, rows, pick)
        return self.output(self.intermediate(x, plan, rows), x, plan, rows)


class BertEncoder:
    """(B, 1, S, H) -> (B, 1, R, H) through num_hidden_layers layers; R, of the last one alone, is plan.last.rows."""

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str):
        layers, sizes = weights.under("layer"), (dims, device, precision, attention)
        self.layer = [BertLayer(layers.under(str(i)), *sizes) for i in range(dims.num_hidden_layers)]

    def __call__(self, x, mask, plan: ShapePlan, pick):
        *body, last = self.layer
        for layer in body:
            x = layer(x, mask, plan, plan.body)
        return last(x, mask, plan, plan.last, pick)


class BertModel:
    """ids, positions (B, S) uint32 row-major and mask (B, 1, S/32, 32) bf16 row-major -> (B, 1, R, H) block sharded.

    mask is additive: 0 for a token, a large negative number for padding. pick: for a packed plan whose last layer has
    fewer rows, which of the B S ones, (B, R) uint32. attention: that of all plans it is called with. KeyError or
    ValueError, naming the weight, when the checkpoint does not fit the dims.
    """

    def __init__(self, weights: Weights, dims: BertDims, device, precision: Precision, attention: str = CHAIN):
        self.embeddings = BertEmbeddings(weights.under("embeddings"), dims, device)
        self.encoder = BertEncoder(weights.under("encoder"), dims, device, precision, attention)
        self.attention = attention
        weights.finish()

    def __call__(self, ids, positions, mask, plan: ShapePlan, pick=None):
        assert plan.attention == self.attention, "the QKV weight is laid out for one kind of attention"
        if plan.attention == SDPA:
            mask = square_mask(mask, plan)
        hidden = self.encoder(self.embeddings(ids, positions, plan), mask, plan, pick)
        if plan.attention == SDPA:
            ttnn.deallocate(mask)
        return hidden
