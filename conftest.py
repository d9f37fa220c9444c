# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

pytest_plugins = ["models.emulated_wormhole.pytest_plugin"]


def pytest_addoption(parser):
    # tt-metal's conftest has it too, and an option can be added once: so not in the plugin, which also runs there.
    parser.addoption("--device-id", type=int, default=0, help="device that the `device` fixture opens")
