# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The names under which vLLM's registry knows BGEForEmbedding.

vLLM's plugins are called while vLLM is itself being imported, so nothing is imported here before it is asked for.
"""

MODEL_CLASS = "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding"
# "TTBertModel" is the name that Tenstorrent's vLLM plugins look up for "BertModel"; the other is the guide's own.
ARCHITECTURES = ("TTBertModel", "BGEForEmbedding")


def register_models() -> None:
    """Register the architectures with vLLM as import strings; safe to call any number of times in a process."""
    from vllm import ModelRegistry

    known = ModelRegistry.get_supported_archs()
    for architecture in ARCHITECTURES:
        if architecture not in known:
            ModelRegistry.register_model(architecture, MODEL_CLASS)
