# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a user reads before a plain server is ready."""

import urllib.request

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, START_LIMIT_S, assert_calm

pytest.importorskip("vllm")

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]


def test_a_plain_start_says_little_and_warns_of_nothing(server):
    """Started without a script; that of the README has the same test among the documented commands."""
    with urllib.request.urlopen(f"{server.url}/health", timeout=10):
        pass
    log = server.log.read_text(errors="replace")
    assert_calm(log)
    assert NAME in log
