# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A server that is told to stop before it is ready: at once while it imports, between two shapes while it warms up."""

import re
import signal
import time

import pytest

from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.tests.vllm.server import API_SERVER, START_LIMIT_S, Server

pytest.importorskip("vllm")

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

TIMEOUT_S = 20  # --shutdown-timeout
SAYS_IMPORTS = (API_SERVER[0], "-X", "importtime", *API_SERVER[1:])  # vLLM 0.33 logs nothing while it imports


@pytest.mark.parametrize(
    "moment, closed, program",
    [("vllm.logger\n", False, SAYS_IMPORTS), ("pooling, up to 256 tokens", True, None)],
    ids=["imports", "warm-up"],
)
def test_a_stop_before_the_server_is_ready(minilm, vllm_environment, tmp_path, moment, closed, program):
    # So deep that a warm-up takes seconds.
    deep = dict(hidden_size=384, num_attention_heads=12, intermediate_size=384, num_hidden_layers=64)
    flags = ["--model", str(write_seeded_checkpoint(tmp_path / "deep", minilm, **deep)), "--max-model-len", "256"]
    environment = {**vllm_environment, "PYTHONUNBUFFERED": "1"}
    server = Server(flags, environment, tmp_path / "server.log", program)
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while moment not in (log := server.log.read_text()) and server.process.poll() is None:
            assert time.monotonic() < deadline and "startup complete" not in log, f"{moment!r} is never said"
            time.sleep(0.2)
        time.sleep(2)  # into it
        start = time.monotonic()
        status = server.stop()
        assert time.monotonic() - start < TIMEOUT_S + 2
        assert status == (0 if closed else -signal.SIGTERM), server.tail()
        log = server.log.read_text()
        assert "Traceback" not in log and "force killing" not in log and "can't start" not in log, server.tail()
        assert ("Closed the device in" in log) is closed, server.tail()
        assert not re.search(r"compiled \d+ shapes", log), "it was over before"
    finally:
        if server.process.poll() is None:
            server.process.kill()
