# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The optional model of matmul fidelity and accumulation, bit by bit and through ttnn."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import ttnn
from models import emulated_wormhole
from models.emulated_wormhole.fidelity import Arithmetic, linear, matmul, packed, round_dst_, truncate
from models.emulated_wormhole.quantise import quantise

pytestmark = pytest.mark.skipif(not emulated_wormhole.activate().emulated, reason="a card or a simulator is there")
BF16, BF8, FP32 = ttnn.bfloat16, ttnn.bfloat8_b, ttnn.float32
FIDELITIES = [getattr(ttnn.MathFidelity, name) for name in ("LoFi", "HiFi2", "HiFi3", "HiFi4")]
ONES = 1.9921875  # 1.1111111 in binary, the 1 + 7 bits of a bf16


def arithmetic(phases=1, fp32=True, l1_acc=True, k_block=0, in0=BF16, in1=BF16, out=FP32):
    return Arithmetic(phases, fp32, l1_acc, k_block, in0, in1, out)


def random(*shape, dtype=BF16, seed=0):
    return quantise(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dtype)


def error(got, expected):
    return ((got - expected).norm() / expected.norm()).item()


def kernel(phases, fp32):
    settings = dict(math_fidelity=FIDELITIES[phases - 1], fp32_dest_acc_en=fp32, packer_l1_acc=True)
    return ttnn.WormholeComputeKernelConfig(**settings)


def tiles(device, value, dtype=BF16):
    return ttnn.from_torch(value, dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device)


@pytest.mark.parametrize(
    "phases, product",
    [(1, 1.984375 * 1.9375), (2, 1.984375 * ONES), (3, 1.984375 * ONES + 2**-7 * 1.9375), (4, ONES * ONES)],
)
def test_bits_that_survive(phases, product):
    """in0 is SrcB with 7 bits in the first phase, in1 is SrcA with 5; both are cut, not rounded, whatever the sign."""
    got = matmul(torch.tensor([[ONES], [-ONES]]), torch.tensor([[ONES]]), arithmetic(phases))
    assert got.tolist() == [[product], [-product]]


def test_fp32_operands_are_cut():
    """To TF32 with fp32 accumulation, of which SrcA gives 1 + 9 bits; to bf16 without."""
    almost_two, one = torch.full((1, 1), 2 - 2**-23), torch.ones(1, 1)
    as_fp32 = arithmetic(4, in0=FP32, in1=FP32)
    assert matmul(almost_two, one, as_fp32).item() == 2 - 2**-10
    assert matmul(one, almost_two, as_fp32).item() == 2 - 2**-9
    assert matmul(one, almost_two, replace(as_fp32, fp32=False)).item() == ONES


def test_rounding_of_dst():
    """1 + n/16 of a bf16 step (2^-7): to TF32 and then to bf16, ties away, so 7/16 already goes up."""
    values = torch.tensor([1 + 2**-11 * n for n in (0, 6, 7, 8, 9, 24)])
    expected = torch.tensor([1 + 2**-7 * n for n in (0, 0, 1, 1, 1, 2)])
    assert torch.equal(round_dst_(values.clone()), expected) and torch.equal(round_dst_(-values), -expected)


def test_16_products_are_summed_before_rounding():
    """2^-10 is lost to a bf16 1.0, sixteen of them are not; K blocks added up in L1 keep what Dst loses."""
    in0, in1, bf16 = torch.full((1, 64), 2.0**-10), torch.ones(64, 1), arithmetic(fp32=False)
    in0[0, 0], in0[0, 1:16] = 1, 0
    assert matmul(in0, in1, bf16).item() == 1 + 3 * 2**-6
    in0[0, 16:32], in0[0, 32:] = 0, 2**-10 / 6
    assert matmul(in0, in1, bf16).item() == 1
    assert matmul(in0, in1, replace(bf16, k_block=1), torch.zeros(1, 1)).item() == 1 + 2**-7
    in0, in1 = random(32, 256), random(256, 32, seed=1)
    kept, spilled = (error(matmul(in0, in1, arithmetic(2, False, l1, 2, out=BF8)), in0 @ in1) for l1 in (True, False))
    assert kept < 0.8 * spilled


def test_packing_to_bfloat8_b():
    """bf16 first loses its last bit, ties away from zero; so does then a small element against the shared exponent."""
    row, expected = torch.zeros(2, 2, 16)
    row[0, :3] = torch.tensor([1 + 2**-7, 0.5 + 2**-8, -(0.5 + 2**-7)])
    expected[0, :3] = torch.tensor([1 + 2**-6, 0.5 + 2**-6, -(0.5 + 2**-6)])
    row[1, :3] = torch.tensor([1.0, 2**-7, -(2**-7)])  # the smallest tie
    expected[1, :3] = torch.tensor([1.0, 2**-6, -(2**-6)])
    assert torch.equal(quantise(packed(row, BF8, False), BF8), expected)


def test_highest_fidelity_is_the_golden_matmul(device):
    a, b, bias = (tiles(device, torch.randn(1, 1, *shape)) for shape in ((64, 256), (256, 96), (1, 96)))
    for arguments, tolerance in (({}, 1e-6), ({"bias": bias}, 1e-3)):  # a bias is added to partial sums cut to TF32
        golden = ttnn.linear(a, b, **arguments, compute_kernel_config=kernel(4, True), dtype=FP32)
        with emulated_wormhole.modelled_fidelity():
            modelled = ttnn.linear(a, b, **arguments, compute_kernel_config=kernel(4, True), dtype=FP32)
        assert error(emulated_wormhole.read(modelled), emulated_wormhole.read(golden)) < tolerance


def test_order_of_fidelities_and_accumulation():
    in0, in1 = random(64, 512), random(512, 64, seed=1)
    fp32, bf16 = ([error(matmul(in0, in1, arithmetic(n, fp32)), in0 @ in1) for n in (1, 2, 3, 4)] for fp32 in (1, 0))
    assert 0.04 > fp32[0] > 3 * fp32[1] > 9 * fp32[2] > 27 * fp32[3]
    assert all(narrow > 2 * wide for narrow, wide in zip(bf16[1:], fp32[1:], strict=True))
    bf8, five_bits = random(64, 256, dtype=BF8), truncate(random(256, 64, seed=1), 4)
    assert error(matmul(bf8, five_bits, arithmetic(1, in0=BF8)), bf8 @ five_bits) < 1e-6


@pytest.mark.parametrize("fp32", [False, True])
def test_bits_do_not_depend_on_the_batch(device, fp32):
    value, weight = torch.randn(4, 1, 64, 256), tiles(device, torch.randn(1, 1, 256, 96), BF8)
    config = dict(activation="gelu", compute_kernel_config=kernel(2, fp32))
    with emulated_wormhole.modelled_fidelity():
        together = emulated_wormhole.read(ttnn.linear(tiles(device, value), weight, **config))
        alone = [emulated_wormhole.read(ttnn.linear(tiles(device, row[None]), weight, **config)) for row in value]
    assert torch.equal(together, torch.cat(alone))


def test_off_by_default_and_after_an_exception(device):
    a, b = tiles(device, torch.randn(1, 1, 64, 256)), tiles(device, torch.randn(1, 1, 256, 96))
    golden = (emulated_wormhole.read(a) @ emulated_wormhole.read(b)).bfloat16().float()

    def is_golden():
        return torch.equal(emulated_wormhole.read(ttnn.matmul(a, b, compute_kernel_config=kernel(1, False))), golden)

    assert is_golden()
    with pytest.raises(ZeroDivisionError), emulated_wormhole.modelled_fidelity():
        assert not is_golden()
        raise ZeroDivisionError
    assert is_golden()


@pytest.mark.parametrize("in0, in1", [(BF16, BF16), (BF8, BF8), (BF16, BF8), (FP32, FP32)])
def test_defaults_are_those_of_the_library(device, in0, in1):
    a, b = tiles(device, torch.randn(1, 1, 32, 64), in0), tiles(device, torch.randn(1, 1, 64, 32), in1)
    config = ttnn.create_matmul_attributes(a, b, ttnn._ttnn.operations.matmul.MatmulParams(), []).compute_kernel_config
    ours = Arithmetic.of(a, b, ttnn.matmul(a, b))
    assert FIDELITIES[ours.phases - 1] == config.math_fidelity
    assert (ours.fp32, ours.l1_acc) == (config.fp32_dest_acc_en, config.packer_l1_acc)


def test_only_the_approximate_gelu_is_approximate():
    x, one, fp32 = torch.linspace(-6, 6, 1024)[None].bfloat16().float(), torch.eye(1024), arithmetic(4)
    for parameter, low, high in ((True, 0.005, 0.03), (False, 0, 1e-6)):
        program = SimpleNamespace(fused_activation=ttnn.UnaryWithParam(ttnn.UnaryOpType.GELU, parameter))
        out = linear(x, one, arithmetic=fp32, program_config=program)
        assert low <= (out - torch.nn.functional.gelu(x)).abs().max() < high
    assert torch.equal(linear(x, one, arithmetic=fp32, activation="gelu")[x.abs() >= 3], torch.relu(x[x.abs() >= 3]))
