# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import re
from pathlib import Path

import pytest

pytest_plugins = ["models.emulated_wormhole.pytest_plugin"]
# Fixtures of a session, each of them a server, and what else asks for it; the one that takes longest to start first.
SERVERS = {
    "server": "server|client",
    "cross_server": "cross_server",
    "loaded_server": "loaded_server",
    "bge_server": "bge_server",
}


def pytest_addoption(parser):
    # tt-metal's conftest has it too, and an option can be added once: so not in the plugin, which also runs there.
    parser.addoption("--device-id", type=int, default=0, help="device that the `device` fixture opens")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # 24 layers at 8 x 384 without a card; test_bge_vllm_demo beside it runs the same ones.
    for item in items:
        if item.name.startswith("test_bge_demo_inference["):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One process runs the whole of a file, and all files that share a server."""
    from xdist.scheduler import LoadScopeScheduling

    class FilesOfAServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            return scopes.setdefault(path, server_of(config.rootpath / path) or path)

    scopes: dict[str, str] = {}
    return FilesOfAServer(config, log)


def server_of(path: Path) -> str | None:
    text = path.read_text()
    return next(
        (name for name, asks in SERVERS.items() if re.search(rf"^def test_\w+\([^)]*\b({asks})\b", text, re.M)), None
    )
