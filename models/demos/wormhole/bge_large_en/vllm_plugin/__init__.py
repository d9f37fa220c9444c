# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM plugin that serves BERT encoders (BGE, MiniLM) on Wormhole: the platform, its options, cards and versions.

In: vLLM's configuration. Out: the same, completed, with the rooms in its place. Neighbours: front_end and engine.
Entry points (pyproject.toml): `platform_plugin` in vllm.platform_plugins, `general_plugin` in vllm.general_plugins.

vLLM calls both while it is itself being imported, so what this module imports imports nothing but the standard library.
"""

import os
import re

from models.demos.wormhole.bge_large_en.demo.registration import ARCHITECTURES, ENCODERS, register_models
from models.demos.wormhole.bge_large_en.vllm_plugin.quiet import be_calm

__all__ = ["CROSS_ENCODERS", "PLATFORM_CLASS", "REGISTERED", "SERVED", "general_plugin", "platform_plugin"]

CROSS_ENCODER_CLASS = "models.demos.wormhole.bge_large_en.demo.cross_encoder:BGEForSequenceClassification"
_HEADS = tuple(f"{kind}ForSequenceClassification" for kind in ("Bert", "Roberta", "XLMRoberta"))
_REGISTERED_HEADS = tuple(f"TT{name}" for name in _HEADS)
# Of config.json, and what Tenstorrent's platforms make of them before the engine sees them.
CROSS_ENCODERS = (*_HEADS, *_REGISTERED_HEADS)
REGISTERED = (*ARCHITECTURES, *_REGISTERED_HEADS)
SERVED = (*ENCODERS, *ARCHITECTURES, *CROSS_ENCODERS)

PLATFORM_CLASS = f"{__name__}.platform.TTPoolingPlatform"
PLATFORM_GROUP = "vllm.platform_plugins"


def platform_plugin() -> str | None:
    """Dotted path of the platform class, or None when another Tenstorrent platform plugin will be loaded.

    vLLM refuses to start with two active platform plugins, so this one steps back.
    """
    # ttnn logs its whole configuration at the debug level, which is loguru's default.
    os.environ.setdefault("LOGURU_LEVEL", "INFO")
    others = _other_tt_plugins()
    if others:
        from vllm.logger import init_logger

        init_logger("vllm.tt_pooling").info("Leaving the platform to the installed plugin(s): %s", ", ".join(others))
        return None
    # An engine that is forked has what took its server a third of the start to import; nothing of ttnn is among it
    # (see platform._spawn_beside_ttnn). vLLM's servers would spawn it, for CUDA's sake.
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    be_calm()
    return PLATFORM_CLASS


def general_plugin() -> None:
    """Register the architectures, and have the official TT plugin's platform, where that is active, serve them too."""
    from vllm.platforms import current_platform

    from models.demos.wormhole.bge_large_en.vllm_plugin.checkpoint_config import say_positions_are_absolute

    register_models()
    register_models(_REGISTERED_HEADS, CROSS_ENCODER_CLASS)
    say_positions_are_absolute()
    platform = type(current_platform)
    if f"{platform.__module__}.{platform.__qualname__}" != PLATFORM_CLASS:
        from models.demos.wormhole.bge_large_en.vllm_plugin.companion import attach

        attach(platform)


def _other_tt_plugins() -> list[str]:
    """'name = value' of the Tenstorrent platforms, other than this one, that vLLM is allowed to load."""
    from importlib.metadata import entry_points

    from vllm import envs, platforms

    allowed = envs.VLLM_PLUGINS
    # Tenstorrent's fork has its platform built in, and vLLM would prefer ours to it.
    found = ["tt, built in"] if "tt" in platforms.builtin_platform_plugins else []
    for entry in entry_points(group=PLATFORM_GROUP):
        ours = entry.value.partition(":")[0] == __name__
        loaded = allowed is None or entry.name in allowed
        if loaded and not ours and _names_tenstorrent(f"{entry.name} {entry.value}"):
            found.append(f"{entry.name} = {entry.value}")
    return found


def _names_tenstorrent(text: str) -> bool:
    # Known ones: "tt = vllm_tt_plugin.entrypoints:platform_plugin" and "tt = tt_vllm_plugin:register".
    return not {"tt", "tenstorrent"}.isdisjoint(re.split(r"[^a-z0-9]+", text.lower()))
