# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The least vLLM platform that serves an encoder, which serving.py compares ours with.

vLLM imports this module while it is itself being imported: hence no worker here.
"""

import torch
from vllm.platforms.interface import Platform, PlatformEnum

BARE_WORKER = "models.demos.wormhole.bge_large_en.tests.perf.serving_workers.BareWorker"


def bare_platform() -> str:
    """Entry point of vllm.platform_plugins."""
    return f"{__name__}.{BarePlatform.__name__}"


class BarePlatform(Platform):
    """No checks, vLLM's own defaults, whole texts in a step."""

    _enum = PlatformEnum.OOT
    device_name = device_type = "cpu"
    dispatch_key = "CPU"
    simple_compile_backend = "eager"

    @classmethod
    def get_device_name(cls, device_id: int = 0) -> str:
        return cls.device_name

    @classmethod
    def import_kernels(cls) -> None:
        """None."""

    @classmethod
    def inference_mode(cls):
        return torch.no_grad()

    @classmethod
    def is_pin_memory_available(cls) -> bool:
        return False

    @classmethod
    def check_and_update_config(cls, vllm_config) -> None:
        if vllm_config.model_config is None:
            return
        scheduler = vllm_config.scheduler_config
        scheduler.enable_chunked_prefill = vllm_config.cache_config.enable_prefix_caching = False
        scheduler.max_num_batched_tokens = scheduler.max_num_seqs * vllm_config.model_config.max_model_len
        vllm_config.parallel_config.worker_cls = BARE_WORKER
