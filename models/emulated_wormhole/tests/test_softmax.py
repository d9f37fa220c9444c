# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The modelled softmax: nothing of a masked score is left, nothing overflows, and neighbours change no bit."""

from types import SimpleNamespace

import pytest
import torch

import ttnn
from models.emulated_wormhole.golden_ops import _scale_mask_softmax
from models.emulated_wormhole.softmax import scale_mask_softmax

MASKED = -1e5
VARIANTS = {"approximate": (True, False), "exact": (False, False), "exact fp32": (False, True)}
variants = pytest.mark.parametrize("variant", VARIANTS)


def softmax(variant: str, x: torch.Tensor, mask: torch.Tensor, dtype=ttnn.bfloat16, function=scale_mask_softmax):
    approximate, fp32 = VARIANTS[variant]
    kernel = ttnn.WormholeComputeKernelConfig(
        math_fidelity=ttnn.MathFidelity.HiFi3, math_approx_mode=approximate, fp32_dest_acc_en=fp32
    )
    tensors = [SimpleNamespace(dtype=dtype), SimpleNamespace(layout=ttnn.TILE_LAYOUT)]
    options = {"is_causal_mask": True, "numeric_stable": True, "compute_kernel_config": kernel}
    return function(x, None, mask, tensors=tensors, **options)


def scores(*shape: int, size: float = 3.0) -> torch.Tensor:
    return (size * torch.randn(*shape, generator=torch.Generator().manual_seed(0))).bfloat16().float()


def block_mask(*lengths: int) -> torch.Tensor:
    """(1, 1, S, S): tokens of texts that lie one after another see their own text."""
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return torch.where(owner[:, None] == owner[None], 0.0, MASKED)[None, None]


@variants
def test_masked_scores_are_0_and_rows_are_as_exact_ones(variant):
    x, mask = scores(1, 2, 96, 96), block_mask(32, 30, 34)
    out = softmax(variant, x, mask)
    assert (out[mask.expand_as(out) < 0] == 0).all()
    exact = softmax(variant, x, mask, function=_scale_mask_softmax)
    worst = {"approximate": 0.03, "exact": 0.02, "exact fp32": 0.004}[variant]
    assert (out - exact).abs().max() < worst
    assert (out.sum(-1) - 1).abs().max() < 2 * worst


@variants
@pytest.mark.parametrize("dtype", [ttnn.bfloat16, ttnn.bfloat8_b])
def test_nothing_is_inf_or_nan(variant, dtype):
    """Scores of +-100 beside each other, all of 100, all of -100, a row masked but for one token, and all padding."""
    x = torch.cat(
        [torch.full((1, 1, 32, 64), 100.0), torch.full((1, 1, 32, 64), -100.0), scores(1, 1, 64, 64, size=60)], 2
    )
    x[..., :32, ::3] = -100.0
    mask = torch.zeros(1, 1, 128, 64)
    mask[..., 64:, 1:] = MASKED
    mask[..., 96:, :] = MASKED
    out = softmax(variant, x, mask, dtype)
    assert torch.isfinite(out).all() and (out >= 0).all()
    assert (out[..., 64:96, 0] - 1).abs().max() <= 2.0**-7 and (out[..., 64:96, 1:] == 0).all()


@variants
def test_bits_do_not_depend_on_neighbours_and_place(variant):
    """A text of 40 tokens alone in 64, before another in 128, and after one in 160; padding of its tile is hidden."""
    x, other = scores(1, 2, 64, 64), scores(1, 2, 160, 160, size=20)

    def at(start: int, length: int) -> torch.Tensor:
        whole, mask = other[..., :length, :length].clone(), torch.zeros(1, 1, length, length)
        whole[..., start : start + 64, start : start + 64] = x
        mask[..., start : start + 64, :] = mask[..., :, start : start + 64] = MASKED
        mask[..., start : start + 64, start : start + 40] = 0
        return softmax(variant, whole, mask)[..., start : start + 64, start : start + 64]

    alone = at(0, 64)
    assert torch.equal(alone, at(0, 128)) and torch.equal(alone, at(96, 160))


def test_an_approximate_exponential_in_fp32_is_refused(monkeypatch):
    monkeypatch.setitem(VARIANTS, "approximate", (True, True))
    with pytest.raises(NotImplementedError, match="fp32_dest_acc_en"):
        softmax("approximate", scores(1, 1, 32, 32), torch.zeros(1, 1, 32, 32))
