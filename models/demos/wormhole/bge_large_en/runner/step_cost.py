# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An estimate of a step's device time, for choosing between plans. No measurement, and nothing but ratios is used.

The work of each program of a shape's plan (kernel_work.py) at PRICES that were fitted to published Wormhole times of
other encoders and ops.
"""

from models.demos.wormhole.bge_large_en.runner import kernel_work as kernels
from models.demos.wormhole.bge_large_en.runner.kernel_work import Work, add, name_of, times
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.precision import MatmulPrecision
from models.demos.wormhole.bge_large_en.tt.shape_plan import CHAIN, RowsPlan, ShapePlan

# Microseconds per unit of kernel_work.UNITS.
PRICES = {
    "lofi": 1.00,
    "hifi2": 1.04,
    "wide": 1.25,
    "hifi4": 1.08,
    "partials": 1.33,
    "math": 1.00,
    "softmax": 2.47,
    "norm": 2.07,
    "heads": 2.81,
    "moved": 3.00,
    "eltwise": 1.06,
    "programs": 2.46,
    "gaps": 1.36,
    "multicasts": 0.35,
    "weights": 16.98,
    "packs": 37.09,
    "fp32": 2.68,
    "rows": 2.75,
    "exchanges": 4.31,
    "interleaved": 282.0,
}
AROUND = 6  # programs besides the layers and the embeddings: inputs into place, pooling, the result out


def step_microseconds(dims: BertDims, plan: ShapePlan) -> float:
    """Estimated device time of one step of `plan`, in microseconds."""
    return sum(PRICES[unit] * amount for unit, amount in step_work(dims, plan).items())


def step_work(dims: BertDims, plan: ShapePlan) -> Work:
    """The work of all programs of a step."""
    body = times(_layer(dims, plan, plan.body), dims.num_hidden_layers - 1)
    return add(_embeddings(dims, plan), body, _layer(dims, plan, plan.last), times(kernels.program(), AROUND))


def _embeddings(dims: BertDims, plan: ShapePlan) -> Work:
    return add(times(kernels.interleaved(_tiles(plan.body)), 2), _norm(plan, plan.body, "bfloat16"))


def _layer(dims: BertDims, plan: ShapePlan, rows: RowsPlan) -> Work:
    precision, h = plan.precision, dims.hidden_size // TILE
    hidden, context = name_of(precision.hidden), name_of(precision.context.dtype)
    picked = plan.packed and rows.rows < plan.sequence
    attended = plan.body if picked else rows
    in0 = context if plan.attention == CHAIN else name_of(precision.qkv.dtype)
    norm = _norm(plan, rows, hidden)
    ffn = dims.intermediate_size // TILE
    return add(
        _linear(plan.qkv_matmul, precision.qkv, h, hidden),
        (_chain if plan.attention == CHAIN else _sdpa)(dims, plan, attended),
        *([kernels.interleaved(n) for n in (_tiles(plan.body), _tiles(rows))] * 2 if picked else []),
        _linear(rows.output_matmul, precision.output, h, in0),
        norm,
        _linear(rows.ff1_matmul, precision.ff1, h, hidden),
        _linear(rows.ff2_matmul, precision.ff2, ffn, name_of(precision.ff1.dtype)),
        norm,
    )


def _matmul(config, precision: MatmulPrecision, k: int, in0: str, in1: str, **more) -> Work:
    return kernels.matmul(
        config.per_core_M,
        config.per_core_N,
        k,
        name_of(precision.fidelity),
        k_block=config.in0_block_w,
        subblock=(config.out_subblock_h, config.out_subblock_w),
        in0=in0,
        in1=in1,
        fp32=precision.fp32,
        **more,
    )


def _linear(config, precision: MatmulPrecision, k: int, in0: str) -> Work:
    gelu, parts = kernels.gelu_of(config.fused_activation), config.per_core_M / config.out_block_h
    return _matmul(config, precision, k, in0, name_of(precision.weights), bias=True, gelu=gelu, parts=parts)


def _norm(plan: ShapePlan, rows: RowsPlan, dtype: str) -> Work:
    return kernels.norm(_tiles(rows), dtype=dtype)


def _tiles(rows: RowsPlan) -> int:
    """Of hidden states, on a core."""
    return rows.layer_norm.block_h * rows.layer_norm.block_w


def _chain(dims: BertDims, plan: ShapePlan, rows: RowsPlan) -> Work:
    precision, s, d = plan.precision, plan.sequence // TILE, dims.head_size // TILE
    heads = rows.scores_matmul.per_core_M // (rows.rows // TILE)
    own = heads * rows.rows // TILE * d  # tiles of (R, d) of its heads that a core holds
    qkv, context = name_of(precision.qkv.dtype), name_of(precision.context.dtype)
    hidden = _tiles(plan.body)
    spread = []
    if plan.attended is not None:
        back = (
            kernels.moved(hidden, context)
            if rows.rows == plan.sequence
            else kernels.moved(heads * s * d, name_of(precision.hidden))
        )
        spread = [kernels.moved(3 * heads * s * d, qkv), back]
    cut = [kernels.moved(own, qkv), kernels.moved(own, name_of(precision.hidden))] if rows.rows < plan.sequence else []
    scores = name_of(precision.scores.dtype)
    return add(
        *spread,
        kernels.heads(3 * heads * s * d, qkv),
        *cut,
        _matmul(rows.scores_matmul, precision.scores, d, qkv, qkv, multicast=False),
        kernels.softmax(
            rows.softmax.block_h, s, dtype=scores, **kernels.softmax_of(plan.softmax_kernel), stable=True, masked=True
        ),
        _matmul(rows.context_matmul, precision.context, s, scores, qkv, multicast=False),
        kernels.heads(own, context),
    )


def _sdpa(dims: BertDims, plan: ShapePlan, rows: RowsPlan) -> Work:
    precision, s, d = plan.precision, plan.sequence // TILE, dims.head_size // TILE
    cores = rows.sdpa.compute_with_storage_grid_size
    heads = plan.batch * dims.num_attention_heads / (cores.x * cores.y)
    kind, qkv = precision.context, name_of(precision.qkv.dtype)
    own = heads * rows.rows // TILE * d
    cut = [kernels.interleaved(own)] * 3 if rows.rows < plan.sequence else []
    attention = kernels.attention(heads * rows.rows / TILE, s, d, name_of(kind.fidelity), kind.fp32, qkv)
    mask = kernels.eltwise(plan.batch * rows.rows / TILE * s / (cores.x * cores.y), "bfloat16", operands=1)
    return add(kernels.interleaved(3 * heads * s * d), *cut, mask, attention, kernels.interleaved(own))
