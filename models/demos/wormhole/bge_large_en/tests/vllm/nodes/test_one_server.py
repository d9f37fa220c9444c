# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One server with an engine on each of two machines: shares, what listens, and what the loss of a machine does."""

import collections
import re
import shlex
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.tests.vllm.nodes.conftest import (
    FIRST,
    RECIPES,
    SECOND,
    ask,
    done_on,
    get,
    need,
    recipe,
)
from models.demos.wormhole.bge_large_en.tests.vllm.server import assert_like

TEXTS = [sentence for sentence in SENTENCES if len(sentence.split()) < 30][:40]
MANY = [f"{text} {i}" for i in range(12) for text in TEXTS]
RPC_PORT = 13345
LIMIT_S = 60  # for processes to close their devices


@pytest.fixture
def pair(network, start):
    """Function that starts the server and the engine on the second machine, and waits until both serve."""

    def begin():
        nodes = [start(name, f"starts: {at}, as one server") for name, at in (("first", FIRST), ("second", SECOND))]
        nodes[0].wait_until()
        return nodes

    return begin


def embed_all(url: str, texts: list[str]) -> torch.Tensor:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: ask(url, text), texts))
    assert {status for status, _ in answers} == {200}, answers
    return torch.tensor([body["data"][0]["embedding"] for _, body in answers])


def finished(url: str) -> dict[str, float]:
    """Requests by engine, by vLLM's own account."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    found: collections.Counter = collections.Counter()
    for engine, count in re.findall(r'vllm:request_success_total\{engine="(\d)"[^}]*\} ([\d.e+]+)', text):
        found[engine] += float(count)
    return dict(found)


def open_to(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=5):
            return True
    except OSError:
        return False


def ends(node, seconds: float) -> int:
    """Exit status of the machine's first process."""
    try:
        return node.process.wait(seconds)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{node.machine} goes on; end of its log:\n{node.tail()}")


def test_two_machines_are_one_server_and_the_loss_of_one_is_told(network, pair, small_model):
    need("nft", "nftables")
    server, engine = pair()
    url = server.url

    # --- both embed, to the same bits
    rows = network.on("front", lambda: embed_all(url, TEXTS))
    assert_like(rows, ReferenceEncoder.from_pretrained(small_model).encode(TEXTS))
    shares = network.on("front", lambda: finished(url))
    assert sum(shares.values()) == len(TEXTS) and min(shares["0"], shares["1"]) >= len(TEXTS) // 4, shares
    assert torch.equal(
        rows, network.on("front", lambda: embed_all(url, TEXTS[::-1])).flip(0)
    ), "by the other engine too"
    print(f"by engine: {shares}")

    assert all("Opened a mesh of 8 chip(s)" in node.log.read_text() for node in (server, engine))

    # --- what listens, and to whom
    ports = network.listening("first")
    assert {(FIRST, 8000), (FIRST, RPC_PORT)} < ports and {address for address, _ in ports} == {FIRST}, ports
    assert len(ports) == 6 and network.listening("second") == set(), "the table of README.md"
    between = sorted(ports - {(FIRST, 8000)})
    assert all(network.on("front", lambda: [open_to(each) for each in between])), "to anybody, as it is"
    (rules,) = recipe(f"runs: {FIRST} and {SECOND}")
    for machine in ("first", "second"):
        done_on(network, machine, shlex.split(rules), cwd=RECIPES)
    assert not any(network.on("front", lambda: [open_to(each) for each in between]))
    assert all(network.on("second", lambda: [open_to(each) for each in between]))
    assert torch.equal(rows, network.on("front", lambda: embed_all(url, TEXTS)))

    # --- the second machine's processes are killed under load
    def load() -> tuple[list[int], float]:
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(ask, url, MANY) for _ in range(8)]
            time.sleep(1.5)
            network.kill("second")
            killed = time.monotonic()
            return [task.result()[0] for task in waiting], time.monotonic() - killed

    statuses, seconds = network.on("front", load)
    print(f"killed under load: {dict(collections.Counter(statuses))}, all answered within {seconds:.1f} s")
    assert set(statuses) <= {200, 500, 503} and 500 in statuses and seconds < LIMIT_S
    assert ends(server, LIMIT_S) == 1 and "The connection to an engine is lost" in server.log.read_text()
    assert network.on("front", lambda: get(f"{url}/health")) == 0

    # --- both come back, and the second goes silent: its cable is cut
    server, engine = pair()
    assert torch.equal(rows, network.on("front", lambda: embed_all(url, TEXTS)))
    network.cut("second")
    cut = time.monotonic()
    assert ends(server, LIMIT_S) == 1
    print(f"the server ended {time.monotonic() - cut:.1f} s after the cable was cut")
    ends(engine, LIMIT_S)
    assert "Connections to the API server's machine" in engine.log.read_text(), engine.tail()
    print(f"the engine ended {time.monotonic() - cut:.1f} s after the cable was cut")


def test_vllms_external_balancer_is_for_other_models(small_model, vllm_environment, tmp_path):
    """As README.md says: with it independent servers are what there is."""
    command = ["serve", str(small_model), "--data-parallel-size", "2", "--data-parallel-rank", "0"]
    done = run_forked("vllm.entrypoints.cli.main", command, vllm_environment, tmp_path)
    assert done.returncode == 1 and "launch independent vLLM instances" in done.stdout + done.stderr
