# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The vLLM worker: one process, one mesh of Wormhole chips, one encoder."""

import multiprocessing
import time
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import torch
from vllm import envs
from vllm.logger import init_logger
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.worker.worker_base import WorkerBase

from models.demos.wormhole.bge_large_en.runner.device_params import QUEUES
from models.demos.wormhole.bge_large_en.runner.mesh import open_mesh
from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, EMULATED, SILICON, target
from models.demos.wormhole.bge_large_en.vllm_plugin import CROSS_ENCODERS, REGISTERED, devices
from models.demos.wormhole.bge_large_en.vllm_plugin.engine import servers_socket
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.early_stop import EarlyStop
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.flow import Done, Flow, together
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics, shared_folder
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.parent_watch import end_with_front, end_with_parent
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pooled_outputs import (
    to_classes,
    to_runner_output,
    whole_requests,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.shapes import buckets, trace_region_size
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.step_guard import StepGuard
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.watchdog import Watchdog
from models.demos.wormhole.bge_large_en.vllm_plugin.options import (
    FLOW_KEY,
    FRONT_KEY,
    SCHEDULER_KEY,
    STEP_ROWS_KEY,
    PoolingOptions,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.quick_exit import quick_exit, stops_as_told
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import compilation_times, registered_class

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.worker.worker_base import CompilationTimes

    from models.demos.wormhole.bge_large_en.runner.batch_plan import Step

logger = init_logger("vllm.tt_pooling.worker")


OPENING = "opening the mesh; is it in use by another process, or does the card want a reset (tt-smi -r)?"


def logs_no_traceback() -> bool:
    """Whether a line is enough for what a user can mend: in a process of vLLM's own, and not at its debug level."""
    return multiprocessing.parent_process() is not None and envs.VLLM_LOGGING_LEVEL != "DEBUG"


def use_one_host_thread() -> None:
    """For a process whose computing is done on a card: what is left to torch is so small that its threads, which spin
    while they wait, cost more than they save, and take the cores from the API server."""
    torch.set_num_threads(1)


class TTPoolingWorker(WorkerBase):
    """Serves "embed" with `BGEForEmbedding`, "classify" with its sister, data parallel over the chips of one mesh."""

    mesh_device: Any = None  # ttnn's, imported only once the target is chosen
    model: Any = None  # BGEForEmbedding
    flow: Flow | None = None  # where engine steps overlap, and there is a model
    metrics = DeviceMetrics(None, "", 0)  # until init_device
    _at_exit: Finalize | None = None  # shuts down when the process ends
    _step_limit_s = 0.0  # seconds that a device step may take, 0 for any number

    @property
    def options(self) -> PoolingOptions:
        return PoolingOptions.from_config(self.vllm_config.additional_config)

    @cached_property
    def guard(self) -> StepGuard:
        return StepGuard(
            lambda prompts: self.model.embed(prompts), lambda stage: self.metrics.failure(stage), self._limit
        )

    @cached_property
    def watchdog(self) -> Watchdog:
        return Watchdog()

    @cached_property
    def early_stop(self) -> EarlyStop:
        return EarlyStop()

    def init_device(self) -> None:
        """Bind this process to its cards, then open its mesh.

        NoCard where there is nothing to run on; ValueError when MESH_DEVICE, TT_VISIBLE_DEVICES or an option asks for
        what is not there.
        """
        end_with_parent()
        end_with_front((self.vllm_config.additional_config or {}).get(FRONT_KEY))
        servers_socket.leave_it()
        self.early_stop.listen()
        with self._closing_on_failure():
            self._open()
            self.early_stop.check()

    def _open(self) -> None:
        options, on = self.options, target()
        # The fork assigns none.
        devices.bind_cards(getattr(self.parallel_config, "assigned_physical_gpu_ids", None))
        logger.info("Serving on: %s", DESCRIPTIONS[on])  # emulated only where that was asked for
        if on != EMULATED:
            use_one_host_thread()
        self._step_limit_s = options.step_limit(on_card=on == SILICON)
        reserved = trace_region_size(options, self.model_config)  # imports what is no part of opening
        with self.watchdog.limit(options.open_timeout_s, lambda: OPENING):
            self.mesh_device = open_mesh(l1_small_size=options.l1_small_size, trace_region_size=reserved)
        # The fork tells its workers nothing when it stops.
        self._at_exit = Finalize(None, self.shutdown, exitpriority=0)
        chips = self.mesh_device.get_num_devices()
        logger.info("Opened a mesh of %d chip(s), %s", chips, tuple(self.mesh_device.shape))
        self.metrics = DeviceMetrics(
            shared_folder(self.vllm_config),
            self.model_config.served_model_name,
            getattr(self.parallel_config, "data_parallel_index", 0),  # the fork has none
        )
        self.metrics.info(target=on, chips=str(chips), profile=options.optimizations, packing=options.packing)

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        """Build the model on the device; closes the device again when that fails.

        ValueError for load_dummy_weights, and as BGEForEmbedding raises it.
        """
        if load_dummy_weights:
            raise ValueError("load_dummy_weights is True; the TT pooling worker loads the checkpoint's weights only")
        # As Tenstorrent's loaders look a model up: "TT" before what its config.json says.
        wanted = [f"{prefix}{name}" for name in self.model_config.architectures for prefix in ("TT", "")]
        model_class = registered_class([name for name in wanted if name in REGISTERED], self.model_config)
        chips = self.mesh_device.get_num_devices()
        with self._closing_on_failure():
            model = model_class.initialize_vllm_model(
                hf_config=self.model_config.hf_config,
                mesh_device=self.mesh_device,
                max_batch_size=self.options.max_device_batch * chips,
                max_seq_len=self.model_config.max_model_len,
                tt_data_parallel=chips,
                optimizations=self.options.optimizations,
                buckets=buckets(self.options, self.model_config, self.mesh_device),
                vllm_config=self.vllm_config,
                observer=self._observe,
                num_command_queues=QUEUES,
            )
        # An emulated or simulated device computes while this process waits for it, and at no other time.
        self.use(model, overlap=self.options.overlap_steps, alone=target() == SILICON)

    def use(self, model, *, overlap: bool = False, alone: bool = True) -> None:
        """Serve with this model from now on. alone: whether the device computes while nobody waits for it."""
        self.model = model
        shared = self.vllm_config.additional_config
        shared[STEP_ROWS_KEY] = model.step_rows
        if overlap:
            self.flow = shared[FLOW_KEY] = Flow(model, self.guard, alone=alone)
        # Tenstorrent's platforms set one of theirs after ours was chosen; the engine makes it after its worker.
        if SCHEDULER_KEY in shared:
            self.vllm_config.scheduler_config.scheduler_cls = shared[SCHEDULER_KEY]

    def compile_or_warm_up_model(self) -> "CompilationTimes | None":
        """Compile every served shape, so that the first request is as fast as the tenth; seconds."""
        if not self.options.enable_model_warmup:
            logger.warning("enable_model_warmup is false: the first request of each shape pays for its compilation")
            self.early_stop.hand_over()
            return compilation_times(0.0)
        start = time.perf_counter()
        with self._closing_on_failure():
            try:
                self.model.warm_up(self.early_stop.check)
            except Exception:
                self.metrics.failure("warm_up")
                raise
            self.early_stop.check()
            self.guard.check(always=True)  # numbers too, before anyone is told that this serves
        self.early_stop.hand_over()
        seconds = time.perf_counter() - start
        self.metrics.warm_up(seconds)
        return compilation_times(seconds)

    def execute_model(self, scheduler_output: "SchedulerOutput") -> ModelRunnerOutput:
        """Embed the step's requests; where engine steps overlap, returns those that are done, of any step (see Flow).

        One that fails, while the device works, gets an error in place of a vector. Anything raised here ends vLLM's
        engine: invalid requests are refused before, in `validate_request`. Raises RuntimeError naming the requests:
        split ones, or a device that fails (see StepGuard).
        """
        requests, flow = whole_requests(scheduler_output), self.flow
        if flow is not None and flow.attached:
            flow.forget(scheduler_output.finished_req_ids)
            flow.add(requests)
            if not (parts := flow.advance()):
                return EMPTY_MODEL_RUNNER_OUTPUT
            done = together(parts)
        elif requests:
            done = Done(requests, *self.guard.run(requests))
        else:
            return EMPTY_MODEL_RUNNER_OUTPUT
        if self.classifies:
            logits = self.model.head(done.rows)
            return to_classes(done.requests, logits, self.model.activation(logits), done.failures)
        return to_runner_output(done.requests, done.rows, normalize=self.model.normalize, failures=done.failures)

    def execute_model_with_grammar(self, scheduler_output: "SchedulerOutput", grammar: Any = None) -> ModelRunnerOutput:
        """As the engine of the fork's vLLM 0.16 has it; an encoder's answer has no grammar."""
        return self.execute_model(scheduler_output)

    def get_model(self):
        return self.model

    @property
    def classifies(self) -> bool:
        return not set(self.model_config.architectures).isdisjoint(CROSS_ENCODERS)

    def get_supported_tasks(self) -> tuple[str, ...]:
        return ("classify",) if self.classifies else ("embed",)

    def get_supported_pooling_tasks(self) -> tuple[str, ...]:
        return self.get_supported_tasks()  # the fork's name for it

    def get_kv_cache_spec(self) -> dict:
        return {}  # an encoder keeps nothing between steps

    def get_supported_kv_cache_layouts(self, *args, **kwargs) -> list[str]:
        return ["LBNHC"]  # asked for since vLLM 0.33, which wants one name although there is no cache

    def determine_available_memory(self) -> int:
        return 0  # bytes for a KV cache

    def initialize_from_config(self, kv_cache_config) -> None:
        """No KV cache to allocate."""

    def initialize_cache(self, num_gpu_blocks: int, num_cpu_blocks: int) -> None:
        """Nor any blocks to take note of; the fork tells."""

    def reset_encoder_cache(self) -> None:
        """Nor a cache of another encoder's outputs; vLLM asks after a pause."""

    def execute_dummy_batch(self) -> None:
        """Data-parallel engines of an encoder share no collective, so an idle one has nothing to run."""

    def check_health(self) -> None:
        """RuntimeError if there is no model, or if after a step that failed the device does not work (StepGuard)."""
        if self.model is None:
            raise RuntimeError("the TT pooling worker has no model: not loaded yet, or shut down")
        self.guard.check()

    def shutdown(self) -> None:
        """Close the model, then the device; safe to repeat, and after a start that failed halfway.

        Ends the process where that is the engine's, which was told to stop.
        """
        model, self.model = self.model, None
        mesh_device, self.mesh_device = self.mesh_device, None
        self.watchdog.stop()
        if self._at_exit is not None:
            self._at_exit.cancel()
        start = time.perf_counter()
        try:
            if model is not None:
                model.close()
        finally:
            self.metrics.close()
            if mesh_device is not None:
                import ttnn

                ttnn.close_mesh_device(mesh_device)
                logger.info("Closed the device in %.1f s", time.perf_counter() - start)
        # A worker in a process of its own shares memory with the engine, and takes it down later.
        if getattr(self.parallel_config, "distributed_executor_backend", None) == "uni" and stops_as_told():
            quick_exit(had_device=True)

    @contextmanager
    def _closing_on_failure(self):
        # vLLM drops a worker that fails to start without calling its shutdown.
        try:
            yield
        except SystemExit:
            self.shutdown()
            raise
        except BaseException as error:
            logger.critical("The engine can't start: %s: %s", type(error).__name__, error)
            self.shutdown()
            if isinstance(error, (ValueError, OSError)) and logs_no_traceback():
                raise SystemExit(1) from error  # a user can mend it, and the line above says how
            raise

    def _limit(self) -> AbstractContextManager:
        return self.watchdog.limit(
            self._step_limit_s,
            lambda: f"requests {(self.flow.request_ids if self.flow else []) or self.guard.request_ids}",
        )

    def _observe(self, step: "Step", tokens: int, seconds: float) -> None:
        self.watchdog.progress()
        self.metrics.step(step, tokens, seconds)
