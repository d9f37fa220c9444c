# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real servers over a device that fails: what clients, /health, the log and the exit status say.

The long part: pytest -m slow -k hardening.
"""

import json
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("vllm")

import torch

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.faulty_server import (
    NAME,
    FaultyServer,
    assert_dead,
    assert_error,
    damaged,
    faulty,
    try_to_ask,
)
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, post
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import ENGINE_DIED

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]
slow = pytest.mark.slow

HELLO = 7592  # the token of "hello" in BERT's vocabulary
ROUTES = {  # bodies with "hello", which fails, beside what does not
    "/v1/embeddings": {"input": ["a good text", "hello world"]},
    "/v2/embed": {"texts": ["hello", "a good text"]},
    "/pooling": {"input": "hello"},
    "/score": {"text_1": "hello", "text_2": ["a good text"]},
    "/rerank": {"query": "a good text", "documents": ["hello", "another"]},
}


# --- while it serves -------------------------------------------------------------------------------------------------


def test_faults_of_requests_and_of_the_device(bge_small, vllm_environment, tmp_path):
    """One server, to save starts: what fails one request, what fails none, and at last a device that hangs."""
    with faulty(bge_small, vllm_environment, tmp_path) as server:
        right = server.vectors("a good text", "another", "hello world")
        server.fault("nan", token=HELLO)
        for path, body in ROUTES.items():
            assert_error(*server.ask(path, **body), "failed twice: ")
        for encoding in ("base64", "bytes"):
            assert_error(*server.ask(input=["hello world"], encoding_format=encoding), "failed twice: ")
        for fault in ("zero", "raise"):
            server.fault(fault, token=HELLO)
            with ThreadPoolExecutor(8) as pool:  # good and bad share steps
                bad = [pool.submit(server.ask, input="hello world") for _ in range(4)]
                good = [pool.submit(server.vectors, "a good text", "another") for _ in range(6)]
                assert all(future.result() == right[:2] for future in good)
                for future in bad:
                    assert_error(*future.result(), "failed twice: ")
        for fault in ("nan", "raise"):
            server.fault(fault, times=1)
            assert server.vectors("a good text", "another", "hello world") == right
        server.fault()
        assert server.vectors("a good text", "another", "hello world") == right and server.healthy()

        server.fault("hang")
        with ThreadPoolExecutor(4) as pool:
            for answer in [pool.submit(server.ask, input="a good text") for _ in range(4)]:
                assert_error(*answer.result(), ENGINE_DIED)
        assert_dead(server, "No answer from the device for 20 s: requests ['embd-", "in submit")


@slow
@pytest.mark.parametrize(
    "fault, said",
    [
        ("nan", "the device fails: the device returned NaN or Inf"),
        ("zero", "the device fails: the model returned NaN, Inf or all-zero"),
        ("raise", "the device fails: TT_FATAL: the device said no"),
        ("hang in C", "Fatal Python error: Alarm clock"),
        ("die", "engine core exited unexpectedly"),
    ],
)
def test_a_device_that_fails_for_good(bge_small, vllm_environment, tmp_path, fault, said):
    """After some good steps, as after an hour."""
    with faulty(bge_small, vllm_environment, tmp_path) as server:
        server.fault(fault, after=12)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda i: try_to_ask(server, f"text {i}", dying=True), range(48)))
        served = [answer for status, answer in answers if status == 200]
        assert len(served) >= 12
        for answer in served:
            assert torch.isfinite(torch.tensor(answer["data"][0]["embedding"])).all()
        statuses = {status for status, _ in answers}
        assert 500 in statuses and statuses <= {200, 500, None}, statuses  # None: after the end
        assert_dead(server, *([said] if fault != "hang in C" else ["in submit"]))


@slow
def test_a_supervisor_brings_it_back(bge_small, vllm_environment, tmp_path):
    """The engine's process is killed; a loop that starts anew after a status that is not 0, as systemd's on-failure."""
    statuses, right = [], None
    for fault in ("die", None):
        (tmp_path / "faults.json").write_text("{}")
        server = FaultyServer(bge_small, vllm_environment, tmp_path)
        try:
            server.wait_until_healthy()
            rows = server.vectors("a good text")
            right = right or rows
            assert rows == right
            if fault:
                server.fault(fault)
                assert_error(*server.ask(input="a good text"), ENGINE_DIED)
                statuses.append(server.exit_status())
            else:
                statuses.append(server.stop())
        finally:
            server.discard()
        if statuses[-1] == 0:
            break
    assert statuses == [1, 0]


# --- killed and terminated -------------------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize("whom", ["server", "engine"])
def test_a_kill_leaves_nothing_and_a_restart_takes_the_same_port(bge_small, vllm_environment, tmp_path, whom):
    count("faults injected")
    with faulty(bge_small, vllm_environment, tmp_path) as server:
        right = server.vectors("a good text")
        os.kill(server.process.pid if whom == "server" else server.engine(), signal.SIGKILL)
        assert server.exit_status() == (-signal.SIGKILL if whom == "server" else 1)
        server.leaves_nothing()
        port = ["--port", server.url.rpartition(":")[2]]
        again = tmp_path / "again"
        again.mkdir()
        with faulty(bge_small, vllm_environment, again, flags=port) as restarted:
            assert restarted.url == server.url
            assert restarted.vectors("a good text") == right
            assert restarted.stop() == 0


@slow
def test_terminated_with_more_accepted_than_can_be_served(bge_small, vllm_environment, tmp_path):
    """What is served in time has its vector, the rest 503, nothing is reset; the device is closed, the status is 0."""
    count("faults injected")
    limit_s, asked = 8, 96  # in twelve steps of a second, of which it has five

    def ask(_) -> tuple[int, str | None, dict]:
        answer = post(server, "/v1/embeddings", {"model": NAME, "input": "a good text"})
        return answer.status, answer.headers["Retry-After"], json.load(answer)

    flags = ["--max-num-seqs", "8", "--shutdown-timeout", str(limit_s)]
    options = {"flags": flags, "enable_model_warmup": False, "max_waiting_requests": asked}
    with faulty(bge_small, vllm_environment, tmp_path, **options) as server:
        right = server.vectors("a good text")
        assert server.vectors(*["a good text"] * 8) == right * 8  # both shapes are compiled
        server.fault("slow", seconds=1)
        with ThreadPoolExecutor(asked) as pool:
            answers = [pool.submit(ask, i) for i in range(asked)]
            time.sleep(2)
            start = time.monotonic()
            server.process.terminate()
            assert server.exit_status() == 0, server.tail()
            assert time.monotonic() - start < limit_s + 2
            answers = [answer.result() for answer in answers]
        for status, retry_after, answer in answers:
            assert status in (200, 503), answer
            if status == 200:
                assert [item["embedding"] for item in answer["data"]] == right
            else:
                assert retry_after == "5" and answer["error"]["message"] == "the server is stopping"
        log, served = server.log.read_text(), sum(status == 200 for status, _, _ in answers)
        assert 16 <= served < asked, "in time were some, but not all"
        assert "Closed the device in" in log and "Traceback" not in log, server.tail()
        assert "force killing" not in log and "The engine died" not in log
        server.leaves_nothing()


# --- at the start ----------------------------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize(
    "fault, said",
    [
        ("open raises", "The engine can't start: RuntimeError: TT_THROW: No Tenstorrent devices detected"),
        ("open hangs", "No answer from the device for 5 s: opening the mesh; is it in use by another process"),
        ("open hangs in C", "in _fail_to_open"),
        ("warm-up", "The engine can't start: RuntimeError: TT_FATAL: kernel build failed: No space left on device"),
        ("nan", "The engine can't start: RuntimeError: the device fails: the device returned NaN or Inf"),
    ],
)
def test_a_device_that_does_not_start(bge_small, vllm_environment, tmp_path, fault, said):
    with faulty(bge_small, vllm_environment, tmp_path, fault) as server:
        assert server.exit_status(starting=True) == 1, server.tail()
        assert said in server.log.read_text(), server.tail()
        server.leaves_nothing()


@slow
def test_a_port_in_use(bge_small, vllm_environment, tmp_path):
    count("faults injected")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        flags = ["--port", str(taken.getsockname()[1])]
        server = FaultyServer(bge_small, vllm_environment, tmp_path, flags)
        try:
            assert server.exit_status(starting=True) == 1
            assert "Address already in use" in server.tail() and "Opened a mesh" not in server.log.read_text()
        finally:
            server.discard()


@slow
@pytest.mark.parametrize(
    "kind, said",
    [
        ("truncated", "can't be read as safetensors"),
        ("shape", "has shape (384, 100); the config asks for (384, 1536)"),
        ("int8", "has dtype torch.int8; a floating point dtype is needed"),
        ("fp8", "has dtype torch.float8_e4m3fn; a floating point dtype is needed"),
        ("NaN", "layer.0.output.dense.weight in "),
        ("missing tensor", "the checkpoint has no encoder.layer.0.output.dense.weight"),
        ("no weights", "holds no *.safetensors file"),
        ("pickle", "holds no *.safetensors file; pickled weights are not read"),
        ("no tokenizer", "holds neither tokenizer.json nor vocab.txt"),
        ("no pooling", "1_Pooling/config.json"),
    ],
)
def test_a_damaged_checkpoint(bge_small, vllm_environment, tmp_path, kind, said):
    count("faults injected")
    model = tmp_path / "checkpoint"
    shutil.copytree(bge_small, model)
    damaged(model, kind)
    server = FaultyServer(model, vllm_environment, tmp_path)
    try:
        assert server.exit_status(starting=True) == 1, server.tail()
        assert said in server.log.read_text(), server.tail()
        server.leaves_nothing()
    finally:
        server.discard()
