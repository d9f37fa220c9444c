# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The exponentials and GELUs that ttnn 0.81.1's kernels compute on a Wormhole's vector unit, bit for bit.

Each follows its kernel instruction by instruction (tt_metal/hw/ckernels/wormhole_b0/metal/llk_api/llk_sfpu:
ckernel_sfpu_exp.h, ckernel_sfpu_gelu.h, ckernel_sfpu_recip.h), with what the instructions do from the public ISA
documentation (SFPMAD.md, SFPSTOCHRND_*.md, SFPSTORE.md, SFPLUTFP32.md): a multiply-add rounds once, ties to even;
denormals become zero; the conversions to integers and to bf16 round ties away from zero; a store to bf16 Dst cuts.

All take and give fp32 tensors of any shape, those of a bf16 Dst holding bf16 values. One deviation: SFPMAD keeps the
product in more than fp32 but not exactly; here it is exact. tests/test_sfpu.py reads the same kernels a second time,
one number after another.
"""

import torch

ONE_OVER_LN2 = 1.4426950216293334961


def _f32(value: float) -> float:
    """The nearest fp32 number of a constant in the source."""
    return torch.tensor(value, dtype=torch.float32).item()


def _mad(a, b, c) -> torch.Tensor:
    """a * b + c of fp32 values, rounded once; a denormal result is zero."""
    a, b, c = (x.double() if isinstance(x, torch.Tensor) else _f32(x) for x in (a, b, c))
    out = (a * b + c).float()
    return torch.where(out.abs() < 2.0**-126, torch.zeros(()), out)


def _polynomial(x: torch.Tensor, *coefficients: float) -> torch.Tensor:
    """Horner's rule, the constant first."""
    out = torch.full_like(x, _f32(coefficients[-1]))
    for coefficient in coefficients[-2::-1]:
        out = _mad(out, x, coefficient)
    return out


def _bits(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous().view(torch.int32)


def _exponent(x: torch.Tensor) -> torch.Tensor:
    """The biased exponent, int32."""
    return (_bits(x) >> 23) & 0xFF


def _with_exponent(x: torch.Tensor, biased: torch.Tensor) -> torch.Tensor:
    return ((_bits(x) & ~0x7F800000) | ((biased & 0xFF) << 23)).view(torch.float32)


def _rounded(magnitude: torch.Tensor, most: int) -> torch.Tensor:
    """|x| to the nearest integer, ties away, at most `most`: SFPSTOCHRND without its stochastic part; int32."""
    return (magnitude.abs().double() + 0.5).floor().clamp(max=most).to(torch.int32)


def to_bf16(x: torch.Tensor) -> torch.Tensor:
    """Rounded to bf16, ties away; denormals become zero, NaN infinite (SFPSTOCHRND, FP32_TO_FP16B)."""
    bits, biased = _bits(x), _exponent(x)
    out = torch.where(biased == 255, bits & -0x800000, (bits + 0x8000) & -0x10000).view(torch.float32)
    return torch.where(biased == 0, torch.zeros(()), out)


def _stored(x: torch.Tensor) -> torch.Tensor:
    """What a bf16 Dst keeps: cut, denormals zero."""
    out = (_bits(x) & -0x10000).view(torch.float32)
    return torch.where(_exponent(x) == 0, torch.zeros(()), out)


def exp_approx(x: torch.Tensor) -> torch.Tensor:
    """Schraudolph's, clamped at -88.5: there the bits are those of a denormal, which the store makes 0. bf16 Dst.

    Past 88.7 it is a NaN: a softmax subtracts the maximum first.
    """
    line = _mad(x.clamp(min=-88.5), 256.0 * 1.4426950408889634, 32500.818359375)
    return _stored((_rounded(line, 65535) << 15).view(torch.float32))


def _power_of_two(xlog2: torch.Tensor, *coefficients: float) -> torch.Tensor:
    """2^(xlog2 - 127) for xlog2 from 0 up to 255, by Moroz's exp_21f: a polynomial for the fraction, the rest in the exponent."""
    shift = _exponent(xlog2).to(torch.int64) - 127
    mantissa = ((_bits(xlog2) & 0x7FFFFF) | 0x800000).to(torch.int64)
    z = torch.where(shift >= 0, mantissa << shift.clamp(min=0), mantissa >> (-shift).clamp(min=0, max=63)).to(
        torch.int32
    )
    return _with_exponent(_polynomial((z & 0x7FFFFF).float(), *coefficients), (z >> 23) & 0xFF)


_EXP_21F = (7.839635491371155e-08, 4.791750143340323e-15)


def exp_21f(x: torch.Tensor) -> torch.Tensor:
    """The exact exponential of a bf16 Dst. Its first coefficient is loaded as fp16: 1 + 2/1024."""
    xlog2 = _mad(x, ONE_OVER_LN2, 127.0).clamp(0.0, 255.0)
    return to_bf16(_power_of_two(xlog2, 1.001953125, *_EXP_21F))


def exp_fp32(x: torch.Tensor) -> torch.Tensor:
    """The exact exponential of an fp32 Dst."""
    j = _mad(x, 1.442695, 0.0)
    i = _rounded(j, 32767) * j.sign().to(torch.int32)
    j = i.float()
    f = _mad(j, -1.42860677e-6, _mad(j, -6.93145752e-1, x))
    r = torch.full_like(x, _f32(1.37805939e-3))
    for coefficient in (8.37312452e-3, 4.16695364e-2, 1.66664720e-1, 4.99999851e-1, 1.0, 1.0):
        r = _mad(r, f, coefficient)
    e = _exponent(r) + i
    y = torch.where(e >= 1, torch.full_like(x, float("inf")), torch.zeros(()))
    return torch.where((e >= 1) & (e < 255), _with_exponent(r, e), y)


def reciprocal(x: torch.Tensor, fp32: bool) -> torch.Tensor:
    """1 / x for positive x: two steps of Newton, or for a bf16 Dst one and rounded."""
    k0, k1, k2 = (
        (0.3232325017452239990234375, 1.4545459747314453125, 2.121212482452392578125)
        if fp32
        else (0.32133400440216064453125, 1.4514148235321044921875, 2.1200883388519287109375)
    )
    minus = -_with_exponent(x, torch.full_like(x, 127, dtype=torch.int32))
    y = _mad(_mad(minus, k0, k1), minus, k2)
    for _ in range(2 if fp32 else 1):
        y = _mad(y, _mad(minus, y, 1.0), y)
    y = y if fp32 else to_bf16(y)
    scale = _with_exponent(torch.ones_like(x), 254 - _exponent(x))
    return _mad(y, scale, 0.0)


def gelu_exact(x: torch.Tensor) -> torch.Tensor:
    """Piecewise by its distribution function; bf16 Dst."""
    square = _mad(x, x, 0.0)
    power = _power_of_two(_mad(square, -0.72134752044, 127.0).clamp(min=0.0), 1.0017248, *_EXP_21F)
    tail = _polynomial(x, 3.0369991064e-01, 9.5413386822e-02, 1.3809983619e-02, 7.5950479368e-04)
    snapped = _mad(_mad(_mad(power, tail, 0.0), 1.0, 0.375), 1.0, -0.375)
    odd = _polynomial(
        square,
        3.9894227818e-01,
        -6.6361041488e-02,
        9.7720050615e-03,
        -1.0717806322e-03,
        8.1812159812e-05,
        -3.8082057209e-06,
        7.9821413868e-08,
    )
    core = _mad(x, _mad(x, odd, 0.5), 0.0)
    result = torch.where(x >= -3.125, core, _mad(x, snapped, 0.0))
    result = torch.where(x >= 2.78125, x, result)
    return to_bf16(torch.where(x > _f32(-5.54259443), result, torch.zeros(())))


def gelu_tanh_fast(x: torch.Tensor, fp32: bool) -> torch.Tensor:
    """x / (1 + exp(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3)."""
    q = _mad(x, _mad(_mad(x, x, 0.0), 0.044715, 1.0), 0.0)
    xlog2 = _mad(q, -2.3022081981, 127.0).clamp(0.0, 254.0)
    power = _power_of_two(
        xlog2, 1.0000025517e00, 8.2612558619e-08, 3.4310902370e-15, 8.8111597259e-23, 2.7332817452e-30
    )
    result = _mad(x, reciprocal(_mad(power, 1.0, 1.0), fp32=True), 0.0)
    return result if fp32 else to_bf16(result)
