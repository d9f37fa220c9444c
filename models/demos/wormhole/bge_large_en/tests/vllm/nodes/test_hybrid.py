# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's hybrid balancer on two T3Ks: a server on each, an engine on each of its cards; what the loss of a machine does."""

import collections
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.vllm.nodes.conftest import FIRST, SECOND, ask, get
from models.demos.wormhole.bge_large_en.tests.vllm.nodes.test_one_server import MANY, TEXTS, embed_all, finished
from models.demos.wormhole.bge_large_en.tests.vllm.server import assert_like

TAGS = {"first": f"starts: {FIRST}, hybrid", "second": f"starts: {SECOND}, hybrid"}
CARDS = 4  # of a T3K, two chips each
PATIENCE_S = 60  # for a machine that would be ready in half of it


@pytest.fixture
def both(start):
    """Function that starts both machines and waits until both serve."""

    def begin() -> dict:
        nodes = {name: start(name, tag) for name, tag in TAGS.items()}
        for node in nodes.values():
            node.wait_until()
        return nodes

    return begin


def test_each_machine_serves_by_its_own_cards_and_outlives_the_other(network, start, both, small_model):
    nodes = both()
    urls = {name: node.url for name, node in nodes.items()}

    # --- an engine on each of the eight cards, each machine's requests by its own, to the same bits
    for node in nodes.values():
        assert node.log.read_text().count("Opened a mesh of 2 chip(s)") == CARDS, node.tail()
    rows = {name: network.on("front", lambda url=url: embed_all(url, TEXTS)) for name, url in urls.items()}
    assert torch.equal(rows["first"], rows["second"])
    assert_like(rows["first"], ReferenceEncoder.from_pretrained(small_model).encode(TEXTS))
    shares = {name: network.on("front", lambda url=url: finished(url)) for name, url in urls.items()}
    print(f"by machine and engine: {shares}")
    assert set(shares["first"]) == set("0123") and set(shares["second"]) == set("4567"), shares
    for share in shares.values():
        assert sum(share.values()) == len(TEXTS) and min(share.values()) >= len(TEXTS) // CARDS // 2, shares
    ports = network.listening("first")
    assert {(FIRST, 8000), (FIRST, 13345)} < ports and {address for address, _ in ports} == {FIRST}, ports
    assert len(ports) == 5 and network.listening("second") == {(SECOND, 8000)}, "the table of README.md"

    def killed_under_load(name: str) -> dict[str, list[int]]:
        """Statuses by machine of long requests to both, of which one machine dies."""

        def load() -> dict[str, list[int]]:
            with ThreadPoolExecutor(8) as pool:
                waiting = {at: [pool.submit(ask, url, MANY) for _ in range(4)] for at, url in urls.items()}
                time.sleep(1.5)
                network.kill(name)
                return {at: [task.result()[0] for task in tasks] for at, tasks in waiting.items()}

        return network.on("front", load)

    def outlived(lost: str, left: str) -> None:
        statuses = killed_under_load(lost)
        print(f"{lost} is killed under load: { {at: dict(collections.Counter(s)) for at, s in statuses.items()} }")
        assert set(statuses[left]) == {200} and 0 in statuses[lost], statuses

        # --- the other goes on
        time.sleep(15)  # longer than a server of several machines takes to notice a loss
        health = {at: f"{url}/health" for at, url in urls.items()}
        assert network.on("front", lambda: get(health[left])) == 200
        assert torch.equal(rows["first"], network.on("front", lambda: embed_all(urls[left], TEXTS)))

        # --- but the lost one can't come back alone: at its start it waits for what the other did at its own
        again = start(lost, TAGS[lost])
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and again.process.poll() is None:
            assert network.on("front", lambda: get(health[lost])) != 200
            time.sleep(1)
        print(f"{lost} alone again for {PATIENCE_S} s: exit status {again.process.poll()}")
        assert network.on("front", lambda: get(health[left])) == 200
        network.kill("first")
        network.kill("second")

    outlived("first", "second")
    both()
    assert torch.equal(rows["first"], network.on("front", lambda: embed_all(urls["first"], TEXTS)))
    outlived("second", "first")
