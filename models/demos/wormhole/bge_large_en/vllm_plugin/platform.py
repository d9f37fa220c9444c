# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The vLLM platform: checks and completes the configuration, and refuses requests that the device must never see."""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import torch
from vllm.logger import init_logger
from vllm.platforms.interface import Platform, PlatformEnum

from models.demos.wormhole.bge_large_en.runner.batch_plan import SEQUENCES
from models.demos.wormhole.bge_large_en.runner.mesh import VISIBLE, visible_cards, wanted_mesh
from models.demos.wormhole.bge_large_en.runner.target import NoCard, target
from models.demos.wormhole.bge_large_en.vllm_plugin import CROSS_ENCODERS
from models.demos.wormhole.bge_large_en.vllm_plugin.checkpoint_config import (
    accept_own_width,
    check_dims,
    pool_as_the_checkpoint,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.devices import card_groups
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import share_folder
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import add_middleware, hide_api_keys
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.batch_file import answer_batch_files
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.engine_ends import leave_them_to_who_stops
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.long_texts import bound_tokenizing
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.pieces import check_pieces, embed_in_pieces
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.remote_engines import expect_remote_engines
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.short_requests import work_in_place
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.start import prepare, stop_when_told
from models.demos.wormhole.bge_large_en.vllm_plugin.options import SCHEDULER_KEY, PoolingOptions
from models.demos.wormhole.bge_large_en.vllm_plugin.quiet import be_calm
from models.demos.wormhole.bge_large_en.vllm_plugin.unsupported import (
    refuse_features,
    refuse_model,
    refuse_without_tokenizer,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import OWN_SCHEDULERS, VLLMValidationError

if TYPE_CHECKING:  # vllm.config resolves the current platform while it is imported: a cycle
    from vllm.config import VllmConfig
    from vllm.inputs import EngineInput
    from vllm.pooling_params import PoolingParams
    from vllm.sampling_params import SamplingParams
    from vllm.utils.argparse_utils import FlexibleArgumentParser

# vLLM shows only records below the "vllm" logger.
logger = init_logger("vllm.tt_pooling.platform")

WORKER_CLASS = f"{__package__}.engine.worker.TTPoolingWorker"
SCHEDULER = f"{__package__}.engine.flow_scheduler.FlowScheduler"
FILLING_SCHEDULER = f"{__package__}.engine.batch_fill.BatchFillScheduler"


class TTPoolingPlatform(Platform):
    """Tenstorrent Wormhole as a vLLM platform for pooling (embedding) models, on one mesh per engine."""

    _enum = PlatformEnum.OOT
    device_name = "tt"
    # Where vLLM's own tensors live: token ids and pooled rows stay on the host, ttnn moves what the device needs.
    device_type = "cpu"
    dispatch_key = "CPU"
    device_control_env_var = VISIBLE
    simple_compile_backend = "eager"

    # Requests of one scheduler step, per chip of MESH_DEVICE, when --max-num-seqs is not given: eight device steps of
    # eight rows, enough to group texts of like length; vLLM's own 256 would hold back the first result four times as
    # long. Offline, where nobody waits for the first result, vLLM's 256 stays.
    default_max_num_seqs: ClassVar[int] = 64
    # Seconds that vLLM waits for running requests and for the device to close before it kills the engine.
    default_shutdown_timeout: ClassVar[int] = 20
    _parsed: ClassVar[bool] = False  # whether a command line was: this is a server, and knows what the user gave
    # What each data-parallel engine on this host gets as TT_VISIBLE_DEVICES.
    _card_groups: ClassVar[list[str] | None] = None
    # validate_request gets no configuration, so the last configured model's vocabulary size (tokens) is kept here.
    _vocab_size: ClassVar[int | None] = None

    @property
    def supported_dtypes(self) -> list[torch.dtype]:
        # Without float16 in the list, --dtype auto leaves fp32 checkpoints fp32, which is what the model reads;
        # the precision on the device is the "optimizations" option's business.
        return [torch.float32, torch.bfloat16]

    @classmethod
    def get_device_name(cls, device_id: int = 0) -> str:
        return cls.device_name

    @classmethod
    def import_kernels(cls) -> None:
        """No vLLM kernels: the model runs on ttnn."""

    @classmethod
    def inference_mode(cls):
        return torch.no_grad()

    @classmethod
    def is_pin_memory_available(cls) -> bool:
        return False

    @classmethod
    def log_warnings(cls) -> None:
        """vLLM 0.33 calls it when it has set up its log, which it does after it has loaded the platform."""
        be_calm()

    @classmethod
    def pre_register_and_update(cls, parser: "FlexibleArgumentParser | None" = None) -> None:
        # The parser is the only place where a default can be told from a value that the user gave.
        if parser is None:
            return
        rows, columns = 1, 1
        with suppress(ValueError):  # check_and_update_config refuses it, where --help does not end in an error
            rows, columns = wanted_mesh(os.environ) or (1, 1)
        parser.set_defaults(
            max_num_seqs=cls.default_max_num_seqs * rows * columns, shutdown_timeout=cls.default_shutdown_timeout
        )
        add_middleware(parser)
        hide_api_keys(parser)
        prepare(parser)
        answer_batch_files(parser)
        cls._parsed = True

    @classmethod
    def check_max_model_len(cls, max_model_len: int) -> int:
        """Of a checkpoint of more positions than have a plan, where --max-model-len is not given: what has one."""
        if max_model_len <= SEQUENCES[-1]:
            return max_model_len
        logger.info("max_model_len: %s -> %s, the longest texts with a plan", max_model_len, SEQUENCES[-1])
        return SEQUENCES[-1]

    @classmethod
    def device_id_to_physical_device_id(cls, device_id: int) -> int | str:
        """The cards of data-parallel engine number `device_id` of this host.

        vLLM asks once per engine, because each has one worker, and hands the answer on in assigned_physical_gpu_ids.
        """
        return cls._card_groups[device_id] if cls._card_groups else super().device_id_to_physical_device_id(device_id)

    @classmethod
    def check_and_update_config(cls, vllm_config: "VllmConfig") -> None:
        """Complete the configuration in place; runs in the front end, before any device work.

        Raises ValueError, naming the value and the limit, for what this platform cannot serve, and NoCard where there
        is nothing to serve on; a server ends then, with that line and status 1.
        """
        model_config = vllm_config.model_config
        if model_config is None:  # vLLM makes model-less configurations for its own use
            return
        try:
            target()
        except NoCard as error:
            if not cls._parsed:
                raise
            raise SystemExit(f"error: {error}") from error
        if cls._parsed:
            _spawn_beside_ttnn()
        parallel = vllm_config.parallel_config
        # vLLM's and the hub's reports of use: only for who asks for them by setting these to 0.
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("DO_NOT_TRACK", "1")
        options = PoolingOptions.from_config(vllm_config.additional_config)
        wanted_mesh(os.environ)
        groups = card_groups(visible_cards(os.environ), parallel.data_parallel_size_local or 1)
        cls._card_groups = groups if parallel.data_parallel_size > 1 else None
        refuse_model(model_config)
        refuse_features(vllm_config)
        check_dims(model_config)
        if set(model_config.architectures).isdisjoint(CROSS_ENCODERS):
            pool_as_the_checkpoint(model_config)
            accept_own_width(model_config)
        check_pieces(model_config, options.max_ids_per_input)
        bound_tokenizing(options.max_ids_per_input)
        embed_in_pieces()
        work_in_place()
        refuse_without_tokenizer(model_config)
        _schedule_whole_requests(vllm_config)
        _choose_scheduler(vllm_config, options)
        share_folder(vllm_config)
        expect_remote_engines(vllm_config)
        leave_them_to_who_stops()
        if parallel.worker_cls == "auto":
            parallel.worker_cls = WORKER_CLASS
        if parallel.world_size == 1 and parallel.distributed_executor_backend == "mp":
            # vLLM's default for several engines, a process more for each: it has 5 s to close its device, and a
            # scheduler in another process does not know how many rows its mesh takes.
            parallel.distributed_executor_backend = "uni"
        # The fork has no such setting.
        if getattr(vllm_config, "shutdown_timeout", None) == 0 and not cls._parsed:
            # vLLM's default kills the engine at once, and with it a device that is still open.
            vllm_config.shutdown_timeout = cls.default_shutdown_timeout
        if cls._parsed:
            stop_when_told()
        # How long vLLM waits for an engine that is told to stop before it is ready: 5 s of its own.
        os.environ.setdefault("VLLM_WORKER_SHUTDOWN_TIMEOUT_SECONDS", str(getattr(vllm_config, "shutdown_timeout", 5)))
        cls._vocab_size = model_config.get_vocab_size()

    @classmethod
    def validate_request(cls, processed_inputs: "EngineInput", params: "SamplingParams | PoolingParams") -> None:
        """Raise VLLMValidationError (HTTP 400; a ValueError until vLLM 0.33) for a request that would make the worker raise.

        That would have a whole step run again, text by text, and end the engine of a front end without our middleware
        (see StepGuard), and it is the client's fault: 400, not 500. vLLM 0.25.1 itself refuses only ids
        above both the tokenizer's and the model's range, and no negative ones.
        """
        # Not a bare ValueError: for that the server answers 400 too, but with a traceback in the log and by closing a
        # connection which the client believes to be kept alive.
        if processed_inputs["type"] != "token":
            kind = processed_inputs["type"]
            raise VLLMValidationError(f"input of type {kind!r} is not supported; allowed: text or token ids")
        ids = processed_inputs["prompt_token_ids"]
        if not ids:
            raise VLLMValidationError("the input holds no tokens", parameter="input")
        outside = [i for i in ids if i < 0 or (cls._vocab_size is not None and i >= cls._vocab_size)]
        if outside:
            raise VLLMValidationError(
                f"token id {outside[0]} is outside the model's vocabulary of {cls._vocab_size} tokens",
                parameter="input",
            )


def _spawn_beside_ttnn() -> None:
    """What ttnn has started in a server's process would not be there in an engine that is forked from it."""
    if "ttnn" in sys.modules:
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"


def _schedule_whole_requests(vllm_config: "VllmConfig") -> None:
    """An encoder needs every token of a text in one step, and no token budget may split or thin out a batch."""
    scheduler, cache = vllm_config.scheduler_config, vllm_config.cache_config
    budget = scheduler.max_num_seqs * vllm_config.model_config.max_model_len
    for config, name, value in (
        (scheduler, "enable_chunked_prefill", False),
        (scheduler, "long_prefill_token_threshold", 0),
        (scheduler, "async_scheduling", False),
        (cache, "enable_prefix_caching", False),
        (scheduler, "max_num_batched_tokens", budget),
    ):
        given = getattr(config, name)
        if given != value:
            # The first four are as wanted unless a user asks for something else; the budget has a default of its own.
            default = getattr(scheduler, "DEFAULT_MAX_NUM_BATCHED_TOKENS", None)
            told = logger.debug if given == default else logger.info
            log = told if value == budget else logger.warning
            log("%s: %s -> %s, because an encoder takes each text whole, in one step", name, given, value)
            setattr(config, name, value)
    if cache.block_size is None and not hasattr(Platform, "update_block_size_for_backend"):
        cache.block_size = 16  # of no cache, but the fork's vLLM 0.16 leaves it to the platform and reckons with it
    if hasattr(scheduler, "verify_max_model_len"):  # the fork verifies when the configuration is made
        scheduler.verify_max_model_len(vllm_config.model_config.max_model_len)


def _choose_scheduler(vllm_config: "VllmConfig", options: PoolingOptions) -> None:
    """One that overlaps engine steps, unless a user or an option asks for another; noted for the worker (its `use`)."""
    scheduler, wait = vllm_config.scheduler_config, options.batch_fill_wait_us
    noted = vllm_config.additional_config or {}
    if SCHEDULER_KEY in noted:  # chosen before, in the API server
        scheduler.scheduler_cls = noted[SCHEDULER_KEY]
        return
    if wait and scheduler.scheduler_cls not in OWN_SCHEDULERS:
        raise ValueError(
            f"scheduler_cls is {scheduler.scheduler_cls!r}; "
            f"allowed with additional_config['tt']['batch_fill_wait_us'] = {wait}: none"
        )
    if scheduler.scheduler_cls in OWN_SCHEDULERS and (wait or options.overlap_steps):
        scheduler.scheduler_cls = FILLING_SCHEDULER if wait else SCHEDULER
        vllm_config.additional_config = {**noted, SCHEDULER_KEY: scheduler.scheduler_cls}
