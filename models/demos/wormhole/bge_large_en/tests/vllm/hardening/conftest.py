# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import report
from models.demos.wormhole.bge_large_en.tests.vllm.server import Server, serving


@pytest.fixture(scope="session")
def loaded_server(minilm, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    """A server of a tiny encoder with a low bound on waiting requests: see soak.flags."""
    from models.demos.wormhole.bge_large_en.tests.vllm.hardening.soak import SOAKED, flags

    folder = tmp_path_factory.mktemp("loaded")
    with serving(flags(folder / SOAKED), vllm_environment, folder / "server.log") as running:
        running.model = folder / SOAKED
        yield running


def pytest_terminal_summary(terminalreporter) -> None:
    lines = report()
    if lines:
        terminalreporter.section("hardening")
        for line in lines:
            terminalreporter.write_line(line)
