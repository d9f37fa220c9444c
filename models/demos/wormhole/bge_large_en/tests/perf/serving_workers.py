# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The two workers that serving.py compares: ours over a device that does nothing, and the least that vLLM asks for."""

from collections.abc import Callable, Sequence

import torch
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.worker.worker_base import CompilationTimes, WorkerBase

from models.demos.wormhole.bge_large_en.runner.batch_plan import Step, default_buckets, plan_steps
from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_lists
from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics, shared_folder
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker, use_one_host_thread


class HostOnlyModel:
    """BGEForEmbedding's work on the host, checks, batch plan and metrics, with the same row for every text."""

    normalize = True

    def __init__(self, dims: BertDims, max_length: int, max_batch: int, observer: Callable[[Step, int, float], None]):
        self.dims, self.max_length, self.observer = dims, max_length, observer
        self.buckets = default_buckets(max_length, max_batch)
        self.cost = bucket_costs(dims, self.buckets)

    def embed(self, token_ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Lists of token ids -> (N, H) fp32, all ones, not normalised."""
        rows = rows_from_lists(token_ids, self.dims, self.max_length)
        pooled = torch.empty(len(rows), self.dims.hidden_size)
        for step in plan_steps([len(row) for row in rows], self.buckets, self.cost):
            texts = [place.text for place in step.places]
            pooled[texts] = torch.ones(len(texts), self.dims.hidden_size)
            self.observer(step, sum(len(rows[text]) for text in texts), 0.0)
        return pooled

    def warm_up(self, between=None) -> None:
        """Nothing to compile."""

    def close(self) -> None:
        """Nothing to free."""


class HostOnlyWorker(TTPoolingWorker):
    """Our worker without a device."""

    def init_device(self) -> None:
        """No device to open; threads and metrics as for a card."""
        use_one_host_thread()
        self.metrics = DeviceMetrics(shared_folder(self.vllm_config), self.model_config.served_model_name, 0)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        dims = BertDims.from_hf(self.model_config.hf_config)
        self.model = HostOnlyModel(
            dims, self.model_config.max_model_len, min(self.options.max_device_batch, 8), self.metrics.step
        )


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

    def initialize_from_config(self, kv_cache_config) -> None:
        """No cache."""

    def compile_or_warm_up_model(self) -> CompilationTimes:
        return CompilationTimes(language_model=0.0, encoder=0.0)

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
