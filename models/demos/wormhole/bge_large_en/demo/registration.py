# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The names under which vLLM's registry knows BGEForEmbedding.

vLLM's plugins are called while vLLM is itself being imported, so nothing is imported here before it is asked for.
"""

MODEL_CLASS = "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding"
ENCODERS = ("BertModel", "RobertaModel", "XLMRobertaModel")  # as config.json has them
# "TT" and that is the name that Tenstorrent's vLLM plugins look up; the last is the guide's own.
ARCHITECTURES = (*(f"TT{name}" for name in ENCODERS), "BGEForEmbedding")


def register_models(architectures: tuple[str, ...] = ARCHITECTURES, model_class: str = MODEL_CLASS) -> None:
    """Register the architectures with vLLM as import strings; safe to call any number of times in a process."""
    from vllm import ModelRegistry

    known = ModelRegistry.get_supported_archs()
    for architecture in architectures:
        if architecture not in known:
            ModelRegistry.register_model(architecture, model_class)
