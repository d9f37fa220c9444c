# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Workers without a device: ours over one that does nothing (serving.py) or sleeps (utilisation.py), and the least that
vLLM asks for."""

import os
import time
from collections.abc import Callable, Sequence

import torch
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.worker.worker_base import WorkerBase

from models.demos.wormhole.bge_large_en.runner.batch_plan import (
    MAX_TEXTS,
    Buckets,
    Step,
    default_buckets,
    remembered_plan,
)
from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_lists
from models.demos.wormhole.bge_large_en.runner.runner import IN_FLIGHT
from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics, shared_folder
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker, use_one_host_thread
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import compilation_times

SLOWER = "BGE_SLEEPING_DEVICE_SLOWER"


class HostOnlyRunner:
    """EncoderRunner's plans, and a device that computes nothing: a step of it ends `slower` times its estimate after it
    was started, or after the one before it. Every text gets the same row."""

    def __init__(self, dims: BertDims, buckets: Buckets, observer: Callable[[Step, int, float], None], slower: float):
        self.hidden, self.buckets, self.observer, self.slower = dims.hidden_size, buckets, observer, slower
        cost = bucket_costs(dims, buckets)
        self.cost = {shape: cost(shape) for shape in buckets.shapes}
        self.rows = torch.ones(buckets.batches[-1] * MAX_TEXTS, self.hidden)
        self.free_at = 0.0  # of time.perf_counter
        self.flying: list[tuple[Step, int, float, float]] = []  # step, tokens, submitted at, done at

    def planned(self, rows) -> list[Step]:
        return list(remembered_plan(tuple(map(len, rows)), self.buckets, self.cost.__getitem__))

    def submit(self, rows, step: Step) -> None:
        now, tokens = time.perf_counter(), sum(len(rows[place.text]) for place in step.places)
        self.free_at = max(now, self.free_at) + self.slower * self.cost[step.shape] * 1e-6
        self.flying.append((step, tokens, now, self.free_at))

    def collect(self) -> tuple[Step, torch.Tensor]:
        step, tokens, start, end = self.flying.pop(0)
        if (left := end - time.perf_counter()) > 0:
            time.sleep(left)
        self.observer(step, tokens, time.perf_counter() - start)
        return step, self.rows[: len(step.places)]

    def settle(self, error) -> None:
        self.flying.clear()


class HostOnlyModel:
    """BGEForEmbedding's work on the host, checks, batch plan and metrics, over a device that computes nothing."""

    normalize = True

    def __init__(
        self,
        dims: BertDims,
        max_length: int,
        max_batch: int,
        observer: Callable[[Step, int, float], None],
        slower: float = 0.0,
    ):
        self.dims, self.max_seq_len = dims, max_length
        self.runner = HostOnlyRunner(dims, default_buckets(max_length, max_batch), observer, slower)
        self.step_rows = max_batch

    def embed(self, token_ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Lists of token ids -> (N, H) fp32, all ones, not normalised."""
        rows, runner = rows_from_lists(token_ids, self.dims, self.max_seq_len), self.runner
        for step in [*runner.planned(rows), None]:
            if step is not None:
                runner.submit(rows, step)
            if runner.flying and (step is None or len(runner.flying) == IN_FLIGHT):
                runner.collect()
        return torch.ones(len(rows), self.dims.hidden_size)

    def warm_up(self, between=None) -> None:
        """Nothing to compile."""

    def close(self) -> None:
        """Nothing to free."""


class HostOnlyWorker(TTPoolingWorker):
    """Our worker without a device."""

    slower = 0.0

    def init_device(self) -> None:
        """No device to open; threads and metrics as for a card."""
        use_one_host_thread()
        self.metrics = DeviceMetrics(shared_folder(self.vllm_config), self.model_config.served_model_name, 0)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        dims = BertDims.from_hf(self.model_config.hf_config)
        rows = min(self.options.max_device_batch, 8)
        model = HostOnlyModel(dims, self.model_config.max_model_len, rows, self.metrics.step, self.slower)
        self.use(model, overlap=self.options.overlap_steps)


class SleepingWorker(HostOnlyWorker):
    """Our worker over a device that takes the estimated time, or as many times that as its variable says."""

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        self.slower = float(os.environ.get(SLOWER, 1))
        super().load_model()


class BareWorker(WorkerBase):
    """Returns one and the same unit row (H,) fp32 for every request."""

    def init_device(self) -> None:
        hidden = self.model_config.hf_config.hidden_size
        self.row = torch.full((hidden,), hidden**-0.5)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        """No model."""

    def get_supported_tasks(self) -> tuple[str, ...]:
        return ("embed",)

    def get_kv_cache_spec(self) -> dict:
        return {}

    def get_supported_kv_cache_layouts(self, *args, **kwargs) -> list[str]:
        return ["LBNHC"]  # of vLLM 0.33, as in ours

    def initialize_from_config(self, kv_cache_config) -> None:
        """No cache."""

    def compile_or_warm_up_model(self):
        return compilation_times(0.0)

    def execute_model(self, scheduler_output) -> ModelRunnerOutput:
        req_ids = [request.req_id for request in scheduler_output.scheduled_new_reqs]
        if not req_ids:
            return EMPTY_MODEL_RUNNER_OUTPUT
        return ModelRunnerOutput(
            req_ids=req_ids,
            req_id_to_index={req_id: index for index, req_id in enumerate(req_ids)},
            pooler_output=[self.row] * len(req_ids),
        )

    def check_health(self) -> None:
        """Always well."""

    def shutdown(self) -> None:
        """Nothing to close."""
