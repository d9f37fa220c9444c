# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Rounding of fp32 values to what a device tensor of a given dtype can hold, in torch, bit for bit as ttnn does it."""

import torch

import ttnn

BLOCK = 16  # elements of a row that share one exponent in a block floating point tile
_FLOAT_BITS = 24  # of fp32's mantissa, the leading one included
_MANTISSA_BITS = {ttnn.bfloat8_b: 7, ttnn.bfloat4_b: 3}  # without the sign
BLOCK_FLOATS = tuple(_MANTISSA_BITS)
# Blocks below 2**_SMALLEST round as if they reached it, so that their scale stays finite; ttnn goes on to 2**-126.
_SMALLEST = -118
_BIAS = 127  # of fp32's exponent
_CHUNK = 1 << 18  # elements that stay in a CPU's cache from one step to the next; a multiple of BLOCK


def quantise(value: torch.Tensor, dtype: ttnn.DataType, in_place: bool = False) -> torch.Tensor:
    """`value` (any shape) rounded to `dtype`: fp32 in, fp32 out; integers pass unchanged.

    bfloat8_b and bfloat4_b round half to even against the largest exponent of each 16 elements of a row, the rule of
    tt-metal's host packer (tests/test_emulation.py compares the bits): it aligns an element's 24 bits to that exponent,
    which cuts off what falls out below, and rounds what is left. The last dim is padded with zeros to 16.

    in_place: `value` may be written to; what is returned says where the result is.
    """
    bits = _MANTISSA_BITS.get(dtype)
    if not value.is_floating_point() or (bits is None and dtype != ttnn.bfloat16):
        return value
    if bits is None and not value.is_contiguous():
        return value.to(torch.bfloat16).float()  # strided as before: torch computes in other ways on other strides
    if bits is not None and (value.dim() == 0 or value.shape[-1] % BLOCK):
        return _padded(value, bits)
    in_place |= not value.is_contiguous()
    value = value.contiguous()
    out = value if in_place else torch.empty_like(value)
    for source, target in zip(value.view(-1).split(_CHUNK), out.view(-1).split(_CHUNK), strict=True):
        if bits is None:
            target.copy_(source.to(torch.bfloat16))
        else:
            _block_float(source.view(-1, BLOCK), target.view(-1, BLOCK), bits)
    return out


def _padded(value: torch.Tensor, bits: int) -> torch.Tensor:
    width = value.shape[-1] if value.dim() else 1
    rows = torch.nn.functional.pad(value.reshape(-1, width), (0, -width % BLOCK))
    blocks = rows.view(-1, BLOCK)
    _block_float(blocks, blocks, bits)
    return rows[:, :width].reshape(value.shape)


def _block_float(blocks: torch.Tensor, out: torch.Tensor, bits: int) -> None:
    """blocks, out: (n, 16), contiguous, may be the same. Most of what is rounded goes through here, so ops are few."""
    exponent = (blocks.view(torch.int32) & 0x7FFFFFFF).amax(-1, keepdim=True).bitwise_right_shift_(23)
    # Of zeros, infinities and NaN the exponent is that of 0.5, as frexp has it.
    exponent.masked_fill_((exponent == 0) | (exponent == 255), _BIAS - 1)
    exponent.clamp_(min=_SMALLEST + _BIAS - 1)
    step = (exponent + (1 - bits)).bitwise_left_shift_(23).view(torch.float32)
    below = 2.0 ** (_FLOAT_BITS - bits)
    torch.div(blocks, step / below, rounding_mode="trunc", out=out)  # trunc() by itself is ten times as slow
    top = float(2**bits - 1)
    out.mul_(1 / below).round_().clamp_(-top, top).mul_(step)
