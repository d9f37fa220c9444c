# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Encoders under Tenstorrent's own vLLM platforms, whose worker, scheduler and request checks are for generation.

Two ways: the platform calls `configure_pooling` and `check_pooling_request` itself, or `attach` adds those calls to an unmodified vllm-tt-plugin at start-up.
"""

from typing import TYPE_CHECKING

from vllm import envs
from vllm.logger import init_logger
from vllm.pooling_params import PoolingParams

from models.demos.wormhole.bge_large_en.vllm_plugin import SERVED
from models.demos.wormhole.bge_large_en.vllm_plugin.platform import TTPoolingPlatform

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.inputs import EngineInput
    from vllm.platforms.interface import Platform

logger = init_logger("vllm.tt_pooling.companion")

# Top-level package of the official plugin, https://github.com/tenstorrent/vllm-tt-plugin
OFFICIAL_PLUGIN = "vllm_tt_plugin"


def configure_pooling(vllm_config: "VllmConfig") -> None:
    """Complete, in place, the configuration of a pooling model: the pooling worker and whole requests.

    A worker class that the user chose stays. Raises ValueError, naming the value and the limit, for what the pooling
    worker cannot serve; see TTPoolingPlatform.check_and_update_config.
    """
    from vllm.platforms import current_platform

    if not getattr(envs, "VLLM_USE_V1", True):  # vLLM 0.10 chooses an engine by it, later versions have one engine
        raise ValueError("VLLM_USE_V1 is 0 or not set; the TT pooling worker needs vLLM's V1 engine: set VLLM_USE_V1=1")
    replicas = vllm_config.parallel_config.data_parallel_size
    # The fork's engines exchange sampled token ids after each step, and its ranks share one mesh.
    # Of a platform that has no such method vLLM says None.
    if replicas > 1 and (gathers := getattr(current_platform, "requires_gathered_batch_dp", None)) and gathers():
        raise ValueError(f"data_parallel_size is {replicas}; this backend serves pooling models with 1 only")
    TTPoolingPlatform.check_and_update_config(vllm_config)


def check_pooling_request(processed_inputs: "EngineInput", params: PoolingParams) -> None:
    """Raise VLLMValidationError for a request that would make the pooling worker raise."""
    TTPoolingPlatform.validate_request(processed_inputs, params)


def attach(platform: type["Platform"]) -> None:
    """Make the official plugin's platform class serve encoders; does nothing to other classes, or a second time."""
    if platform.__module__.partition(".")[0] != OFFICIAL_PLUGIN or "_tt_pooling" in vars(platform):
        return
    configure, validate = platform.check_and_update_config, platform.validate_request
    platform._tt_pooling = False  # whether the model configured last in this process is ours

    @classmethod  # type: ignore[misc]
    def check_and_update_config(cls, vllm_config: "VllmConfig") -> None:
        # Not when it is attached, which since 0.33 is before vLLM has a log.
        logger.info_once(
            "%s.%s gets the pooling worker for %s; a VLLM_PLUGINS without tt_bge leaves it alone",
            platform.__module__,
            platform.__qualname__,
            SERVED,
        )
        platform._tt_pooling = _is_ours(vllm_config)
        if platform._tt_pooling:
            configure_pooling(vllm_config)
            logger.info("%s: worker %s", vllm_config.model_config.model, vllm_config.parallel_config.worker_cls)
        configure(vllm_config)

    @classmethod  # type: ignore[misc]
    def validate_request(cls, *given, **named) -> None:
        # vLLM 0.16 gives them by name, and the prompt too.
        processed_inputs, params = given or (named["processed_inputs"], named["params"])
        if platform._tt_pooling and isinstance(params, PoolingParams):
            check_pooling_request(processed_inputs, params)
        validate(*given, **named)

    platform.check_and_update_config, platform.validate_request = check_and_update_config, validate_request


def _is_ours(vllm_config: "VllmConfig") -> bool:
    model_config = vllm_config.model_config
    if model_config is None or model_config.runner_type != "pooling":
        return False
    return not set(SERVED).isdisjoint(model_config.architectures)
