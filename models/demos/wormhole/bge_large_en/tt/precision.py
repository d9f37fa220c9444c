# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""In what format every tensor of the encoder is kept and with what arithmetic every matmul computes.

Two profiles, PROFILES; tests/pcc/test_encoder.py holds both to their accuracy.
"""

from dataclasses import dataclass, replace

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

# HiFi3 is the most precise with fp32 sums: there a Wormhole can compute worse in HiFi4 (tt-metal issue 38306).
LOFI, HIFI2, HIFI3 = ttnn.MathFidelity.LoFi, ttnn.MathFidelity.HiFi2, ttnn.MathFidelity.HiFi3
BF16, BF8 = ttnn.bfloat16, ttnn.bfloat8_b


@dataclass(frozen=True)
class MatmulPrecision:
    """dtype of the output; math fidelity; whether partial sums are fp32, which halves the output subblock (8 -> 4).

    weights: their dtype in a linear layer; None in attention.
    """

    dtype: ttnn.DataType
    fidelity: ttnn.MathFidelity
    fp32: bool = False
    weights: ttnn.DataType | None = None


@dataclass(frozen=True)
class SoftmaxPrecision:
    """approximate: the exponential, by a straight line in its bits (ckernel_sfpu_exp.h); that of a masked score is 0
    in any case. fp32: the destination, with an exponential ten times as slow that bf16 probabilities have no use for.
    """

    approximate: bool
    fp32: bool = False


# Of FF1's GELUs, what a matmul can fuse: its ttnn name and first parameter (ckernel_sfpu_gelu.h).
GELUS = {
    "lines": (ttnn.UnaryOpType.GELU, True),  # six straight lines
    "tanh": (ttnn.UnaryOpType.GELU_TANH, True),  # by tanh, to 5e-4
    "exact": (ttnn.UnaryOpType.GELU, False),
}


@dataclass(frozen=True)
class Precision:
    """One MatmulPrecision per matmul, in the order they run.

    output and ff2 have one dtype, that of the hidden states; ValueError for two. gelu: a name of GELUS.
    small_subblocks: linear layers make one row of at most 4 tiles at a time (1x4 for 2x4), for a board whose supply
    droops under 64 cores of LoFi; the same bits, more slowly.
    """

    qkv: MatmulPrecision
    scores: MatmulPrecision
    context: MatmulPrecision
    output: MatmulPrecision
    ff1: MatmulPrecision
    ff2: MatmulPrecision
    softmax: SoftmaxPrecision = SoftmaxPrecision(approximate=False)
    gelu: str = "exact"
    small_subblocks: bool = False

    def __post_init__(self):
        if self.output.dtype != self.ff2.dtype:
            raise ValueError(f"the hidden states can't be both {self.output.dtype} (output) and {self.ff2.dtype} (ff2)")

    @property
    def hidden(self) -> ttnn.DataType:
        """dtype of the hidden states between the layers."""
        return self.ff2.dtype

    @classmethod
    def uniform(
        cls,
        hidden: ttnn.DataType,
        weights: ttnn.DataType,
        others: ttnn.DataType,
        fidelity: ttnn.MathFidelity,
        fp32: bool,
    ) -> "Precision":
        """One fidelity and accumulation for all matmuls; `others` is the dtype of qkv, scores and ff1.

        The scores' partial sums stay bf16: there are two tiles of K at most, and fp32 ones would not fit L1.
        """
        inner, outer = (MatmulPrecision(dtype, fidelity, fp32, weights) for dtype in (others, hidden))
        return cls(inner, MatmulPrecision(others, fidelity), replace(outer, weights=None), outer, inner, outer)

    @classmethod
    def of_dtypes(cls, hidden: ttnn.DataType, weights: ttnn.DataType) -> "Precision":
        """All bf16, HiFi3 and fp32 sums when both are bf16; otherwise bf8 between the matmuls, HiFi2 and bf16 sums."""
        if weights == hidden == BF16:
            return cls.uniform(BF16, BF16, BF16, HIFI3, True)
        return cls.uniform(hidden, weights, BF8, HIFI2, False)


def profile_precision(profile: str, dims: BertDims) -> Precision:
    """The precision of "performance" or "accuracy" for a model. ValueError, naming the choices, for another name."""
    if profile not in PROFILES:
        raise ValueError(f"optimizations is {profile!r}; choose from {', '.join(PROFILES)}")
    if dims.hidden_size <= 512:
        # Narrow models lose most by cut products, by bf8 weights and by an approximate GELU, and gain least.
        if profile == "accuracy":
            return Precision.uniform(BF16, BF16, BF16, HIFI2, True)
        fast = Precision.uniform(BF16, BF16, BF8, HIFI2, False)
        return replace(fast, ff1=replace(fast.ff1, dtype=BF16))
    if profile == "accuracy":
        precise = Precision.uniform(BF16, BF16, BF16, HIFI2, False)
        # bf16 sums lose most where K is longest and the residual stream is written; fp32 ones cost the bound nothing.
        outer = replace(precise.output, fp32=True)
        # By tanh a GELU costs two thirds, and the exponential a seventh, of what the exact ones do.
        return replace(precise, output=outer, ff2=outer, softmax=SoftmaxPrecision(approximate=True), gelu="tanh")
    fast = Precision.uniform(BF16, BF8, BF8, LOFI, False)
    # A second pass where it costs least for what it gains: in the scores, where LoFi would cut K, and in the output.
    second = {name: replace(getattr(fast, name), fidelity=HIFI2) for name in ("scores", "output")}
    # Trained weights reach scores past 64, where bf8 steps by 1; bf16 ones cost 1 %. They become bf8 where L1 is short.
    second["scores"] = replace(second["scores"], dtype=BF16)
    return replace(fast, **second, softmax=SoftmaxPrecision(approximate=True), gelu="lines")
