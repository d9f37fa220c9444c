# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The double of many chips, what is reckoned from its figures, and, marked slow, a server over it."""

from dataclasses import replace

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.perf.many_chips import Arrangement, Need, Point, needs, run  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.perf.mesh_worker import MeshModel  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs  # noqa: E402


def test_a_step_has_the_rows_of_all_chips_and_takes_the_time_of_one():
    dims = model_dims("large")
    model = MeshModel(dims, 384, 8, 32, None, 1.0)
    (step,) = model.runner.planned([[101] * 384] * 256)
    assert (step.shape, model.step_rows) == ((256, 384, False), 256)
    assert model.runner.cost[step.shape] == bucket_costs(dims, default_buckets(384, 8))((8, 384, False)) > 0


def test_a_hosts_need_is_that_of_its_processes():
    """300 texts/s a chip at 2 ms of API servers, 0.46 of engines and 0.04 of the mesh, processes at most 0.8 busy."""
    point = Point("", 8, 1, 1, 1, 0, 0, 0, 2.0, 0.46, 0.0, 1.0, server_full_at=500, engine_full_at=2000)
    assert needs([point, replace(point, servers=2, api_ms=9.0)], 8, 1) == Need(8, 1, engines=2, servers=6, cores=6.0)
    assert needs([point], 32, 1) is None


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(600)
def test_processor_time_is_told_apart():
    (point,) = run([Arrangement(8, 1, 1, 32)], seconds=2.0)
    assert point.texts >= 32 and point.chips == 8
    assert min(point.api_ms, point.engine_ms, point.client_ms) > 0.005, point
    assert point.other_ms < point.engine_ms, point
