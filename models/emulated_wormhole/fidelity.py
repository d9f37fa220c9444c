# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""ttnn.linear and ttnn.matmul as a Wormhole computes them: math fidelity, accumulation, packing. Off by default.

Rules and where they are public (ISA: tenstorrent/tt-isa-documentation, WormholeB0/TensixTile/TensixCoprocessor; ttsim:
tenstorrent/ttsim, src/tensix.cpp; the rest is tenstorrent/tt-metal):

- in0 is SrcB, in1 (weights, K^T, V) is SrcA (tt_llk_wormhole_b0/llk_lib/llk_math_matmul.h). A phase multiplies 1 + 4
  bits or the next 5 of SrcA with 1 + 6 bits or the next 4 of SrcB, cut off and not rounded (ISA SrcASrcB.md,
  MatrixUnit.md). LoFi to HiFi4 run the first 1 to 4 of the phases in PHASES, all of them for one tile of K before the
  next tile.
- Block floats unpack to bf16 exactly. fp32 is cut to TF32 with fp32_dest_acc_en, to bf16 without (ISA SrcASrcB.md,
  tt_metal/jit_build/data_format.cpp).
- One MVMUL adds 16 products to Dst (ISA MVMUL.md). Without fp32_dest_acc_en Dst is bf16, rounded after each MVMUL of
  each phase: to TF32, then to bf16, both with ties away from zero (tt-metal issue 46101; ttsim).
- Blocks of in0_block_w tiles of K meet in L1, by the formats and the order of
  matmul_multicore_reuse_*_program_factory.cpp and bmm_large_block_zm_fused_bias_activation.cpp; the packer adds to bf16
  in L1 with ties to even (ttsim).
- A fused bias is added to what was packed, of which SrcA takes TF32 at most.
- The packer rounds ties away from zero: fp32 to bf16, and for a bfloat8_b output to 6 bits of mantissa before the
  shared exponent (ISA Packers/FormatConversion.md; jit_build/data_format.cpp without bfp8_pack_precise; ttsim).
- GELU with its first parameter not 0, which is what the name "gelu" means, is the kernel's six straight lines
  (hw/ckernels/wormhole_b0/metal/llk_api/llk_sfpu/ckernel_sfpu_gelu.h, ISA SFPLUTFP32.md); else with bf16 Dst, and
  GELU_TANH with its first parameter not 0, are computed as in sfpu.py. With fp32 Dst the exact one is exact.

Not modelled: the rounding of products inside one MVMUL to a common exponent (two groups of eight, 10 bits below the
largest), bits lost as Dst and the two sums are aligned, denormals, the HiFi4 + fp32 erratum (tt-metal issue 38306), the
in0_block_w that the library chooses where the call gives no program config (one block of all K here), bfloat4_b
outputs' truncation, other activations. Softmax is in softmax.py. Layer norm, reductions, element-wise ops and
ttnn.transformer.scaled_dot_product_attention keep their golden functions.

Beside a step-by-step simulation of MVMUL by ttsim's rules, on normal bf16 and bf8 values with K 64 to 2048: with bf16
Dst the relative error is the same within 4 %, and its mean shift of up to 3 % of the result (which the rounding away
from zero causes) within 0.1 %; with fp32 Dst the two differ by 3e-4 of the result, which is all the error of HiFi4
there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch

import ttnn
from models.emulated_wormhole import sfpu
from models.emulated_wormhole.golden_ops import TILE, activation_function
from models.emulated_wormhole.quantise import quantise

# (SrcA takes its low bits, SrcB takes its low bits) per phase; the name of a fidelity is how many phases it runs.
PHASES = ((False, False), (True, False), (False, True), (True, True))
_PHASES_OF = {
    ttnn.MathFidelity.LoFi: 1,
    ttnn.MathFidelity.HiFi2: 2,
    ttnn.MathFidelity.HiFi3: 3,
    ttnn.MathFidelity.HiFi4: 4,
}
_BLOCK_FLOATS = (ttnn.bfloat8_b, ttnn.bfloat4_b)
STEP = 16  # products per output element and MVMUL
_M, _N = 384, 1024  # output block that stays in a CPU's cache; no influence on what is modelled

# GELU(x) = x / 2 + slope |x| + offset, by where |x| lies between the bounds.
_GELU_BOUNDS = (0.5, 1.0, 1.5, 2.0, 3.0)
_GELU_SLOPES = (0.1928, 0.4939, 0.6188, 0.6099, 0.5402, 0.5)
_GELU_OFFSETS = (-0.00010443, -0.1604, -0.2796, -0.2635, -0.1194, 0.0)


@dataclass(frozen=True)
class Arithmetic:
    """How one matmul computes. phases: 1 to 4; k_block: tiles of K per block, 0 for all; the rest dtypes."""

    phases: int
    fp32: bool
    l1_acc: bool
    k_block: int
    in0: ttnn.DataType
    in1: ttnn.DataType
    out: ttnn.DataType

    @classmethod
    def of(cls, a, b, out, compute_kernel_config=None, program_config=None, core_grid=None, **_) -> "Arithmetic":
        """Of a call with ttnn tensors a, b and out; without compute_kernel_config, ttnn's default on Wormhole.

        The default is that of create_matmul_attributes in ttnn/cpp/ttnn/operations/matmul/device.
        """
        k_block = getattr(program_config, "in0_block_w", 0)
        dtypes = (a.dtype, b.dtype, out.dtype)
        if compute_kernel_config is not None:
            config = compute_kernel_config
            phases = _PHASES_OF[config.math_fidelity]
            return cls(phases, config.fp32_dest_acc_en, config.packer_l1_acc, k_block, *dtypes)
        low = a.dtype in _BLOCK_FLOATS and b.dtype in _BLOCK_FLOATS
        phases = 1 if low or program_config is not None or core_grid is not None else 2
        if a.dtype == b.dtype == ttnn.float32:
            phases = 3
        fp32 = out.dtype == ttnn.float32
        return cls(phases, fp32, not fp32, k_block, *dtypes)


def truncate(x: torch.Tensor, mantissa_bits: int) -> torch.Tensor:
    """fp32 of any shape with all but the first `mantissa_bits` bits after the leading one cut off, towards zero."""
    return (x.contiguous().view(torch.int32) & -(1 << (23 - mantissa_bits))).view(torch.float32)


def round_away_(x: torch.Tensor, mantissa_bits: int) -> torch.Tensor:
    """fp32 of any shape rounded in place to nearest, ties away from zero."""
    lost = 23 - mantissa_bits
    x.view(torch.int32).add_(1 << (lost - 1)).bitwise_and_(-(1 << lost))
    return x


def round_dst_(x: torch.Tensor) -> torch.Tensor:
    """fp32 of any shape rounded in place to TF32, then to bf16, both times with ties away from zero.

    In one go: 7/16 of a bf16 step and more go up, as adding 9/16 does.
    """
    x.view(torch.int32).add_(0x9000).bitwise_and_(-0x10000)
    return x


def operands(in0: torch.Tensor, in1: torch.Tensor, arithmetic: Arithmetic) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(in0, in1) of each phase that adds something, fp32, of the inputs' shapes."""
    if not arithmetic.fp32:
        in0 = truncate(in0, 7) if arithmetic.in0 == ttnn.float32 else in0
        in1 = truncate(in1, 7) if arithmetic.in1 == ttnn.float32 else in1
    in0, in1 = truncate(in0, 10), truncate(in1, 9)
    high0, high1 = truncate(in0, 6), truncate(in1, 4)
    low0, low1 = in0 - high0, in1 - high1
    pairs = [(low0 if b_low else high0, low1 if a_low else high1) for a_low, b_low in PHASES[: arithmetic.phases]]
    # A phase of zeros leaves even a rounded Dst as it is.
    zero = {id(part) for part in (low0, low1) if not part.any()}
    return [(x, y) for x, y in pairs if id(x) not in zero and id(y) not in zero]


def packed(x: torch.Tensor, dtype: ttnn.DataType, fp32: bool) -> torch.Tensor:
    """What the packer makes of Dst, x (M, N), before shared exponents, which quantise() does. May write to x."""
    if dtype == ttnn.float32 or (dtype == ttnn.bfloat16 and not fp32):
        return x
    round_away_(x, 6 if dtype in _BLOCK_FLOATS else 7)
    if dtype in _BLOCK_FLOATS:
        bits = x.view(torch.int32)
        # quantise() takes ties to even; just past the tie it goes away. 2^-15 of the element is below its 6 bits, and is
        # still there when quantise() has aligned a tie, which is at most 2^-7 of the largest element.
        bits.add_((bits << 1 != 0).to(torch.int32) << 8)
    return x


def _dst(pairs, rows: slice, columns: slice, ks: range, start: torch.Tensor) -> torch.Tensor:
    """`start` (M, N), changed in place, plus the products of in0[rows] and in1[:, columns] at K in `ks`: bf16 Dst."""
    for tile in range(ks.start, ks.stop, TILE):
        for in0, in1 in pairs:
            for k in range(tile, min(tile + TILE, ks.stop), STEP):
                face = slice(k, min(k + STEP, ks.stop))
                torch.addmm(start, in0[rows, face], in1[face, columns], out=start)
                round_dst_(start)
    return start


def _blocks(pairs, rows: slice, columns: slice, depth: int, biased: bool, arithmetic: Arithmetic) -> torch.Tensor:
    """The sum over all K as it comes out of Dst, or, if biased, out of L1; bf16 Dst."""
    width = arithmetic.k_block * TILE or depth
    blocks = [range(k, min(k + width, depth), 1) for k in range(0, depth, width)]
    l1_acc = arithmetic.l1_acc and len(blocks) > (1 if biased else 2)
    between = ttnn.bfloat16 if l1_acc else arithmetic.out
    shape = (len(range(*rows.indices(1 << 40))), len(range(*columns.indices(1 << 40))))
    total = torch.zeros(shape)
    for number, ks in enumerate(blocks):
        last = number == len(blocks) - 1
        reload = number > 0 and (not l1_acc or (last and not biased))
        dst = _dst(pairs, rows, columns, ks, total if reload else torch.zeros(shape))
        if last and not biased:
            return dst
        dst = quantise(packed(dst, between, False), between)
        total = (total + dst).bfloat16().float() if number > 0 and not reload else dst
    return total


def gelu_lines(x: torch.Tensor) -> torch.Tensor:
    """The kernel's approximate GELU: six straight lines in |x|; any shape, fp32."""
    size = x.abs()
    line = torch.bucketize(size, torch.tensor(_GELU_BOUNDS), right=True)
    slopes, offsets = (torch.tensor(values).half().float() for values in (_GELU_SLOPES, _GELU_OFFSETS))
    return x * 0.5 + (slopes[line] * size + offsets[line])


def _activated(x: torch.Tensor, fused, name: str | None, fp32: bool) -> torch.Tensor:
    act = activation_function(fused, name)
    if act is None:
        return x
    kind = fused.op_type if fused is not None else getattr(ttnn.UnaryOpType, str(name).upper())
    fast = fused is None or bool(fused.params and fused.params[0] != 0)
    if kind == ttnn.UnaryOpType.GELU and fast:
        x = gelu_lines(x)
        return x if fp32 else truncate(x, 7)  # a store to bf16 Dst cuts (ISA SFPSTORE.md)
    if kind == ttnn.UnaryOpType.GELU and not fp32:
        return sfpu.gelu_exact(x)
    if kind == ttnn.UnaryOpType.GELU_TANH and fast:
        return sfpu.gelu_tanh_fast(x, fp32)
    x = act(x)
    return x if fp32 else x.bfloat16().float()


def matmul(in0: torch.Tensor, in1: torch.Tensor, arithmetic: Arithmetic, bias=None, act=lambda x: x) -> torch.Tensor:
    """(M, K) @ (K, N) + bias (1, N), fp32 values of the arithmetic's dtypes, through act; before quantise()."""
    return _matmul(operands(in0, in1, arithmetic), arithmetic, bias, act)


def _matmul(pairs, arithmetic: Arithmetic, bias, act) -> torch.Tensor:
    height, (depth, width) = pairs[0][0].shape[0], pairs[0][1].shape
    if arithmetic.fp32:
        out = reduce(torch.add, (torch.matmul(x, y) for x, y in pairs))
        if bias is not None:
            out = round_away_(truncate(out, 10) + bias, 10)
        return packed(act(out), arithmetic.out, True)
    out = torch.empty(height, width)
    for m in range(0, height, _M):
        for n in range(0, width, _N):
            rows, columns = slice(m, min(m + _M, height)), slice(n, min(n + _N, width))
            block = _blocks(pairs, rows, columns, depth, bias is not None, arithmetic)
            if bias is not None:
                block = round_dst_(block + bias[:, columns])
            out[rows, columns] = packed(act(block), arithmetic.out, False)
    return out


def linear(
    a, b, *, arithmetic, bias=None, transpose_a=False, transpose_b=False, activation=None, program_config=None, **_
):
    """ttnn.linear and ttnn.matmul; a (..., M, K), b (..., K, N), bias (..., N); one (M, K) matrix at a time."""
    a = a.transpose(-1, -2) if transpose_a else a
    b = b.transpose(-1, -2) if transpose_b else b
    if bias is not None:
        bias = (bias[..., :1, :] if bias.dim() > 1 else bias).reshape(1, -1)
    fused = getattr(program_config, "fused_activation", None)
    lead = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    shared = b.shape[:-2].numel() == 1
    lefts = a.expand(*lead, *a.shape[-2:]).reshape(-1, *a.shape[-2:])
    rights = b.reshape(1, *b.shape[-2:]) if shared else b.expand(*lead, *b.shape[-2:]).reshape(-1, *b.shape[-2:])

    def act(x):
        return _activated(x, fused, activation, arithmetic.fp32)

    rights = rights.expand(len(lefts), -1, -1)
    out = [matmul(left, right, arithmetic, bias, act) for left, right in zip(lefts, rights, strict=True)]
    return torch.stack(out).reshape(*lead, a.shape[-2], b.shape[-1])


MODELLED: dict[str, Callable] = {"ttnn.linear": linear, "ttnn.matmul": linear}
