# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Few long texts on all rows of cores: legal, with the bits of a full batch, and chosen where they cost less."""

import contextlib

import pytest
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, default_buckets, plan_steps
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf.forward import full_rows, zero_runner
from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs
from models.demos.wormhole.bge_large_en.tests.runner.small_model import MINILM, run_at, small_runner, texts
from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES, profile_precision
from models.emulated_wormhole import modelled_fidelity

LARGE = model_dims("large")


@pytest.fixture(scope="module")
def device():
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


def core_rows(batch: int, sequence: int, **options) -> int:
    plan = plan_shape(LARGE, batch, sequence, (8, 8), profile_precision("performance", LARGE), **options)
    return plan.body.layer_norm.compute_with_storage_grid_size.y


@pytest.mark.parametrize(
    "batch, sequence, rows",
    [(1, 32, 1), (1, 64, 2), (1, 384, 6), (1, 512, 8), (2, 384, 8), (3, 384, 6), (4, 384, 8), (7, 384, 7), (8, 384, 8)],
)
def test_rows_of_cores(batch, sequence, rows):
    assert core_rows(batch, sequence) == rows


def test_packed_rows_keep_to_theirs():
    assert core_rows(4, 384, packed=True) == 4


@pytest.mark.parametrize("modelled", [False, True], ids=["golden", "modelled"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_bits_of_a_full_batch(device, pooling, modelled):
    """Texts that fill their rows and that do not, alone, in fours and in a packed row, as in rows of eight."""
    buckets = Buckets((64, 96, 128), (1, 3, 4, 8), packed=(128,))
    with contextlib.closing(small_runner(device, pooling, MINILM, length=128, buckets=buckets)) as runner:
        for sequence in (64, 96):
            rows = texts((sequence, 40, sequence - 5), seed=sequence)
            at = [(row, 0) for row in range(3)]
            with modelled_fidelity() if modelled else contextlib.nullcontext():
                full = run_at(runner, (8, sequence, False), rows, at)
                for batch in (3, 4):
                    assert torch.equal(run_at(runner, (batch, sequence, False), rows, at), full), (batch, sequence)
                alone = [run_at(runner, (1, sequence, False), [row], [(0, 0)]) for row in rows]
                assert torch.equal(torch.cat(alone), full)
                assert torch.equal(run_at(runner, (8, 128, True), rows[1:2], [(5, 64)]), full[1:2])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("batch, sequence", [(1, 64), (1, 160), (1, 512), (2, 384), (3, 384), (4, 256), (4, 512)])
def test_legal_for_bge_large(device, profile, batch, sequence):
    """Planned and run on the mock device, a body layer and a last one; thirteen programs and what pooling wants."""
    dims = model_dims("large", 2)
    with zero_runner(
        device, dims, batch, sequence, profile_precision(profile, dims), "cls", buckets=Buckets((sequence,), (batch,))
    ) as runner:
        assert runner.run(full_rows(batch, sequence)).shape == (batch, 1024)


def test_one_text_takes_less_than_half_a_step():
    costs = bucket_costs(LARGE, default_buckets(512, 8))
    assert costs((1, 384, False)) <= 0.5 * costs((8, 384, False))
    assert costs((4, 384, False)) <= 0.75 * costs((8, 384, False))


def test_the_planner_takes_the_cheapest_batches():
    buckets = default_buckets(384, 8, packed=())
    costs = bucket_costs(LARGE, buckets)
    for count, batches in ((1, [1]), (2, [4]), (4, [4]), (5, [8]), (8, [8]), (9, [8, 1]), (12, [8, 4])):
        assert [step.batch for step in plan_steps([384] * count, buckets, costs)] == batches, count
