# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The emulation's arithmetic written down plainly, in the order of its definition and as slow as that is.

What the emulated Wormhole computes must have these bits, whatever it does to be quick. Values in, values out: fp32
torch tensors; dtypes are ttnn's.
"""

from collections.abc import Callable

import torch

import ttnn

TILE, BLOCK = 32, 16
MANTISSA_BITS = {ttnn.bfloat8_b: 7, ttnn.bfloat4_b: 3}
SMALLEST = -118  # exponent below which blocks round as if they reached it


def rounded(value: torch.Tensor, dtype) -> torch.Tensor:
    """`value` (any shape) as `dtype` holds it."""
    if dtype == ttnn.bfloat16:
        return value.to(torch.bfloat16).float()
    return value if dtype == ttnn.float32 else block_float(value, MANTISSA_BITS[dtype])


def block_float(value: torch.Tensor, bits: int) -> torch.Tensor:
    """Half to even against the largest exponent of each 16 elements of a row, after what alignment cuts off."""
    width = value.shape[-1]
    blocks = torch.nn.functional.pad(value.reshape(-1, width), (0, -width % BLOCK)).reshape(-1, BLOCK)
    largest = torch.linalg.vector_norm(blocks, ord=float("inf"), dim=-1, keepdim=True)
    exponent = torch.frexp(largest).exponent.clamp(min=SMALLEST)
    scale = torch.ldexp(torch.ones_like(largest), bits - exponent)
    below, top = 2.0 ** (24 - bits), 2.0**bits - 1
    aligned = torch.trunc(blocks * scale * below) / below
    out = aligned.round().clamp(-top, top) / scale
    return out.reshape(-1, width + -width % BLOCK)[:, :width].reshape(value.shape)


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, act: Callable | None = None) -> torch.Tensor:
    """(B, 1, S, K) @ (1, 1, K, N) + (1, 1, 1, N): a row of the batch at a time, in whole tiles."""
    rows = x.shape[-2]
    x = torch.nn.functional.pad(x, (0, 0, 0, -rows % TILE))
    out = torch.stack([torch.matmul(row, weight[0, 0]) for row in x])[..., :rows, :]
    out += bias  # in place: to torch's activations it matters whether rows of whole tiles or parts of them lie there
    return out if act is None else act(out)


def matmul(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(B, nh, M, K) @ (B, nh, K, N): K tile by tile, in order."""
    out = torch.zeros(*a.shape[:-1], b.shape[-1])
    for total, left, right in zip(out.flatten(0, 1), a.flatten(0, 1), b.flatten(0, 1), strict=True):
        for k in range(0, a.shape[-1], TILE):
            total.addmm_(left[:, k : k + TILE], right[k : k + TILE])
    return out


def softmax(x: torch.Tensor, mask: torch.Tensor, stable: bool = True) -> torch.Tensor:
    """(B, nh, S, T) + (B, 1, 1|S, T), over T; without the maximum unless `stable`."""
    powers = (x + mask).exp()
    return torch.softmax(x + mask, -1) if stable else powers / powers.sum(-1, keepdim=True)


def layer_norm(x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """(B, 1, S, H) over H, epsilon 1e-12; weight and bias of H elements."""
    return torch.nn.functional.layer_norm(x + residual, x.shape[-1:], weight.reshape(-1), bias.reshape(-1), 1e-12)


def heads(qkv: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, 1, S, nh * 3 * d), columns grouped per head -> Q (B, nh, S, d), K (B, nh, d, S), V (B, nh, S, d)."""
    batch, _, rows, width = qkv.shape
    q, k, v = qkv.reshape(batch, rows, count, 3, width // (3 * count)).permute(3, 0, 2, 1, 4)
    return q, k.transpose(-1, -2), v


def joined(x: torch.Tensor) -> torch.Tensor:
    """(B, nh, S, d) -> (B, 1, S, nh * d)."""
    return x.transpose(1, 2).flatten(2)[:, None]
