# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A vLLM server in a process of its own, and how its answers are read and compared."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from models.demos.wormhole.bge_large_en.tests.vllm.forked import ForkedProcess

NAME = "sentence-transformers/all-MiniLM-L6-v2"
MAX_MODEL_LEN = 256
API_SERVER = (sys.executable, "-m", "vllm.entrypoints.openai.api_server")
START_LIMIT_S, STOP_LIMIT_S = 1500, 120  # bounds on waiting, not on speed
MOST_LINES = 15  # of a log until a plain server is ready
# vLLM's form and loguru's, with the process before it or not.
LEVEL = re.compile(r"^(?:\(\w+ pid=\d+\) )?(?:\d{4}-\d\d-\d\d \S+ \| )?(DEBUG|INFO|WARNING|ERROR|CRITICAL|[WE]\d{4})\b")


class Server:
    """One server process with its log; `stop` returns the exit status.

    program: what is started, with these flags. None: vLLM's server, in a forked process, which is there in half the time.
    """

    def __init__(self, flags: list[str], environment: dict[str, str], log: Path, program: Sequence[str] | None = None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.log = f"http://127.0.0.1:{port}", log
        flags = ["--host", "127.0.0.1", "--port", str(port), *flags]
        if program is None:
            log.touch()
            self.process = ForkedProcess(API_SERVER[-1], flags, environment, log)
            return
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*program, *flags], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.healthy():
                return
            time.sleep(1)
        pytest.fail(f"no server (exit status {self.process.poll()}); end of its log:\n{self.tail()}")

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def tail(self, characters: int = 6000) -> str:
        return self.log.read_text(errors="replace")[-characters:]

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # the session that was started for this server only
            raise


@contextmanager
def serving(
    flags: list[str],
    environment: dict[str, str],
    log: Path,
    *,
    wait: bool = True,
    program: Sequence[str] | None = None,
) -> Iterator[Server]:
    """A server that answers, or with wait=False one that starts; at the end it must exit by itself, with status 0."""
    running = Server(flags, environment, log, program)
    try:
        if wait:
            running.wait_until_healthy()
        yield running
    finally:
        status = running.stop()
    assert status == 0, running.tail()
    said = log.read_text()
    assert "force killing" not in said and "EngineDeadError" not in said, running.tail()


def embed_bytes(client, texts, **extra) -> list[bytes]:
    """Little-endian float32 bytes of each vector, in the order of the texts."""
    answer = client.embeddings.create(model=NAME, input=texts, encoding_format="base64", extra_body=extra)
    assert [item.index for item in answer.data] == list(range(len(answer.data)))
    return [base64.b64decode(item.embedding) for item in answer.data]


def embed(client, texts, **extra) -> torch.Tensor:
    return torch.from_numpy(np.stack([np.frombuffer(row, "<f4") for row in embed_bytes(client, texts, **extra)]))


def assert_like(vectors: torch.Tensor, expected: torch.Tensor) -> None:
    """Every row unit, and within a cosine of 0.999 of the fp32 reference."""
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(len(vectors)), atol=1e-5, rtol=0)
    cosines = torch.nn.functional.cosine_similarity(vectors, expected, dim=-1)
    assert cosines.min() >= 0.999, f"worst cosine {cosines.min():.5f} at row {cosines.argmin()}"


def post(server: Server, path: str, body: dict, headers: dict[str, str] | None = None):
    """The answer (status, headers, read()), whatever its status."""
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        return urllib.request.urlopen(request, timeout=120)
    except urllib.error.HTTPError as error:
        return error


def assert_calm(log: str) -> None:
    """Few lines until it is ready, none of them a warning, and nothing that is not a user's business."""
    lines = log.splitlines()
    ready = next(i for i, line in enumerate(lines) if "Application startup complete" in line)
    levels = [(found[1], line) for line in lines[: ready + 1] if (found := LEVEL.match(line))]
    assert 0 < len(levels) <= MOST_LINES, "\n".join(line for _, line in levels)
    assert {level for level, _ in levels} == {"INFO"}, levels
    assert len(lines[: ready + 1]) <= MOST_LINES + 5, "\n".join(lines)
    said = "\n".join(lines)
    for noise in ("KV cache", "Initializing a V1 LLM engine", "Route: ", "orjson", "CUDA", "ttnn.CONFIG", "ulimit"):
        assert noise not in said, noise
    assert "Serving on: " in said and "Starting vLLM server on" in said
