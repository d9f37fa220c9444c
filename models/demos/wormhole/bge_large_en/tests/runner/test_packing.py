# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A text's vector has the same bits wherever the text lands; packed densely it is still near the right one."""

import dataclasses
import random

import pytest
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, default_buckets
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.step_inputs import MASKED
from models.demos.wormhole.bge_large_en.tests.emulation import modelled_fidelity, read
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.runner.small_model import (
    BASE,
    VOCABULARY,
    expected,
    random_lengths,
    reference,
    run_at,
    small_runner,
    texts,
)

POOLINGS = pytest.mark.parametrize("pooling", ["cls", "mean"])
BUCKETS = Buckets((32, 64, 128, 256), (1, 8), packed=(128, 256))
LENGTHS = (1, 5, 31, 32, 33, 47, 64, 65, 90)


def bits(pooled: torch.Tensor) -> torch.Tensor:
    return pooled.view(torch.int32)


@pytest.fixture(scope="module")
def device():
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


@pytest.fixture(scope="module", params=["cls", "mean"])
def runner(device, request):
    runner = small_runner(device, request.param, length=256, buckets=BUCKETS)
    yield runner
    runner.close()


def scattered(lengths, batch: int, sequence: int, seed: int) -> list[tuple[int, int]]:
    """A (row, start) for every length, each on tiles of its own, anywhere."""
    random_ = random.Random(seed)
    free = {(row, tile) for row in range(batch) for tile in range(sequence // 32)}
    at = []
    for length in lengths:
        own = -(-length // 32)
        fits = [(r, t) for r, t in sorted(free) if all((r, t + i) in free for i in range(own))]
        row, tile = random_.choice(fits)
        free -= {(row, tile + i) for i in range(own)}
        at.append((row, tile * 32))
    return at


def test_bits_in_every_shape_and_place(runner):
    """Alone, in every bucket that takes it, and anywhere in packed rows, beside other texts or nothing."""
    rows = texts(LENGTHS)
    alone = torch.cat([runner.run([row]) for row in rows])
    for batch, sequence, packed in runner.plans:
        fit = [i for i, row in enumerate(rows) if len(row) <= sequence]
        for seed in range(3 if packed else 1):
            kept = fit if packed else random.Random(sequence).sample(fit, min(batch, len(fit)))
            at = [(row, 0) for row in range(len(kept))]
            if packed:
                at = scattered([len(rows[i]) for i in kept], batch, sequence, seed)
            got = run_at(runner, (batch, sequence, packed), [rows[i] for i in kept], at)
            assert torch.equal(bits(got), bits(alone[kept])), (batch, sequence, packed, at)


def test_bits_in_any_company(runner):
    """Together, backwards, shuffled, twice, and with the plan the runner makes."""
    rows = texts([*LENGTHS, *random_lengths(20, 64, seed=2)], seed=2)
    together = runner.run(rows)
    assert any(step.packed for step in runner.planned(rows))
    order = random.Random(3).sample(range(len(rows)), len(rows))
    assert torch.equal(bits(runner.run([rows[i] for i in order])), bits(together[order]))
    assert torch.equal(bits(runner.run(rows + rows)), bits(together.repeat(2, 1)))
    assert torch.equal(bits(torch.cat([runner.run([row]) for row in rows])), bits(together))


def test_right_and_not_only_equal(runner):
    rows = texts([*LENGTHS, *random_lengths(20, 64, seed=4)], seed=4)
    assert any(step.packed for step in runner.planned(rows))
    encoder = reference(runner.pooling)
    assert cosines(runner.run(rows), expected(encoder, rows)).min() >= 0.999


def test_own_types_and_positions_in_packed_rows(runner):
    """They are honoured, change nothing for the neighbours, and leave nothing behind."""
    plain = texts([20, 40, 33, 64, 7, 50, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 40, 41])
    before = runner.run(plain)
    own = list(plain)
    own[1] = Row(own[1].ids, torch.arange(40) % 2, torch.arange(40).flip(0))
    own[4] = Row(own[4].ids, None, torch.full((7,), 255))
    own[6] = Row(own[6].ids, torch.ones(31, dtype=torch.int64))
    assert any(step.packed for step in runner.planned(own))
    mixed = runner.run(own)
    changed = [1, 4, 6]
    kept = [i for i in range(len(plain)) if i not in changed]
    assert torch.equal(bits(mixed[kept]), bits(before[kept]))
    assert cosines(mixed, expected(reference(runner.pooling), own)).min() >= 0.999
    assert cosines(mixed[changed], before[changed]).max() < 0.999
    assert torch.equal(bits(torch.cat([runner.run([own[i]]) for i in changed])), bits(mixed[changed]))
    assert torch.equal(bits(runner.run(plain)), bits(before))


@POOLINGS
def test_bits_with_modelled_fidelity(device, pooling):
    """bf8, LoFi and bf16 sums of the performance profile, in base's dims."""
    config = {**BASE, "num_hidden_layers": 1}
    runner = small_runner(device, pooling, config, length=96, buckets=Buckets((32, 64, 96), (1, 2), packed=(96,)))
    rows = texts([5, 33, 64], seed=5)
    with modelled_fidelity():
        alone = torch.cat([runner.run([row]) for row in rows])
        packed = run_at(runner, (2, 96, True), rows, [(0, 64), (0, 0), (1, 32)])
    runner.close()
    assert torch.equal(bits(alone), bits(packed))


def test_a_broken_mask_is_seen(runner, monkeypatch):
    """A text that sees its neighbours has other bits: what the tests above would find."""
    inputs = runner._step((8, 128, True)).inputs
    for mask in inputs._mask:
        mask[:] = inputs._tiles[32]
    monkeypatch.setattr(inputs, "_write_mask", lambda *_: None)
    rows = texts([20, 40], seed=6)
    seen = run_at(runner, (8, 128, True), rows, [(0, 0), (0, 32)])
    assert not torch.equal(bits(seen[0]), bits(runner.run(rows[:1])[0]))


def test_mask_tiles_in_bf4_are_exact():
    """16 columns share an exponent: 0 beside MASKED stays 0, and the exp of what MASKED becomes is 0 in fp32."""
    for shown in range(33):
        tile = torch.where(torch.arange(32) < shown, 0.0, MASKED).expand(32, 32)[None, None]
        kept = ttnn.to_torch(ttnn.from_torch(tile, dtype=ttnn.bfloat4_b, layout=ttnn.TILE_LAYOUT)).float()
        assert (kept[..., :shown] == 0).all() and (kept[..., shown:] < -9e4).all()
        # The largest score that bf16 sums of real encoders have seen is far below 1e3.
        assert (torch.exp(kept[..., shown:] + 1e3) == 0).all()


def test_the_mask_on_the_device_is_the_one_meant(runner):
    """Read back from the device, against the definition: a text's queries see its tokens, and nothing else."""
    lengths, at = (40, 32, 5), [(1, 32), (1, 0), (3, 96)]
    run_at(runner, (8, 128, True), texts(lengths), at)
    mask = read(runner._step((8, 128, True))._input["mask"])
    owner = torch.full((8, 128), -1)
    token = torch.zeros(8, 128, dtype=torch.bool)
    for number, (length, (row, start)) in enumerate(zip(lengths, at)):
        owner[row, start : start - (-length // 32) * 32] = number
        token[row, start : start + length] = True
    token |= owner == -1
    meant = (owner[:, :, None] == owner[:, None, :]) & token[:, None, :]
    assert torch.equal(mask[:, 0] == 0, meant)


@POOLINGS
def test_dense_rows_are_near(device, pooling):
    """Without alignment the bits go, the vectors stay: in packed rows, with types and positions too."""
    buckets = default_buckets(128, 8, packed=(96, 128), dense=True)
    runner = small_runner(device, pooling, length=128, buckets=buckets)
    rows = texts(random_lengths(60, 96, seed=7), seed=7)
    rows[3] = dataclasses.replace(rows[3], types=torch.ones(len(rows[3]), dtype=torch.int64))
    steps = runner.planned(rows)
    assert any(step.packed and any(place.start % 32 for place in step.places) for step in steps)
    dense = runner.run(rows)
    alone = torch.cat([runner.run([row]) for row in rows[:8]])
    runner.close()
    right = expected(reference(pooling), rows)
    assert cosines(dense, right).min() >= 0.999
    assert cosines(dense[:8], alone).min() >= 0.9995


@POOLINGS
def test_dense_mask_and_pick_on_the_device(device, pooling):
    """The tiled inputs of dense rows, read back, against their definition."""
    buckets = Buckets((64,), (2,), packed=(64,), dense=True)
    runner = small_runner(device, pooling, batch=2, length=64, buckets=buckets)
    lengths, at = (20, 17, 27, 3), [(0, 0), (0, 20), (0, 37), (1, 61)]
    run_at(runner, (2, 64, True), [Row(torch.arange(n) % VOCABULARY) for n in lengths], at)
    inputs = runner._step((2, 64, True))._input
    owner = torch.full((2, 64), -1)
    for number, (length, (row, start)) in zip((0, 1, 2, 0), zip(lengths, at)):
        owner[row, start : start + length] = number
    assert torch.equal(read(inputs["mask"])[:, 0] == 0, owner[:, :, None] == owner[:, None, :])
    pick = read(inputs["pick"])
    runner.close()
    if pooling == "mean":
        assert torch.equal(pick[:, 0] == 1, owner[:, None, :] == torch.arange(32)[None, :, None])
    else:
        assert pick[0, :3].tolist() == [0, 20, 37] and pick[1, 0] == 64 + 61
