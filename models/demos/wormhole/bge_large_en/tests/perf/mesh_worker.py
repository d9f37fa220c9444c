# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The sleeping double of a device (serving_workers.py) with the chips of MESH_DEVICE."""

import os
from dataclasses import replace

import torch

from models.demos.wormhole.bge_large_en.runner.batch_plan import MAX_TEXTS, Buckets
from models.demos.wormhole.bge_large_en.runner.mesh import wanted_mesh
from models.demos.wormhole.bge_large_en.tests.perf.serving_workers import (
    SLOWER,
    HostOnlyModel,
    HostOnlyRunner,
    SleepingWorker,
)
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics, shared_folder


class MeshRunner(HostOnlyRunner):
    """A step takes `chips` times the rows of one chip's, and its time, which the chips take together."""

    def __init__(self, dims: BertDims, per_chip: Buckets, chips: int, observer, slower: float):
        super().__init__(dims, per_chip, observer, slower)
        self.buckets = replace(per_chip, batches=tuple(batch * chips for batch in per_chip.batches))
        self.cost = {(batch * chips, *rest): cost for (batch, *rest), cost in self.cost.items()}
        self.rows = torch.ones(self.buckets.batches[-1] * MAX_TEXTS, self.hidden)


class MeshModel(HostOnlyModel):
    """max_batch: rows of a chip."""

    def __init__(self, dims: BertDims, max_length: int, max_batch: int, chips: int, observer, slower: float):
        super().__init__(dims, max_length, max_batch, observer, slower)
        self.runner = MeshRunner(dims, self.runner.buckets, chips, observer, slower)
        self.step_rows = max_batch * chips


class MeshWorker(SleepingWorker):
    """With metrics of its own where there are several engines."""

    def init_device(self) -> None:
        super().init_device()
        engine = getattr(self.parallel_config, "data_parallel_index", 0)
        self.metrics = DeviceMetrics(shared_folder(self.vllm_config), self.model_config.served_model_name, engine)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        rows, columns = wanted_mesh(os.environ) or (1, 1)
        model = MeshModel(
            BertDims.from_hf(self.model_config.hf_config),
            self.model_config.max_model_len,
            min(self.options.max_device_batch, 8),
            rows * columns,
            self.metrics.step,
            float(os.environ.get(SLOWER, 1)),
        )
        self.use(model, overlap=self.options.overlap_steps)
