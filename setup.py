# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Installs models.* (namespace packages) and registers the vLLM plugins; exact versions: scripts/requirements."""

from setuptools import find_namespace_packages, setup

PLUGIN = "models.demos.wormhole.bge_large_en.vllm_plugin"

setup(
    name="tt-bge-serving",
    version="0.1.0",
    description="BERT embedding models in TTNN, served through vLLM on Tenstorrent Wormhole",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    # The explicit "." makes an editable install one path entry, which also finds packages added later.
    package_dir={"": "."},
    packages=find_namespace_packages(include=["models", "models.*"]),
    package_data={"": ["*.txt", "*.md", "*.yaml", "*.yml"]},
    install_requires=["huggingface-hub", "loguru", "torch", "transformers", "ttnn"],
    extras_require={"serve": ["vllm"], "corpus": ["ray[data]"]},
    entry_points={
        "vllm.platform_plugins": [f"tt_bge = {PLUGIN}:platform_plugin"],
        "vllm.general_plugins": [
            f"tt_bge = {PLUGIN}:general_plugin",
            "emulated_wormhole = models.emulated_wormhole.vllm_plugin:activate_if_asked",
        ],
        "tt_device_processes": ["emulated_wormhole = models.emulated_wormhole.vllm_plugin:activate_if_asked"],
    },
)
