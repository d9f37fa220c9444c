# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The masked softmax as a Wormhole computes it, pass by pass; part of modelled fidelity.

After ttnn 0.81.1's normalization/softmax/device/kernels/attention/compute/softmax_sharded.cpp: scale, plus mask, maximum,
less maximum with the exponential (sfpu.py), sum, times its reciprocal. Every pass leaves bf16 in L1, or fp32 with
fp32_dest_acc_en, which the next one reads as TF32. With bf16 Dst an addition rounds as in fidelity.py, and the sum of a
row grows 16 exponentials at a time in bf16 (llk_math_reduce.h: MVMUL with the scaler in SrcA), so that rows do not sum
to 1 (tt-metal issue 52045).
"""

import torch

from models.emulated_wormhole import sfpu
from models.emulated_wormhole.fidelity import _PHASES_OF, MODELLED, PHASES, STEP, packed, round_dst_, truncate
from models.emulated_wormhole.golden_ops import TILE, softmax_mask


def _dst(x: torch.Tensor, fp32: bool) -> torch.Tensor:
    return x if fp32 else round_dst_(x.contiguous())


def _parts(x: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the first phase multiplies of an operand, and what another one does."""
    high = truncate(x, bits)
    return high, x - high


def _times(a: torch.Tensor, b: torch.Tensor, phases: int, fp32: bool) -> torch.Tensor:
    """ELWMUL: a in SrcA, b in SrcB, one phase after another into Dst."""
    a_parts, b_parts = _parts(a, 4), _parts(b, 6)
    total = torch.zeros(())
    for a_low, b_low in PHASES[:phases]:
        total = _dst(total + a_parts[a_low] * b_parts[b_low], fp32)
    return total


def _row_sums(x: torch.Tensor, phases: int, fp32: bool) -> torch.Tensor:
    """(…, W) -> (…, 1): tile by tile, phases that add something, 16 columns at a time."""
    if fp32:
        return x.sum(-1, keepdim=True)
    total = torch.zeros(*x.shape[:-1], 1)
    high, low = _parts(x, 6)
    for start in range(0, x.shape[-1], TILE):
        for part in (high, low)[: 2 if phases > 2 else 1]:
            for column in range(start, start + TILE, STEP):
                total = _dst(total + part[..., column : column + STEP].sum(-1, keepdim=True), fp32)
    return total


def scale_mask_softmax(
    x,
    scale=None,
    mask=None,
    *,
    tensors,
    is_causal_mask=False,
    program_config=None,
    numeric_stable=False,
    compute_kernel_config=None,
    **_,
):
    """x: (B, nh, S, T); masks as in golden_ops. Without a compute config ttnn's default: approximate, bf16, HiFi4."""
    config = compute_kernel_config
    phases, approximate, fp32 = (
        (4, True, False)
        if config is None
        else (_PHASES_OF[config.math_fidelity], config.math_approx_mode, config.fp32_dest_acc_en)
    )
    if approximate and fp32:
        raise NotImplementedError("an approximate exponential with fp32_dest_acc_en is not modelled")
    if mask is not None:  # without one there is no such pass
        x = _times(x, torch.tensor(1.0 if scale is None else scale), phases, fp32)
        x = _dst(x + softmax_mask(x, mask, tensors[1].layout, is_causal_mask, program_config), fp32)
    if numeric_stable:
        x = _dst(x - x.amax(-1, keepdim=True), fp32)
    powers = (sfpu.exp_fp32 if fp32 else sfpu.exp_approx if approximate else sfpu.exp_21f)(x)
    powers = truncate(powers, 10) if fp32 else powers
    scales = sfpu.reciprocal(_row_sums(powers, phases, fp32), fp32)
    out = _times(powers, truncate(scales, 10) if fp32 else scales, phases, fp32)
    return packed(out, tensors[0].dtype, fp32)


MODELLED["ttnn.scale_mask_softmax_in_place"] = MODELLED["ttnn.scale_mask_softmax"] = scale_mask_softmax
