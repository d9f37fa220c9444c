# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import pytest

pytest_plugins = ["models.emulated_wormhole.pytest_plugin"]
SERVERS = ("server", "bge_server", "loaded_server")  # fixtures of a session, each of them a minute to start


def pytest_addoption(parser):
    # tt-metal's conftest has it too, and an option can be added once: so not in the plugin, which also runs there.
    parser.addoption("--device-id", type=int, default=0, help="device that the `device` fixture opens")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    # Of pytest-xdist's processes one runs a whole file, and one all that share a server.
    for item in items:
        server = next((name for name in SERVERS if name in item.fixturenames), None)
        item.add_marker(pytest.mark.xdist_group(server or item.nodeid.split("::")[0]))
