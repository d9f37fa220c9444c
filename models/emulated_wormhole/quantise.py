# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Rounding of fp32 values to what a device tensor of a given dtype can hold, in torch, bit for bit as ttnn does it."""

import torch

import ttnn

BLOCK = 16  # elements of a row that share one exponent in a block floating point tile
_FLOAT_BITS = 24  # of fp32's mantissa, the leading one included
_MANTISSA_BITS = {ttnn.bfloat8_b: 7, ttnn.bfloat4_b: 3}  # without the sign
# Blocks below 2**_SMALLEST round as if they reached it, so that their scale stays finite; ttnn goes on to 2**-126.
_SMALLEST = -118


def quantise(value: torch.Tensor, dtype: ttnn.DataType) -> torch.Tensor:
    """`value` (any shape) rounded to `dtype`: fp32 in, fp32 out; integers pass unchanged.

    bfloat8_b and bfloat4_b round half to even against the largest exponent of each 16 elements of a row, the rule of
    tt-metal's host packer (tests/test_emulation.py compares the bits): it aligns an element's 24 bits to that exponent,
    which cuts off what falls out below, and rounds what is left. The last dim is padded with zeros to 16.
    """
    if not value.is_floating_point() or dtype == ttnn.float32:
        return value
    if dtype == ttnn.bfloat16:
        return value.to(torch.bfloat16).float()
    bits = _MANTISSA_BITS.get(dtype)
    if bits is None:
        return value
    return _block_float(value, bits)


def _block_float(value: torch.Tensor, bits: int) -> torch.Tensor:
    width = value.shape[-1] if value.dim() else 1
    rows = value.reshape(-1, width)
    padded = torch.nn.functional.pad(rows, (0, -width % BLOCK)) if width % BLOCK else rows
    blocks = padded.reshape(-1, BLOCK)
    largest = torch.linalg.vector_norm(blocks, ord=float("inf"), dim=-1, keepdim=True)
    exponent = torch.frexp(largest).exponent  # largest = f * 2**exponent with f in [0.5, 1)
    exponent.clamp_(min=_SMALLEST)
    scale = torch.ldexp(torch.ones_like(largest), bits - exponent)
    top = float(2**bits - 1)
    below = 2.0 ** (_FLOAT_BITS - bits)
    aligned = (blocks * scale).mul_(below).trunc_().div_(below)
    rounded = aligned.round_().clamp_(-top, top).div_(scale)
    return rounded.reshape(padded.shape)[:, :width].reshape(value.shape)
