# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The step that starts vLLM's server and asks it."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import torch

from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE, find_checkpoint, registry_minilm
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting, Skipped
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.runner.small_model import TINY
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

API_SERVER = ["-m", "vllm.entrypoints.openai.api_server"]
TEXTS = ["Bees tell each other where flowers are.", "AI", "It is sunny today and there is not a cloud in the sky. " * 9]
LONGEST = 96  # tokens
LEAST_COSINE = {True: 0.99, False: 0.999}  # of BGE-large at full depth; of MiniLM


def server(found: Findings, setting: Setting) -> None:
    if find_spec("vllm") is None:
        raise Skipped("vllm is not installed")
    large, minilm = None if setting.small else find_checkpoint(BGE_LARGE), registry_minilm()
    if large is None and minilm is None:
        raise Skipped(f"neither {BGE_LARGE} nor a package with all-MiniLM-L6-v2 can be had here")
    folder = locate(str(large or minilm))
    if setting.small:
        folder = write_seeded_checkpoint(setting.folder / "tiny", folder, **{**TINY, "vocab_size": 30522})
    found.note("model", "two seeded layers" if setting.small else BGE_LARGE if large else "all-MiniLM-L6-v2")
    reference = ReferenceEncoder.from_pretrained(folder)
    right = torch.nn.functional.normalize(reference.encode(TEXTS, max_length=LONGEST), dim=-1)
    log = setting.folder / "server-vllm.log"
    url, process = _start(folder, setting, log)
    try:
        start = time.monotonic()
        _wait(url, process, start + 0.65 * setting.seconds, log)
        if setting.timed:
            found.note("seconds until it is healthy", time.monotonic() - start)
        first, again = _embed(url, folder), _embed(url, folder)
        worst = cosines(first, right).min().item()
        found.note("worst cosine to fp32", worst)
        found.expect(worst >= LEAST_COSINE[bool(large)], f"worst cosine to fp32 is {worst:.5f}")
        found.expect(torch.equal(first, again), "the same texts got other vectors the second time")
    finally:
        process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        try:
            status = process.wait(0.2 * setting.seconds)
        except subprocess.TimeoutExpired:
            status = None
            process.kill()
    if setting.timed:
        found.note("seconds to stop", time.monotonic() - start)
    found.expect(status == 0, f"after SIGTERM it ended with status {status}, not 0; {log.name}")


def _start(folder: Path, setting: Setting, log: Path) -> tuple[str, subprocess.Popen]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shapes = ["--max-model-len", str(LONGEST)] if setting.small else []
    command = [sys.executable, *API_SERVER, "--model", str(folder), *shapes]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], stdout=output, stderr=subprocess.STDOUT
        )
    return f"http://127.0.0.1:{port}", process


def _wait(url: str, process: subprocess.Popen, until: float, log: Path) -> None:
    """RuntimeError unless /health answers by then."""
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=10):
                return
        except OSError:
            time.sleep(1)
    lines = log.read_text(errors="replace").splitlines()
    cause = next((line for line in lines if "CRITICAL" in line or "can't start" in line), (lines or [""])[-1])
    raise RuntimeError(f"no /health; status {process.poll()}; {cause.strip()[:200]}")


def _embed(url: str, folder: Path) -> torch.Tensor:
    """(3, H) of TEXTS."""
    body = {"model": str(folder), "input": TEXTS, "truncate_prompt_tokens": LONGEST}
    request = urllib.request.Request(
        f"{url}/v1/embeddings", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        data = json.load(answer)["data"]
    return torch.tensor([item["embedding"] for item in sorted(data, key=lambda item: item["index"])])
