# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The option `packing` reaches the shapes that a worker's model compiles."""

from types import SimpleNamespace

import pytest

from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, None),
        ({"packing": "dense"}, default_buckets(384, 8, dense=True)),
        ({"packing": "dense", "max_device_batch": 2}, default_buckets(384, 2, dense=True)),
    ],
)
def test_shapes(device, options, expected):
    """Rows as many as the device has of cores, at most."""
    worker = SimpleNamespace(
        options=PoolingOptions(**options), model_config=SimpleNamespace(max_model_len=384), mesh_device=device
    )
    assert TTPoolingWorker._buckets(worker) == expected
