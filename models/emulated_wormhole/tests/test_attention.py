# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Softmax masks as the kernels read them, and matmuls whose bits depend on neither the place in a row nor the batch."""

import pytest
import torch

import ttnn
from models import emulated_wormhole

pytestmark = pytest.mark.skipif(not emulated_wormhole.activate().emulated, reason="a card or a simulator is there")
BATCH, HEADS, S = 2, 4, 64
COLUMNS = 2  # core columns; each core has two heads of one batch row
SHAPE = (BATCH, HEADS, S, S)
HIDDEN = -99840.0  # exact in bf16
SHARDED = ttnn.SoftmaxShardedMultiCoreProgramConfig(
    compute_with_storage_grid_size=(COLUMNS, BATCH), subblock_w=2, block_h=HEADS // COLUMNS * S // 32, block_w=S // 32
)


def on(device, value, layout=ttnn.TILE_LAYOUT, dtype=ttnn.bfloat16, **kwargs):
    return ttnn.from_torch(value, dtype=dtype, layout=layout, device=device, **kwargs)


def sharded(device, value, columns=COLUMNS):
    shard = (HEADS * S // columns, S)
    where = ttnn.create_sharded_memory_config(
        shard, ttnn.CoreGrid(x=columns, y=BATCH), ttnn.ShardStrategy.HEIGHT, use_height_and_width_as_shard_shape=True
    )
    return on(device, value, memory_config=where)


def full_mask(batch=BATCH, rows=S):
    mask = HIDDEN * torch.randint(0, 2, (batch, 1, rows, S), generator=torch.Generator().manual_seed(1)).float()
    mask[..., 0] = 0  # every query sees a key
    return mask


def softmax(device, x, mask, program_config=SHARDED, **kwargs):
    layout = ttnn.ROW_MAJOR_LAYOUT if mask.shape[-1] == 32 else ttnn.TILE_LAYOUT
    scores = sharded(device, x) if program_config is SHARDED else on(device, x)
    mask = on(device, mask, layout)
    config = {"numeric_stable": True} | kwargs | ({} if program_config is None else {"program_config": program_config})
    return emulated_wormhole.read(ttnn.scale_mask_softmax_in_place(scores, 0.5, mask, **config))


def expected(x, mask):
    return torch.softmax(x.bfloat16().float() * 0.5 + mask, -1).bfloat16().float()


@pytest.mark.parametrize("program_config", [SHARDED, None])
def test_full_mask_of_each_batch_row(device, program_config):
    x, mask = torch.randn(SHAPE), full_mask()
    assert torch.equal(softmax(device, x, mask, program_config, is_causal_mask=True), expected(x, mask))
    with pytest.raises(emulated_wormhole.EmulationError, match="pass is_causal_mask=True"):
        softmax(device, x, mask, program_config)


def test_without_the_maximum_large_scores_are_lost(device):
    """As in the kernel: half of 200 is more than fp32 has an exponential for, half of 100 is not."""
    x, mask = torch.zeros(SHAPE), full_mask()
    x[0, 0, 0, 0], x[0, 0, 1, 0] = 200.0, 100.0
    mask[0, 0, :2, 0] = 0
    rows = softmax(device, x, mask, is_causal_mask=True, numeric_stable=False)[0, 0]
    assert rows[0].isnan().any() and torch.allclose(rows[1], expected(x, mask)[0, 0, 1])
    assert torch.equal(softmax(device, x, mask, is_causal_mask=True), expected(x, mask))


@pytest.mark.parametrize("rows", ["row-major", 1, 32])
def test_one_row_for_all_queries(device, rows):
    """Of a mask in tiles the first row counts, whatever the others hold."""
    x, mask = torch.randn(SHAPE), full_mask(rows=1 if rows == "row-major" else rows)
    given = mask.reshape(BATCH, 1, S // 32, 32) if rows == "row-major" else mask
    assert torch.equal(softmax(device, x, given), expected(x, mask[..., :1, :]))


@pytest.mark.parametrize(
    "mask, causal, message",
    [
        (torch.zeros(BATCH, 1, S // 32, 32), True, "would hang"),
        (full_mask(rows=32), True, "as many rows as the scores, 64, not 32"),
        (full_mask(batch=1), True, "1 batch rows and the scores 2"),
        (full_mask(batch=1, rows=32), False, "1 batch rows and the scores 2"),
        (full_mask(batch=3), True, "3 batch rows and the scores 2"),
    ],
)
def test_masks_that_the_kernel_reads_otherwise(device, mask, causal, message):
    with pytest.raises(emulated_wormhole.EmulationError, match=message):
        softmax(device, torch.randn(SHAPE), mask, is_causal_mask=causal)


def test_cores_with_less_than_a_head(device):
    x, mask = sharded(device, torch.randn(SHAPE), 8), on(device, full_mask())
    program = ttnn.SoftmaxShardedMultiCoreProgramConfig(
        compute_with_storage_grid_size=(8, BATCH), subblock_w=2, block_h=1, block_w=S // 32
    )
    with pytest.raises(emulated_wormhole.EmulationError, match="whole heads"):
        ttnn.scale_mask_softmax_in_place(x, 0.5, mask, program_config=program, is_causal_mask=True)


def test_hw_dims_softmax_has_one_mask(device):
    x, mask, op = torch.randn(SHAPE), full_mask(), ttnn.scale_causal_mask_hw_dims_softmax_in_place
    out = op(sharded(device, x), 0.5, on(device, mask[:1]), program_config=SHARDED)
    assert torch.equal(emulated_wormhole.read(out), expected(x, mask[:1]))
    with pytest.raises(emulated_wormhole.EmulationError, match="first mask for all"):
        op(sharded(device, x), 0.5, on(device, mask), program_config=SHARDED)


def product(device, a, b):
    a, b = (on(device, x, dtype=ttnn.float32) for x in (a, b))
    return emulated_wormhole.read(ttnn.matmul(a, b, dtype=ttnn.float32))


@pytest.mark.parametrize("length", [40, 96, 130])
def test_bits_of_times_v_do_not_depend_on_the_place(device, length):
    """A segment among tiles of zeros, at each tile of two lengths and alone."""
    own = -(-length // 32) * 32
    p, v = torch.rand(1, 8, own, length), torch.randn(1, 8, length, 64)
    pad = torch.nn.functional.pad
    alone = product(device, pad(p, (0, own - length)), pad(v, (0, 0, 0, own - length)))
    for total in (256, 384):
        for start in range(0, total - own + 1, 32):
            left, right = torch.zeros(1, 8, total, total), torch.randn(1, 8, total, 64)
            left[..., start : start + own, start : start + length], right[..., start : start + length, :] = p, v
            assert torch.equal(product(device, left, right)[..., start : start + own, :], alone), (total, start)


def test_bits_of_q_times_k_do_not_depend_on_the_place(device):
    q, k = torch.randn(1, 8, 96, 64), torch.randn(1, 8, 64, 96)
    alone = product(device, q, k)
    for start in range(0, 384 - 96 + 1, 32):
        left, right, place = torch.randn(1, 8, 384, 64), torch.randn(1, 8, 64, 384), slice(start, start + 96)
        left[..., place, :], right[..., place] = q, k
        assert torch.equal(product(device, left, right)[..., place, place], alone), start


@pytest.mark.parametrize("lead", [(5, 3), (1, 3), (1, 1), ()])
def test_bits_do_not_depend_on_the_batch(device, lead):
    """A second operand per row, one for all rows, and weights; 5 rows, 2 and 1."""
    a, b = torch.randn(5, 3, 64, 224), torch.randn(*lead, 224, 64)
    b = b.expand(5, -1, -1, -1) if lead[1:] == (3,) else b
    together = product(device, a, b)
    assert torch.allclose(together, a @ b, atol=1e-4)
    for rows in (slice(0, 1), slice(4, 5), slice(1, 3)):
        assert torch.equal(product(device, a[rows], b[rows] if b.shape[0] == 5 else b), together[rows])


def test_bits_of_a_batched_product_do_not_depend_on_the_batch(device):
    """A batch of one too: with fuse_batch=False its second operand is no weights. Sums that are not exact in fp32."""
    program = ttnn.MatmulMultiCoreReuseMultiCast1DProgramConfig(
        compute_with_storage_grid_size=(2, 1),
        in0_block_w=7,
        out_subblock_h=1,
        out_subblock_w=1,
        per_core_M=1,
        per_core_N=1,
        fuse_batch=False,
        mcast_in0=True,
    )

    def sums(a, b):
        a, b = (on(device, x, dtype=ttnn.float32) for x in (a, b))
        return emulated_wormhole.read(ttnn.matmul(a, b, dtype=ttnn.float32, program_config=program))

    a, b = torch.randn(5, 1, 32, 224), torch.randn(5, 1, 224, 64)
    together = sums(a, b)
    assert all(torch.equal(sums(a[i : i + 1], b[i : i + 1]), together[i : i + 1]) for i in range(5))
    assert all(torch.equal(sums(a[:, :, :rows], b), together[:, :, :rows]) for rows in (1, 2, 9))
