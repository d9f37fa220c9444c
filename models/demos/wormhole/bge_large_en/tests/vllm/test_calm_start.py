# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a user reads before a plain server is ready."""

import re
import urllib.request

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, START_LIMIT_S

pytest.importorskip("vllm")

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

MOST_LINES = 15
# vLLM's form and loguru's, with the process before it or not.
LEVEL = re.compile(r"^(?:\(\w+ pid=\d+\) )?(?:\d{4}-\d\d-\d\d \S+ \| )?(DEBUG|INFO|WARNING|ERROR|CRITICAL|[WE]\d{4})\b")


def test_a_plain_start_says_little_and_warns_of_nothing(server):
    with urllib.request.urlopen(f"{server.url}/health", timeout=10):
        pass
    lines = server.log.read_text(errors="replace").splitlines()
    ready = next(i for i, line in enumerate(lines) if "Application startup complete" in line)
    levels = [(found[1], line) for line in lines[: ready + 1] if (found := LEVEL.match(line))]
    assert 0 < len(levels) <= MOST_LINES, "\n".join(line for _, line in levels)
    assert {level for level, _ in levels} == {"INFO"}, levels
    assert len(lines[: ready + 1]) <= MOST_LINES + 5, "\n".join(lines)
    said = "\n".join(lines)
    for noise in ("KV cache", "Initializing a V1 LLM engine", "Route: ", "orjson", "CUDA", "ttnn.CONFIG", "ulimit"):
        assert noise not in said, noise
    assert "Serving on: " in said and "Starting vLLM server on" in said and NAME in said
