# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The vLLM worker: one process, one Wormhole (or emulated Wormhole), one encoder."""

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vllm.logger import init_logger
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.worker.worker_base import CompilationTimes, WorkerBase

from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions
from models.demos.wormhole.bge_large_en.vllm_plugin.platform import TTPoolingPlatform
from models.demos.wormhole.bge_large_en.vllm_plugin.pooled_outputs import to_runner_output, whole_requests

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import SchedulerOutput

logger = init_logger("vllm.tt_pooling.worker")


class TTPoolingWorker(WorkerBase):
    """Serves the "embed" task with `BGEForEmbedding` on one device."""

    mesh_device = None
    model = None

    @property
    def options(self) -> PoolingOptions:
        return PoolingOptions.from_config(self.vllm_config.additional_config)

    def init_device(self) -> None:
        """Select silicon, simulator or emulation for this process, then open device 0."""
        from models.emulated_wormhole import activate

        target = activate()  # must come before the first `import ttnn` of the process
        log = logger.warning if target.emulated else logger.info
        log("Serving on: %s", target.describe())
        if not target.emulated:
            self._bind_visible_devices()
        import ttnn

        self.mesh_device = ttnn.open_device(
            device_id=0,
            l1_small_size=self.options.l1_small_size,
            trace_region_size=self.options.trace_region_size,
            num_command_queues=2,
        )

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        """Build the model on the device; closes the device again when that fails."""
        if load_dummy_weights:
            raise ValueError("load_dummy_weights is True; the TT pooling worker loads the checkpoint's weights only")
        from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding

        with self._closing_on_failure():
            self.model = BGEForEmbedding.initialize_vllm_model(
                hf_config=self.model_config.hf_config,
                mesh_device=self.mesh_device,
                max_batch_size=self.options.max_device_batch,
                max_seq_len=self.model_config.max_model_len,
                tt_data_parallel=1,
                optimizations=self.options.optimizations,
                vllm_config=self.vllm_config,
            )

    def compile_or_warm_up_model(self) -> CompilationTimes:
        """Compile every served shape, so that the first request is as fast as the tenth; seconds."""
        if not self.options.enable_model_warmup:
            logger.warning("enable_model_warmup is false: the first request of each shape pays for its compilation")
            return CompilationTimes(language_model=0.0, encoder=0.0)
        start = time.perf_counter()
        with self._closing_on_failure():
            self.model.warm_up()
        return CompilationTimes(language_model=time.perf_counter() - start, encoder=0.0)

    def execute_model(self, scheduler_output: "SchedulerOutput") -> ModelRunnerOutput:
        """Embed the step's requests.

        Anything raised here ends vLLM's engine: invalid requests are refused before, in `validate_request`.
        Raises RuntimeError naming the requests: split ones, rows that no client must get, whatever the model raises.
        """
        requests = whole_requests(scheduler_output)
        if not requests:
            return EMPTY_MODEL_RUNNER_OUTPUT
        try:
            rows = self.model.embed([request.prompt_token_ids for request in requests])
        except Exception as error:  # the model knows rows only; an operator needs to find the texts
            req_ids = [request.req_id for request in requests]
            raise RuntimeError(f"embedding failed: {error}; requests, in the order of the rows: {req_ids}") from error
        return to_runner_output(requests, rows, normalize=self.model.normalize)

    def get_model(self):
        return self.model

    def get_supported_tasks(self) -> tuple[str, ...]:
        return ("embed",)

    def get_kv_cache_spec(self) -> dict:
        return {}  # an encoder keeps nothing between steps

    def get_supported_kv_cache_layouts(self, *args, **kwargs) -> list[str]:
        return ["LBNHC"]  # asked for since vLLM 0.33, which wants one name although there is no cache

    def determine_available_memory(self) -> int:
        return 0  # bytes for a KV cache

    def initialize_from_config(self, kv_cache_config) -> None:
        """No KV cache to allocate."""

    def execute_dummy_batch(self) -> None:
        """Data-parallel engines of an encoder share no collective, so an idle one has nothing to run."""

    def check_health(self) -> None:
        if self.model is None:
            raise RuntimeError("the TT pooling worker has no model: not loaded yet, or shut down")

    def shutdown(self) -> None:
        """Close the model, then the device; safe to repeat, and after a start that failed halfway."""
        model, self.model = self.model, None
        mesh_device, self.mesh_device = self.mesh_device, None
        try:
            if model is not None:
                model.close()
        finally:
            if mesh_device is not None:
                import ttnn

                ttnn.close_device(mesh_device)

    @contextmanager
    def _closing_on_failure(self):
        # vLLM drops a worker that fails to start without calling its shutdown.
        try:
            yield
        except BaseException:
            self.shutdown()
            raise

    def _bind_visible_devices(self) -> None:
        # With --data-parallel-size vLLM assigns devices to an engine without exporting them, and tt-metal reads only
        # the variable, once, when it is loaded.
        assigned = self.parallel_config.assigned_physical_gpu_ids
        if assigned:
            os.environ[TTPoolingPlatform.device_control_env_var] = ",".join(str(device) for device in assigned)
