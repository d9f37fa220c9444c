# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The vector unit's functions beside a second reading of their kernels, one number at a time, to the last bit."""

import struct
from fractions import Fraction

import numpy as np
import pytest
import torch

from models.emulated_wormhole import sfpu

BF16 = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16).float()
BF16 = BF16[torch.isfinite(BF16) & ((BF16 == 0) | (BF16.abs() > 2.0**-126))]
# Every 37th bf16 number and what a softmax's and a GELU's inputs are most like.
TABLE = torch.cat(
    [BF16[::37], torch.linspace(-100, 0, 201).bfloat16().float(), torch.linspace(-6, 6, 97).bfloat16().float()]
)


def bits(x: float) -> int:
    return struct.unpack("<I", struct.pack("<f", x))[0]


def number(pattern: int) -> float:
    return struct.unpack("<f", struct.pack("<I", pattern & 0xFFFFFFFF))[0]


def f32(x: float) -> float:
    return float(np.float32(x))


def mad(a: float, b: float, c: float) -> float:
    """SFPMAD: the exact a b + c rounded once to fp32, ties to even; denormals are zero."""
    a, b, c = f32(a), f32(b), f32(c)
    if not all(map(np.isfinite, (a, b, c))):
        return f32(a * b + c)
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return 0.0
    sign, exact = (-1, -exact) if exact < 0 else (1, exact)
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    exponent -= exact < Fraction(2) ** exponent
    if exponent < -126:
        return 0.0
    units = exact / Fraction(2) ** (exponent - 23)
    whole, rest = divmod(units.numerator, units.denominator)
    twice = 2 * rest - units.denominator
    whole += twice > 0 or (twice == 0 and whole % 2)
    value = whole * Fraction(2) ** (exponent - 23)
    return sign * (float(value) if value < Fraction(2) ** 128 else float("inf"))


def exponent(x: float) -> int:
    return bits(x) >> 23 & 0xFF


def set_exponent(x: float, biased: int) -> float:
    return number(bits(x) & ~0x7F800000 | (biased & 0xFF) << 23)


def stochrnd(x: float, most: int) -> int:
    """FP32_TO_UINT16 or the magnitude of FP32_TO_INT16, as SFPSTOCHRND_FloatInt.md writes it."""
    e = exponent(x) - 127
    if e < -1:
        return 0
    if e >= 16:
        return most
    mantissa = 0x800000 | bits(x) & 0x7FFFFF
    mantissa = mantissa << e if e >= 0 else mantissa >> -e
    return min((mantissa >> 23) + ((mantissa & 0x7FFFFF) >= 0x400000), most)


def round_bf16(x: float) -> float:
    if exponent(x) == 0:
        return 0.0
    if exponent(x) == 255:
        return number(bits(x) & 0xFF800000)
    return number((bits(x) & 0xFFFF0000) + (0x10000 if bits(x) & 0xFFFF >= 0x8000 else 0))


def exp_approx(x: float) -> float:
    y = max(x, -88.5)
    i = stochrnd(mad(256.0 * 1.4426950408889634, y, 32500.818359375), 65535) << 15
    return 0.0 if i >> 23 & 0xFF == 0 else number(i & 0xFFFF0000)


def power(xlog2: float, coefficients: list[float]) -> float:
    shift = exponent(xlog2) - 127
    mantissa = 0x800000 | bits(xlog2) & 0x7FFFFF
    z = mantissa << shift if shift >= 0 else mantissa >> min(-shift, 63)
    fraction, value = float(z & 0x7FFFFF), f32(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = mad(value, fraction, coefficient)
    return set_exponent(value, z >> 23)


def exp_21f(x: float) -> float:
    xlog2 = min(max(mad(x, 1.4426950216293334961, 127.0), 0.0), 255.0)
    return round_bf16(power(xlog2, [1.001953125, number(0x33A85ADA), 4.791750143340323e-15]))


def exp_fp32(x: float) -> float:
    j = mad(1.442695, x, 0.0)
    i = stochrnd(j, 32767) * (-1 if j < 0 else 1)
    f = mad(i, -6.93145752e-1, x)
    f = mad(i, -1.42860677e-6, f)
    r = f32(1.37805939e-3)
    for coefficient in (8.37312452e-3, 4.16695364e-2, 1.66664720e-1, 4.99999851e-1):
        r = mad(r, f, coefficient)
    r = mad(mad(r, f, 1.0), f, 1.0)
    e = exponent(r) + i
    return set_exponent(r, e) if 1 <= e < 255 else (float("inf") if e >= 255 else 0.0)


def reciprocal(x: float, steps: int, k0: float, k1: float, k2: float) -> float:
    minus = -set_exponent(x, 127)
    y = mad(k0, minus, k1)
    y = mad(y, minus, k2)
    for _ in range(steps):
        y = mad(y, mad(minus, y, 1.0), y)
    return mad(round_bf16(y) if steps == 1 else y, set_exponent(1.0, 254 - exponent(x)), 0.0)


def reciprocal_bf16(x: float) -> float:
    return reciprocal(x, 1, 0.32133400440216064453125, 1.4514148235321044921875, 2.1200883388519287109375)


def reciprocal_fp32(x: float) -> float:
    return reciprocal(x, 2, 0.3232325017452239990234375, 1.4545459747314453125, 2.121212482452392578125)


def horner(x: float, *coefficients: float) -> float:
    value = f32(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = mad(value, x, coefficient)
    return value


def gelu_exact(x: float) -> float:
    if not x > f32(-5.54259443):
        return 0.0
    square = mad(x, x, 0.0)
    if x >= 2.78125:
        return round_bf16(x)
    if x >= -3.125:
        odd = horner(square, 3.9894227818e-01, -6.6361041488e-02, 9.7720050615e-03, -1.0717806322e-03, 8.1812159812e-05,
                     -3.8082057209e-06, 7.9821413868e-08)  # fmt: skip
        return round_bf16(mad(x, mad(x, odd, 5.000000000e-01), 0.0))
    e = power(mad(square, -0.72134752044, 127.0), [1.0017248, 7.839635491371155e-08, 4.791750143340323e-15])
    h = mad(e, horner(x, 3.0369991064e-01, 9.5413386822e-02, 1.3809983619e-02, 7.5950479368e-04), 0.0)
    return round_bf16(mad(x, f32(f32(h + 0.375) - 0.375), 0.0))


def gelu_tanh_fast(x: float) -> float:
    q = mad(x, mad(0.044715, mad(x, x, 0.0), 1.0), 0.0)
    xlog2 = min(max(mad(q, -2.3022081981, 127.0), 0.0), 254.0)
    e = power(xlog2, [1.0000025517e00, 8.2612558619e-08, 3.4310902370e-15, 8.8111597259e-23, 2.7332817452e-30])
    return round_bf16(mad(x, reciprocal_fp32(mad(e, 1.0, 1.0)), 0.0))


def same(found: torch.Tensor, expected: list[float], inputs: torch.Tensor) -> None:
    wanted = torch.tensor(expected, dtype=torch.float32)
    wrong = (found.view(torch.int32) != wanted.view(torch.int32)) & ~((found == 0) & (wanted == 0))
    assert not wrong.any(), [(x, a, b) for x, a, b in zip(inputs[wrong], found[wrong], wanted[wrong])][:5]


NEGATIVE = TABLE[TABLE <= 0]  # what a softmax takes the exponential of


@pytest.mark.parametrize(
    "found, scalar, inputs",
    [
        (sfpu.exp_approx, exp_approx, NEGATIVE),
        (sfpu.exp_21f, exp_21f, TABLE),
        (sfpu.exp_fp32, exp_fp32, TABLE[TABLE.abs() < 1e6]),
        (lambda x: sfpu.reciprocal(x, False), reciprocal_bf16, BF16[(BF16 >= 1) & (BF16 < 1e6)]),
        (lambda x: sfpu.reciprocal(x, True), reciprocal_fp32, torch.linspace(1, 600, 997)),
        (sfpu.gelu_exact, gelu_exact, TABLE[TABLE.abs() < 1e15]),
        (lambda x: sfpu.gelu_tanh_fast(x, False), gelu_tanh_fast, TABLE[TABLE.abs() < 1e10]),
    ],
    ids=["exp approx", "exp 21f", "exp fp32", "reciprocal bf16", "reciprocal fp32", "GELU exact", "GELU tanh fast"],
)
def test_bits_of_a_table(found, scalar, inputs):
    same(found(inputs), [scalar(x) for x in inputs.tolist()], inputs)


@pytest.mark.parametrize("exp, worst", [(sfpu.exp_approx, 0.05), (sfpu.exp_21f, 0.006), (sfpu.exp_fp32, 1e-6)])
def test_exponentials_are_exponentials_and_a_masked_score_is_0(exp, worst):
    x = BF16[(BF16 <= 0) & (BF16 >= -80)]
    assert ((exp(x) / x.double().exp() - 1).abs() < worst).all()
    assert (exp(torch.tensor([-1e5, -99840.0, -3e38])) == 0).all()


def test_gelus_are_gelus():
    x = BF16[BF16.abs() < 50]
    exact = torch.nn.functional.gelu(x.double())
    assert ((sfpu.gelu_exact(x) - exact).abs() <= 2.0**-7 * exact.abs() + 1e-7).all()
    tanh = torch.nn.functional.gelu(x.double(), approximate="tanh")
    assert ((sfpu.gelu_tanh_fast(x, False) - tanh).abs() <= 2.0**-7 * tanh.abs() + 1e-6).all()
    assert (sfpu.gelu_tanh_fast(x, True) - exact).abs().max() < 6e-4
