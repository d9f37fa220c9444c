# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import report


def pytest_terminal_summary(terminalreporter) -> None:
    lines = report()
    if lines:
        terminalreporter.section("hardening")
        for line in lines:
            terminalreporter.write_line(line)
