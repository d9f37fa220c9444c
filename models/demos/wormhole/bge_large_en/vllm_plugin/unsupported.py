# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What vLLM can be asked for that no worker of ours serves, refused before any device work."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.demos.wormhole.bge_large_en.tt.dims import check_model_type
from models.demos.wormhole.bge_large_en.vllm_plugin import SERVED

if TYPE_CHECKING:
    from vllm.config import ModelConfig, VllmConfig

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


def refuse_model(model_config: "ModelConfig") -> None:
    """ValueError for one that is no encoder of BERT's kind."""
    if model_config.runner_type != "pooling":
        raise ValueError(
            f"model {model_config.model!r} has runner type {model_config.runner_type!r}; the TT pooling platform "
            "serves runner type 'pooling' only"
        )
    check_model_type(model_config.hf_config.model_type)
    if set(SERVED).isdisjoint(model_config.architectures):
        raise ValueError(
            f"model {model_config.model!r} has architectures {model_config.architectures}; the TT pooling platform "
            f"serves {list(SERVED)}"
        )


def refuse_features(vllm_config: "VllmConfig") -> None:
    """ValueError, naming the first of them, its value and what is allowed."""
    parallel, model = vllm_config.parallel_config, vllm_config.model_config
    profiler = getattr(getattr(vllm_config, "profiler_config", None), "profiler", None)  # the fork has none
    refused = [  # name, value, the only value allowed, unsupported?; pipeline parallelism vLLM refuses itself
        ("tensor_parallel_size", parallel.tensor_parallel_size, 1, parallel.tensor_parallel_size > 1),
        ("lora_config", vllm_config.lora_config, None, vllm_config.lora_config is not None),
        ("quantization", model.quantization, None, model.quantization is not None),
        ("enable_prompt_embeds", model.enable_prompt_embeds, False, model.enable_prompt_embeds),
        # transformers itself has all that a BERT encoder needs.
        ("trust_remote_code", model.trust_remote_code, False, model.trust_remote_code),
        ("convert", getattr(model, "convert", "auto"), "auto or embed", getattr(model, "convert", None) == "classify"),
        # Of the worker's process; vLLM's own have nothing of the device in them.
        ("profiler", profiler, None, profiler is not None),
    ]
    for name, value, allowed, unsupported in refused:
        if unsupported:
            raise ValueError(f"{name} is {value}; the TT pooling platform allows {allowed} only")


def refuse_without_tokenizer(model_config: "ModelConfig") -> None:
    """ValueError for a folder without a vocabulary: transformers 5 would make every word of a text [UNK]."""
    folder = Path(str(getattr(model_config, "tokenizer", None) or model_config.model))
    if getattr(model_config, "skip_tokenizer_init", False) or not folder.is_dir():
        return
    if not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise ValueError(f"tokenizer {str(folder)!r} holds neither {' nor '.join(TOKENIZER_FILES)}; one is needed")
