# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The vLLM platform: checks and completes the configuration, and refuses requests that the device must never see."""

from typing import TYPE_CHECKING, ClassVar

import torch
from vllm.exceptions import VLLMValidationError
from vllm.logger import init_logger
from vllm.platforms.interface import Platform, PlatformEnum

from models.demos.wormhole.bge_large_en.vllm_plugin import ARCHITECTURES
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions

if TYPE_CHECKING:  # vllm.config resolves the current platform while it is imported: a cycle
    from vllm.config import ModelConfig, VllmConfig
    from vllm.inputs import EngineInput
    from vllm.pooling_params import PoolingParams
    from vllm.sampling_params import SamplingParams
    from vllm.utils.argparse_utils import FlexibleArgumentParser

# vLLM shows only records below the "vllm" logger.
logger = init_logger("vllm.tt_pooling.platform")

WORKER_CLASS = "models.demos.wormhole.bge_large_en.vllm_plugin.worker.TTPoolingWorker"


class TTPoolingPlatform(Platform):
    """Tenstorrent Wormhole as a vLLM platform for pooling (embedding) models on one device per engine."""

    _enum = PlatformEnum.OOT
    device_name = "tt"
    # Where vLLM's own tensors live: token ids and pooled rows stay on the host, ttnn moves what the device needs.
    device_type = "cpu"
    dispatch_key = "CPU"
    device_control_env_var = "TT_VISIBLE_DEVICES"
    simple_compile_backend = "eager"

    # Requests of one scheduler step when --max-num-seqs is not given: eight device steps of eight rows, enough to
    # group texts of like length; vLLM's own 256 would hold back the first result four times as long.
    default_max_num_seqs: ClassVar[int] = 64
    # Seconds that vLLM waits for running requests and for the device to close before it kills the engine.
    default_shutdown_timeout: ClassVar[int] = 20
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
    def pre_register_and_update(cls, parser: "FlexibleArgumentParser | None" = None) -> None:
        # The parser is the only place where a default can be told from a value that the user gave.
        if parser is not None:
            parser.set_defaults(max_num_seqs=cls.default_max_num_seqs)

    @classmethod
    def check_and_update_config(cls, vllm_config: "VllmConfig") -> None:
        """Complete the configuration in place; runs in the front end, before any device work.

        Raises ValueError, naming the value and the limit, for what this platform cannot serve.
        """
        model_config = vllm_config.model_config
        if model_config is None:  # vLLM makes model-less configurations for its own use
            return
        PoolingOptions.from_config(vllm_config.additional_config)
        _refuse_model(model_config)
        _refuse_features(vllm_config)
        _schedule_whole_requests(vllm_config)
        if vllm_config.parallel_config.worker_cls == "auto":
            vllm_config.parallel_config.worker_cls = WORKER_CLASS
        if vllm_config.shutdown_timeout == 0:
            # vLLM's default kills the engine at once, and with it a device that is still open.
            vllm_config.shutdown_timeout = cls.default_shutdown_timeout
        cls._vocab_size = model_config.get_vocab_size()

    @classmethod
    def validate_request(cls, processed_inputs: "EngineInput", params: "SamplingParams | PoolingParams") -> None:
        """Raise VLLMValidationError (a ValueError; HTTP 400) for a request that would make the worker raise.

        An exception in the worker ends the engine and every request in it, and vLLM 0.25.1 itself refuses only ids
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


def _refuse_model(model_config: "ModelConfig") -> None:
    if model_config.runner_type != "pooling":
        raise ValueError(
            f"model {model_config.model!r} has runner type {model_config.runner_type!r}; the TT pooling platform "
            "serves runner type 'pooling' only"
        )
    served = ("BertModel", *ARCHITECTURES)
    if not set(model_config.architectures) & set(served):
        raise ValueError(
            f"model {model_config.model!r} has architectures {model_config.architectures}; the TT pooling platform "
            f"serves {list(served)}"
        )


def _refuse_features(vllm_config: "VllmConfig") -> None:
    parallel, model = vllm_config.parallel_config, vllm_config.model_config
    refused = [  # name, value, the only value allowed, unsupported?; pipeline parallelism vLLM refuses itself
        ("tensor_parallel_size", parallel.tensor_parallel_size, 1, parallel.tensor_parallel_size > 1),
        ("lora_config", vllm_config.lora_config, None, vllm_config.lora_config is not None),
        ("quantization", model.quantization, None, model.quantization is not None),
        ("enable_prompt_embeds", model.enable_prompt_embeds, False, model.enable_prompt_embeds),
    ]
    for name, value, allowed, unsupported in refused:
        if unsupported:
            raise ValueError(f"{name} is {value}; the TT pooling platform allows {allowed} only")


def _schedule_whole_requests(vllm_config: "VllmConfig") -> None:
    """An encoder needs every token of a text in one step, and no token budget may split or thin out a batch."""
    scheduler = vllm_config.scheduler_config
    scheduler.enable_chunked_prefill = False
    scheduler.long_prefill_token_threshold = 0
    scheduler.async_scheduling = False
    vllm_config.cache_config.enable_prefix_caching = False
    budget = scheduler.max_num_seqs * vllm_config.model_config.max_model_len
    if scheduler.max_num_batched_tokens != budget:
        logger.info("max_num_batched_tokens: %d -> %d", scheduler.max_num_batched_tokens, budget)
        scheduler.max_num_batched_tokens = budget
    scheduler.verify_max_model_len(vllm_config.model_config.max_model_len)
