# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""`vllm serve --data-parallel-size 2`: two engines, each with a device of its own, behind two API servers."""

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("vllm")

import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.engine.test_metrics import NAME, Server, ask, samples, total
from models.demos.wormhole.bge_large_en.tests.vllm.test_server import START_LIMIT_S, assert_like

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(START_LIMIT_S + 300)]
TEXTS = [sentence for sentence in SENTENCES if len(sentence.split()) < 30][:24]


class CommandServer(Server):
    """Started by the command `vllm serve`, which starts as many API servers as engines."""

    def __init__(self, flags: list[str], environment: dict[str, str], log: Path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.url, self.log = f"http://127.0.0.1:{port}", log
        command = [sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", "--host", "127.0.0.1", "--port", port]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command + flags, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )


def test_two_engines_share_the_requests_and_close_their_devices(minilm, vllm_environment, tmp_path):
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", "64"]
    options = {"tt": {"enable_model_warmup": False, "optimizations": "accuracy"}}
    flags += ["--data-parallel-size", "2", "--additional-config", json.dumps(options)]
    server = CommandServer(flags, vllm_environment, tmp_path / "server.log")
    try:
        server.wait_until_healthy()
        with ThreadPoolExecutor(8) as pool:
            rows = list(pool.map(lambda text: ask(server, [text]), TEXTS))
        counted = samples(server)
    finally:
        status = server.stop()
    assert_like(torch.tensor(rows).squeeze(1), ReferenceEncoder.from_pretrained(minilm).encode(TEXTS))
    texts = [total(counted, "vllm:tt_texts_total", model_name=NAME, engine=engine) for engine in ("0", "1")]
    assert sum(texts) == len(TEXTS) and min(texts) > 0, texts
    log = server.log.read_text()
    assert status == 0 and "force killing" not in log, server.tail()
    assert log.count("Started server process") == 2 and log.count("Closed the device in") == 2, server.tail()
