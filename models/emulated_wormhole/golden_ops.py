# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Golden functions for ops that have none in ttnn, or one that can't be used, and for moves that change no value.

Each takes the op's own arguments with every ttnn tensor replaced by its fp32 (or integer) torch value, and returns the
output values before rounding. Functions marked `needs_layout` get `columns=`, the core grid columns over which the
first tensor is block sharded, because the op's result depends on it.

Matmuls run one leading row (batch) at a time: on hardware the order of a reduction is set by the program config, not by
the batch, and a CPU library that blocks over the whole batch would not keep that.
"""

from collections.abc import Callable

import torch
import ttnn

GOLDENS: dict[str, Callable] = {}
NEEDS_LAYOUT: set[str] = set()


def golden(*names: str, needs_layout: bool = False):
    """Register the decorated function as golden of the ops called `names` (fully qualified: "ttnn.linear")."""

    def register(function: Callable) -> Callable:
        for name in names:
            GOLDENS[name] = function
            if needs_layout:
                NEEDS_LAYOUT.add(name)
        return function

    return register


def _same(x, *_, **__):
    return x


for _name in (
    "clone experimental.typecast interleaved_to_sharded move reallocate reshard sharded_to_interleaved tilize "
    "tilize_with_zero_padding to_device to_dtype to_layout to_memory_config typecast untilize copy"
).split():
    GOLDENS[f"ttnn.{_name}"] = _same


@golden("ttnn.reshape", "ttnn.experimental.view", "ttnn.view")
def _reshape(x, shape, *_, **__):
    return x.reshape(tuple(shape))


_ACTIVATIONS = {
    ttnn.UnaryOpType.GELU: torch.nn.functional.gelu,
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


def _rows(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b, one leading row of a at a time; a: (B, ..., M, K); b: (K, N), (1, ..., K, N) or (B, ..., K, N)."""
    if a.dim() < 3 or a.shape[0] == 1:
        return torch.matmul(a, b)
    shared = b.dim() < a.dim() or b.shape[0] == 1
    b_rows = [b[0] if b.dim() == a.dim() else b] * a.shape[0] if shared else b
    return torch.stack([torch.matmul(row, other) for row, other in zip(a, b_rows, strict=True)])


@golden("ttnn.linear", "ttnn.matmul")
def _linear(
    a, b, *, bias=None, transpose_a=False, transpose_b=False, activation=None, program_config=None, **_
) -> torch.Tensor:
    a = a.transpose(-1, -2) if transpose_a else a
    b = b.transpose(-1, -2) if transpose_b else b
    out = _rows(a, b)
    if bias is not None:
        out += bias[..., :1, :] if bias.dim() > 1 else bias
    act = activation_function(getattr(program_config, "fused_activation", None), activation)
    return out if act is None else act(out)


@golden("ttnn.layer_norm")
def _layer_norm(x, *, epsilon=1e-12, weight=None, bias=None, residual_input_tensor=None, **_):
    # ttnn's own rejects the row-major (1, 1, H/32, 32) weights of the sharded op and writes into its residual.
    x = x if residual_input_tensor is None else x + residual_input_tensor
    weight, bias = (None if w is None else w.reshape(-1) for w in (weight, bias))
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, epsilon)


@golden("ttnn.scale_mask_softmax_in_place", "ttnn.scale_mask_softmax")
def _scale_mask_softmax(x, scale=None, mask=None, **_):
    """x: (B, nh, S, T); mask: additive, (B, 1, 1|32|S, T), or row-major (B, 1, T/32, 32)."""
    x = x if scale is None else x * scale
    if mask is not None:
        if mask.shape[-1] != x.shape[-1]:
            mask = mask.reshape(mask.shape[0], 1, 1, x.shape[-1])
        x = x + (mask if mask.shape[-2] == x.shape[-2] else mask[..., :1, :])
    return torch.softmax(x, dim=-1)


@golden("ttnn.experimental.create_qkv_heads")
def _create_qkv_heads(x, *, num_heads, num_kv_heads=None, transpose_k_heads=True, **_):
    """x: (B, 1, S, nh * 3 * d), columns grouped per head (q | k | v); K comes out transposed unless told otherwise."""
    if num_kv_heads not in (None, num_heads):
        raise NotImplementedError("no golden for create_qkv_heads with fewer key than query heads")
    batch, _one, seq, width = x.shape
    heads = x.reshape(batch, seq, num_heads, 3, width // (3 * num_heads)).permute(3, 0, 2, 1, 4)
    q, k, v = heads.unbind(0)
    return q, k.transpose(-1, -2) if transpose_k_heads else k, v


@golden("ttnn.experimental.split_query_key_value_and_split_heads", needs_layout=True)
def _split_heads(x, *, num_heads=16, columns=1, **_):
    """x: (B, 1, S, 3 * nh * d), columns grouped per core column (its q heads | its k heads | its v heads)."""
    batch, _one, seq, width = x.shape
    per_core, d = num_heads // columns, width // (3 * num_heads)
    parts = x.reshape(batch, seq, columns, 3, per_core, d).permute(3, 0, 2, 4, 1, 5)
    q, k, v = parts.reshape(3, batch, num_heads, seq, d).unbind(0)
    return q, k.transpose(-1, -2), v


@golden("ttnn.experimental.nlp_create_qkv_heads")
def _nlp_create_qkv_heads(x, *, num_heads, num_kv_heads=None, transpose_k_heads=True, **_):
    """x: (B, 1, S, (nh + 2 * nkv) * d), columns (all q | all k | all v)."""
    batch, _one, seq, width = x.shape
    kv = num_kv_heads or num_heads
    d = width // (num_heads + 2 * kv)
    parts = x[:, 0].split([num_heads * d, kv * d, kv * d], dim=-1)
    q, k, v = (part.reshape(batch, seq, -1, d).transpose(1, 2) for part in parts)
    return q, k.transpose(-1, -2) if transpose_k_heads else k, v


@golden("ttnn.experimental.nlp_concat_heads")
def _nlp_concat_heads(x, **_):
    """x: (B, nh, S, d) -> (B, 1, S, nh * d)."""
    batch, heads, seq, d = x.shape
    return x.transpose(1, 2).reshape(batch, 1, seq, heads * d)
