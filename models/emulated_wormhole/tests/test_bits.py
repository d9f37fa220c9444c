# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The bits of every value: those of straightforward.py, and where no sum is rounded those recorded here.

A recorded hash holds on every CPU: its inputs are made of random integers, and either nothing is summed or every sum is
exact. Other sums depend on the CPU and its BLAS, but not on how the emulation comes by them.
"""

import hashlib

import pytest
import torch

import ttnn
from models import emulated_wormhole
from models.emulated_wormhole.quantise import quantise
from models.emulated_wormhole.tests import straightforward

pytestmark = pytest.mark.skipif(not emulated_wormhole.activate().emulated, reason="a card or a simulator is there")
BF16, BF8, BF4, FP32 = ttnn.bfloat16, ttnn.bfloat8_b, ttnn.bfloat4_b, ttnn.float32
FORMATS = pytest.mark.parametrize("dtype", [BF16, BF8, FP32], ids=lambda dtype: dtype.name)
BATCH, HEADS, S, D = 3, 4, 96, 32
H = HEADS * D
gelu = torch.nn.functional.gelu
READ = emulated_wormhole.read


def patterns(count: int, low: int, high: int, seed: int = 0) -> torch.Tensor:
    """fp32 of any sign and mantissa, of biased exponents from low to below high; a few zeros and ties among them."""
    generator = torch.Generator().manual_seed(seed)
    mantissa, exponent, sign, kind = (
        torch.randint(a, b, (count,), generator=generator, dtype=torch.int32)
        for a, b in ((0, 1 << 23), (low, high), (-1, 1), (0, 8))
    )
    mantissa[kind == 0] &= -(1 << 15)
    bits = (exponent << 23) | mantissa
    bits[kind == 1] = 0
    return (bits | sign << 31).view(torch.float32)


def same(got: torch.Tensor, expected: torch.Tensor) -> bool:
    """Bit for bit, where any NaN is the same."""
    got, expected = got.contiguous(), expected.contiguous()
    different = got.view(torch.int32) != expected.view(torch.int32)
    return got.shape == expected.shape and not (different & ~(got.isnan() & expected.isnan())).any()


def digest(value: torch.Tensor) -> str:
    return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()[:16]


def small(*shape: int, seed: int = 0, limit: int = 8) -> torch.Tensor:
    """Integers below `limit`, of which all formats hold the small ones and whose products fp32 sums exactly."""
    return torch.randint(1 - limit, limit, shape, generator=torch.Generator().manual_seed(seed)).float()


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def on(device, value: torch.Tensor, dtype=BF16, layout=ttnn.TILE_LAYOUT):
    return ttnn.from_torch(value, dtype=dtype, layout=layout, device=device)


RANGES = [(0, 256), (0, 4), (1, 40), (110, 135), (240, 255), (254, 256)]


@pytest.mark.parametrize("dtype", [BF16, BF8, BF4, FP32], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("low, high", RANGES)
def test_rounding(dtype, low, high):
    """Of zeros, denormals, ties, infinities and NaN too; of strided values, rows of no whole block, and in place."""
    value = patterns(1 << 19, low, high).view(8, 32, -1)
    for part in (value, value[0, 0, :16], value.transpose(1, 2), value[..., :999], value[:, ::3, 32:]):
        before = part.clone()
        assert same(quantise(part, dtype), straightforward.rounded(part, dtype)), tuple(part.shape)
        assert same(part, before)
    assert same(quantise(value.clone(), dtype, in_place=True), straightforward.rounded(value, dtype))


@pytest.mark.parametrize(
    "dtype, recorded",
    [(BF16, "bc22791769600445"), (BF8, "c4275aef6c7f6244"), (BF4, "53b95ebf43eb71a0")],
    ids=lambda x: getattr(x, "name", ""),
)
def test_recorded_rounding(dtype, recorded):
    assert digest(quantise(patterns(1 << 19, 0, 255), dtype)) == recorded


@pytest.mark.parametrize(
    "dtype, recorded",
    [(BF16, "581b603db2c0f82f"), (BF8, "b50cc4496fa243a0"), (FP32, "1e7b7d164ecc7879")],
    ids=lambda x: getattr(x, "name", ""),
)
def test_recorded_ops(device, dtype, recorded):
    """Look-up, linear with bias and ReLU, split into heads, batched matmul, heads joined."""
    ids = torch.randint(0, 50, (BATCH, S), generator=torch.Generator().manual_seed(1), dtype=torch.int32)
    table = on(device, small(50, H), BF16, ttnn.ROW_MAJOR_LAYOUT)
    found = ttnn.embedding(on(device, ids, ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT), table, layout=ttnn.TILE_LAYOUT)
    x = ttnn.typecast(ttnn.reshape(found, (BATCH, 1, S, H)), dtype)
    weight, bias = on(device, small(1, 1, H, 3 * H, seed=2), dtype), on(device, small(1, 1, 1, 3 * H, seed=3))
    qkv = ttnn.linear(x, weight, bias=bias, activation="relu", dtype=dtype)
    q, k, v = ttnn.experimental.nlp_create_qkv_heads(
        qkv, num_heads=HEADS, num_kv_heads=HEADS, transpose_k_heads=True, memory_config=ttnn.DRAM_MEMORY_CONFIG
    )
    product = ttnn.matmul(on(device, small(BATCH, HEADS, S, S, seed=4), dtype), v, dtype=dtype)
    out = ttnn.experimental.nlp_concat_heads(product, memory_config=ttnn.DRAM_MEMORY_CONFIG)
    values = [READ(t) for t in (x, qkv, q, k, v, product, out)]
    assert digest(torch.cat([value.flatten() for value in values])) == recorded


@pytest.mark.parametrize("fp32, recorded", [(True, "e1d3296c45d4b6e9"), (False, "33e68f01c3988b81")])
def test_recorded_fidelity(device, fp32, recorded):
    """LoFi with sums in fp32 and in bf16, whose rounding does not depend on the CPU."""
    kernel = ttnn.WormholeComputeKernelConfig(
        math_fidelity=ttnn.MathFidelity.LoFi, fp32_dest_acc_en=fp32, packer_l1_acc=True
    )
    x, weight = on(device, small(BATCH, 1, S, H, limit=200)), on(device, small(1, 1, H, 2 * H, seed=1, limit=200), BF8)
    with emulated_wormhole.modelled_fidelity():
        out = [ttnn.linear(x, weight, activation="relu", dtype=d, compute_kernel_config=kernel) for d in (BF16, BF8)]
    assert digest(torch.stack([READ(t) for t in out])) == recorded


@FORMATS
@pytest.mark.parametrize("batch, rows", [(1, 32), (BATCH, S), (5, 40), (2, 1)])
def test_linear(device, batch, rows, dtype):
    x, weight = on(device, random(batch, 1, rows, 224)), on(device, random(1, 1, 224, 320, seed=1), BF8)
    bias = on(device, random(1, 1, 1, 320, seed=2))
    plain, fused = (ttnn.linear(x, weight, bias=bias, activation=act, dtype=dtype) for act in (None, "gelu"))
    assert same(READ(plain), straightforward.rounded(straightforward.linear(READ(x), READ(weight), READ(bias)), dtype))
    assert same(
        READ(fused), straightforward.rounded(straightforward.linear(READ(x), READ(weight), READ(bias), gelu), dtype)
    )


@FORMATS
@pytest.mark.parametrize("batch, length", [(1, 32), (2, 256), (BATCH, S)])
def test_attention(device, batch, length, dtype):
    """Each of its ops on the values that the op before has made; zeros among the probabilities."""
    memory, size = ttnn.DRAM_MEMORY_CONFIG, 3 * H
    qkv = on(device, random(batch, 1, length, size), dtype)
    row_major = ttnn.experimental.nlp_create_qkv_heads(
        qkv, num_heads=HEADS, num_kv_heads=HEADS, transpose_k_heads=True, memory_config=memory
    )
    parts = READ(qkv).split(H, -1)
    q, k, v = (part.reshape(batch, length, HEADS, D).transpose(1, 2) for part in parts)
    for got, part in zip(row_major, (q, k.transpose(-1, -2), v), strict=True):
        assert same(READ(got), straightforward.rounded(part, dtype))
    q, k, v = row_major
    scores = ttnn.matmul(q, k, dtype=dtype)
    raw = READ(scores)
    assert same(raw, straightforward.rounded(straightforward.matmul(READ(q), READ(k)), dtype))
    mask = torch.zeros(batch, 1, length, length)
    mask[..., length // 3 :] = -1e5
    chances = ttnn.scale_mask_softmax_in_place(scores, None, on(device, mask), is_causal_mask=True, numeric_stable=True)
    shown = READ(on(device, mask))
    assert same(READ(chances), straightforward.rounded(straightforward.softmax(raw, shown), dtype))
    context = ttnn.matmul(chances, v, dtype=dtype)
    assert same(READ(context), straightforward.rounded(straightforward.matmul(READ(chances), READ(v)), dtype))
    got = ttnn.experimental.nlp_concat_heads(context, memory_config=memory)
    assert same(READ(got), straightforward.rounded(straightforward.joined(READ(context)), dtype))


def test_heads_grouped_by_head(device):
    grid = ttnn.CoreGrid(x=HEADS, y=BATCH)
    memory = ttnn.create_sharded_memory_config((BATCH, 1, S, 3 * H), grid, ttnn.ShardStrategy.BLOCK)
    for dtype in (BF16, BF8):
        qkv = ttnn.from_torch(
            random(BATCH, 1, S, 3 * H), dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device, memory_config=memory
        )
        got = ttnn.experimental.create_qkv_heads(
            qkv, num_heads=HEADS, num_kv_heads=HEADS, memory_config=ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
        )
        for part, expected in zip(got, straightforward.heads(READ(qkv), HEADS), strict=True):
            assert same(READ(part), straightforward.rounded(expected, dtype))


@FORMATS
def test_softmax_without_the_maximum(device, dtype):
    x, mask = random(BATCH, HEADS, S, S), torch.zeros(BATCH, 1, 32, S)
    mask[1:, ..., S // 2 :] = -1e5
    x[0, 0, 0, 0] = 100.0
    scores, mask = on(device, x, dtype), on(device, mask)
    raw = READ(scores)
    out = ttnn.scale_mask_softmax_in_place(scores, None, mask, numeric_stable=False)
    expected = straightforward.softmax(raw, READ(mask)[..., :1, :], stable=False)
    assert expected.isnan().any() and same(READ(out), straightforward.rounded(expected, dtype))


@FORMATS
def test_layer_norm(device, dtype):
    x, residual = (on(device, random(BATCH, 1, S, H, seed=seed), dtype) for seed in (0, 1))
    weight, bias = (on(device, random(1, 1, 1, H, seed=seed)) for seed in (2, 3))
    values = [READ(t) for t in (x, residual, weight, bias)]
    out = ttnn.layer_norm(x, epsilon=1e-12, weight=weight, bias=bias, residual_input_tensor=residual)
    assert same(READ(out), straightforward.rounded(straightforward.layer_norm(*values), out.dtype))


def test_moves_keep_bits(device):
    """Where a value is only moved, and where it is cast."""
    x = on(device, random(2, 1, 64, 96))
    in_l1, row_major = ttnn.to_memory_config(x, ttnn.L1_MEMORY_CONFIG), ttnn.to_layout(x, ttnn.ROW_MAJOR_LAYOUT)
    assert all(same(READ(moved), READ(x)) for moved in (in_l1, row_major, ttnn.clone(x)))
    for dtype in (BF8, BF4, FP32):
        cast = ttnn.typecast(x, dtype)
        assert same(READ(cast), straightforward.rounded(READ(x), dtype))
        assert same(READ(ttnn.typecast(cast, BF16)), straightforward.rounded(READ(cast), BF16))
        assert same(READ(ttnn.reshape(cast, (1, 2, 64, 96))).flatten(), READ(cast).flatten())
