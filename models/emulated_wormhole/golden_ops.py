# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Golden functions for ops that have none in ttnn, or one that can't be used, and for moves that change no value.

Each takes the op's own arguments with every ttnn tensor replaced by its fp32 (or integer) torch value, and returns the
output values before rounding. Functions marked `needs_tensors` also get `tensors=`, the forms of those ttnn tensors in
order, because the op's result depends on their layouts or sharding. A value may be computed long after the op's call,
so what the arguments' kinds and shapes show to be wrong is for a check: it gets what the function gets, with torch
tensors that have a shape and no values, and is called with the op.

Matmuls run one leading row (batch) at a time: on hardware the order of a reduction is set by the program config, not by
the batch, and a CPU library that blocks over the whole batch would not keep that. Matmuls of two batched operands, as
Q K^T and P V are, also add up K tile by tile in order, so that tiles of zeros change no bit wherever they lie, as on
hardware where all of K is one block. A second operand of one single matrix is taken for the weights of a linear layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

import ttnn
from models.emulated_wormhole.errors import EmulationError
from models.emulated_wormhole.tensor_trees import on_device

TILE = 32
GOLDENS: dict[str, Callable] = {}
NEEDS_TENSORS: set[str] = set()
MOVES: set[Callable] = set()  # those whose results are elements of the inputs, at other places
OWNERS: set[Callable] = set()  # those that return new memory, which nobody else has
CHECKS: dict[Callable, Callable] = {}


@dataclass(frozen=True)
class Form:
    """What a ttnn tensor is but for its value."""

    shape: tuple[int, ...]
    dtype: ttnn.DataType
    layout: ttnn.Layout
    memory_config: ttnn.MemoryConfig

    @classmethod
    def of(cls, tensor: ttnn.Tensor) -> "Form":
        memory_config = tensor.memory_config() if on_device(tensor) else ttnn.DRAM_MEMORY_CONFIG
        return cls(tuple(tensor.shape), tensor.dtype, tensor.layout, memory_config)


def golden(*names: str, needs_tensors: bool = False, check: Callable | None = None):
    """Register the decorated function as golden of the ops called `names` (fully qualified: "ttnn.linear")."""

    def register(function: Callable) -> Callable:
        if check is not None:
            CHECKS[function] = check
        for name in names:
            GOLDENS[name] = function
            (NEEDS_TENSORS.add if needs_tensors else NEEDS_TENSORS.discard)(name)
        return function

    return register


def marked(group: set[Callable]):
    """Put the decorated function into MOVES or OWNERS."""

    def mark(function: Callable) -> Callable:
        group.add(function)
        return function

    return mark


@marked(MOVES)
def move(x):
    """Golden of ops that change no value: they get their first tensor only, not a destination that follows it."""
    return x


for _name in (
    "assign clone experimental.typecast interleaved_to_sharded move reallocate reshard sharded_to_interleaved tilize "
    "tilize_with_zero_padding to_device to_dtype to_layout to_memory_config typecast untilize copy"
).split():
    GOLDENS[f"ttnn.{_name}"] = move


@golden("ttnn.reshape", "ttnn.experimental.view", "ttnn.view")
@marked(MOVES)
def _reshape(x, shape, *_, **__):
    return x.reshape(tuple(shape))


@golden("ttnn.embedding")
@marked(OWNERS)
def _embedding(ids, table, *_, **__):
    # ttnn's own would get a copy of the table.
    return torch.nn.functional.embedding(ids.to(torch.int64), table)


_ACTIVATIONS: dict[object, Callable] = {
    ttnn.UnaryOpType.GELU: torch.nn.functional.gelu,
    ttnn.UnaryOpType.GELU_TANH: partial(torch.nn.functional.gelu, approximate="tanh"),
    ttnn.UnaryOpType.RELU: torch.relu,
    ttnn.UnaryOpType.SILU: torch.nn.functional.silu,
    ttnn.UnaryOpType.SIGMOID: torch.sigmoid,
    ttnn.UnaryOpType.TANH: torch.tanh,
}


def activation_function(fused, name: str | None) -> Callable | None:
    """The exact function of a fused UnaryWithParam or of an activation's name; None without either."""
    if fused is None and name is None:
        return None
    kind = fused.op_type if fused is not None else getattr(ttnn.UnaryOpType, str(name).upper(), None)
    if kind not in _ACTIVATIONS:
        raise NotImplementedError(f"no golden for the fused activation {fused or name}")
    return _ACTIVATIONS[kind]


def _rows(a: torch.Tensor, b: torch.Tensor, b_has_batch: bool, finish=lambda part: None) -> torch.Tensor:
    """a @ b, one leading row of a at a time; a: (..., M, K); b: (..., K, N), leading dims equal or 1 or missing.

    b_has_batch: a b with one leading row is a batch of one and no weights, so it is summed as in any other batch.
    finish: called with each part of the result, to change it while it is in a CPU's cache.
    """
    lead = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = torch.empty(*lead, a.shape[-2], b.shape[-1])
    if b.shape[:-2].numel() == 1 and not b_has_batch:
        b, rows = b.reshape(b.shape[-2:]), lead[0] if lead else 1
        for row, total in zip(a.reshape(rows, -1, a.shape[-1]), out.view(rows, -1, b.shape[-1]), strict=True):
            torch.mm(row, b, out=total)
            finish(total)
        return out
    a, b = (x.expand(*lead, *x.shape[-2:]).reshape(-1, *x.shape[-2:]) for x in (a, b))
    total = out.view(-1, *out.shape[-2:])
    torch.bmm(a[..., :TILE], b[:, :TILE], out=total)
    for k in range(TILE, a.shape[-1], TILE):
        total.baddbmm_(a[..., k : k + TILE], b[:, k : k + TILE])
    finish(total)
    return out


def _check_activation(*_, activation=None, program_config=None, **__) -> None:
    activation_function(getattr(program_config, "fused_activation", None), activation)


@golden("ttnn.linear", "ttnn.matmul", check=_check_activation)
@marked(OWNERS)
def _linear(
    a, b, *, bias=None, transpose_a=False, transpose_b=False, activation=None, program_config=None, **_
) -> torch.Tensor:
    a = a.transpose(-1, -2) if transpose_a else a
    b = b.transpose(-1, -2) if transpose_b else b
    act = activation_function(getattr(program_config, "fused_activation", None), activation)
    bias = bias if bias is None or bias.dim() == 1 else bias[..., 0, :].reshape(-1)

    def finish(part: torch.Tensor) -> None:
        if bias is not None:
            part += bias
        if act is not None:
            part.copy_(act(part))

    # Whole tiles, as the hardware computes: torch sums a single row in another order than a row among others.
    rows, b_has_batch = a.shape[-2], getattr(program_config, "fuse_batch", True) is False
    if rows % TILE == 0:
        return _rows(a, b, b_has_batch, finish)
    out = _rows(torch.nn.functional.pad(a, (0, 0, 0, -rows % TILE)), b, b_has_batch)[..., :rows, :]
    finish(out)
    return out


@golden("ttnn.layer_norm")
@marked(OWNERS)
def _layer_norm(x, *, epsilon=1e-12, weight=None, bias=None, residual_input_tensor=None, **_):
    # ttnn's own rejects the row-major (1, 1, H/32, 32) weights of the sharded op and writes into its residual.
    x = x if residual_input_tensor is None else x + residual_input_tensor
    weight, bias = (None if w is None else w.reshape(-1) for w in (weight, bias))
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, epsilon)


def softmax_mask(x, mask, layout, causal: bool, program_config):
    """The mask as the kernels in ttnn's normalization/softmax/device/kernels/attention add it to x.

    `causal` is is_causal_mask, which means no more than a mask per query; its content is free.
    """
    sharded = isinstance(program_config, ttnn.SoftmaxShardedMultiCoreProgramConfig)
    rows, row_major = x.shape[-2], layout == ttnn.ROW_MAJOR_LAYOUT
    if mask.shape[0] != x.shape[0]:
        raise EmulationError(
            f"the softmax's mask has {mask.shape[0]} batch rows and the scores {x.shape[0]}: the kernel reads mask b "
            "for batch row b, past the mask's end if need be; repeat the mask"
        )
    if causal and row_major and sharded:
        raise EmulationError("the sharded softmax would hang with is_causal_mask=True and a row-major mask; tilize it")
    if causal and mask.shape[-2] != rows:
        raise EmulationError(
            f"with is_causal_mask=True the softmax reads a mask of as many rows as the scores, {rows}, not "
            f"{mask.shape[-2]}; pass is_causal_mask=False for one row for all queries"
        )
    if causal and sharded and program_config.block_h % -(-rows // TILE):
        raise EmulationError("with is_causal_mask=True a core of the sharded softmax needs whole heads in its block_h")
    if causal:
        return mask
    if row_major and mask.shape[-1] != x.shape[-1]:
        return mask.reshape(mask.shape[0], 1, 1, x.shape[-1])
    if mask.shape[-2] > TILE or mask.shape[1:-2].numel() > 1:
        raise EmulationError(
            f"with is_causal_mask=False the softmax takes one row of a mask of shape {tuple(mask.shape)} for all "
            "queries of a batch row; pass is_causal_mask=True for a mask per query"
        )
    return mask[..., :1, :]


def _check_mask(x, scale=None, mask=None, *, tensors, is_causal_mask=False, program_config=None, **_) -> None:
    if mask is not None:
        softmax_mask(x, mask, tensors[1].layout, is_causal_mask, program_config)


@golden("ttnn.scale_mask_softmax_in_place", "ttnn.scale_mask_softmax", needs_tensors=True, check=_check_mask)
@marked(OWNERS)
def _scale_mask_softmax(
    x, scale=None, mask=None, *, tensors, is_causal_mask=False, program_config=None, numeric_stable=False, **_
):
    """x: (B, nh, S, T); mask: additive, (B, 1, 1|32, T) or row-major (B, 1, T/32, 32), or, causal, (B, 1, S, T).

    Without numeric_stable the kernel subtracts no maximum: past 88.7 its exponentials are Inf, and the row NaN.
    """
    if mask is not None:
        mask = softmax_mask(x, mask, tensors[1].layout, is_causal_mask, program_config)
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    for batch, row in enumerate(x):  # one by one, so that what lies between stays in a CPU's cache
        row = row if scale is None else row * scale
        row = row if mask is None else row + mask[batch]
        if numeric_stable:
            torch.softmax(row, dim=-1, out=out[batch])
        else:
            torch.exp(row, out=out[batch])
            out[batch] /= out[batch].sum(-1, keepdim=True)
    return out


def _check_hw_dims_mask(x, scale=None, mask=None, **_) -> None:
    if mask is not None and (mask.shape[:-2].numel() > 1 or mask.shape[-2:] != x.shape[-2:]):
        raise EmulationError(
            "scale_causal_mask_hw_dims_softmax_in_place reads the first mask for all of the batch, with as many rows "
            f"as the scores: (1, 1, {x.shape[-2]}, {x.shape[-1]}), not {tuple(mask.shape)}; for more of them use "
            "scale_mask_softmax_in_place"
        )


@golden("ttnn.scale_causal_mask_hw_dims_softmax_in_place", check=_check_hw_dims_mask)
@marked(OWNERS)
def _hw_dims_softmax(x, scale=None, mask=None, **_):
    """x: (B, nh, S, T); mask: additive, (1, 1, S, T)."""
    x = x if scale is None else x * scale
    return torch.softmax(x if mask is None else x + mask, dim=-1)


def _check_key_heads(*_, num_heads, num_kv_heads=None, **__) -> None:
    if num_kv_heads not in (None, num_heads):
        raise NotImplementedError("no golden for create_qkv_heads with fewer key than query heads")


@golden("ttnn.experimental.create_qkv_heads", check=_check_key_heads)
@marked(MOVES)
def _create_qkv_heads(x, *, num_heads, num_kv_heads=None, transpose_k_heads=True, **_):
    """x: (B, 1, S, nh * 3 * d), columns grouped per head (q | k | v); K comes out transposed unless told otherwise."""
    batch, _one, seq, width = x.shape
    heads = x.reshape(batch, seq, num_heads, 3, width // (3 * num_heads)).permute(3, 0, 2, 1, 4)
    q, k, v = heads.unbind(0)
    return q, k.transpose(-1, -2) if transpose_k_heads else k, v


@golden("ttnn.experimental.split_query_key_value_and_split_heads", needs_tensors=True)
@marked(MOVES)
def _split_heads(x, *, tensors, num_heads=16, **_):
    """x: (B, 1, S, 3 * nh * d), columns grouped per core column (its q heads | its k heads | its v heads)."""
    columns = tensors[0].memory_config.shard_spec.grid.bounding_box().grid_size().x
    batch, _one, seq, width = x.shape
    per_core, d = num_heads // columns, width // (3 * num_heads)
    parts = x.reshape(batch, seq, columns, 3, per_core, d).permute(3, 0, 2, 4, 1, 5)
    q, k, v = parts.reshape(3, batch, num_heads, seq, d).unbind(0)
    return q, k.transpose(-1, -2), v


@golden("ttnn.experimental.nlp_create_qkv_heads")
@marked(MOVES)
def _nlp_create_qkv_heads(x, *, num_heads, num_kv_heads=None, transpose_k_heads=True, **_):
    """x: (B, 1, S, (nh + 2 * nkv) * d), columns (all q | all k | all v)."""
    batch, _one, seq, width = x.shape
    kv = num_kv_heads or num_heads
    d = width // (num_heads + 2 * kv)
    parts = x[:, 0].split([num_heads * d, kv * d, kv * d], dim=-1)
    q, k, v = (part.reshape(batch, seq, -1, d).transpose(1, 2) for part in parts)
    return q, k.transpose(-1, -2) if transpose_k_heads else k, v


@golden("ttnn.experimental.nlp_concat_heads")
@marked(MOVES)
def _nlp_concat_heads(x, **_):
    """x: (B, nh, S, d) -> (B, 1, S, nh * d)."""
    batch, heads, seq, d = x.shape
    return x.transpose(1, 2).reshape(batch, 1, seq, heads * d)
