# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Independent servers behind nginx: who is asked, what a machine's death costs, and that it is used again."""

import collections
import json
import re
import shlex
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.nodes.conftest import (
    FIRST,
    FRONT,
    LARGE,
    RECIPES,
    SECOND,
    ask,
    done_on,
    get,
    need,
    recipe,
)
from models.demos.wormhole.bge_large_en.tests.vllm.server import assert_like

TEXTS = [sentence for sentence in SENTENCES if len(sentence.split()) < 30][:60]
MANY = [f"{text} {i}" for i in range(12) for text in TEXTS]  # seconds of work in one request
BALANCED = f"http://{FRONT}"


class Nginx:
    """The recipe's file as Debian's nginx includes it, in a folder of its own. The log: (upstreams, status) by line."""

    def __init__(self, network, folder: Path):
        self._network, self._log = network, folder / "bge.log"
        site = (RECIPES / "nginx.conf").read_text().replace("/var/log/nginx/bge.log", str(self._log))
        self._site, self._file = site, folder / "bge.conf"
        self._file.write_text(site)
        (folder / "nginx.conf").write_text(
            f"user root; pid {folder}/pid; error_log {folder}/error.log; worker_processes 2; events {{}}\n"
            f"http {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; include {folder}/bge.conf; }}\n"
        )
        self._command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        (line,) = recipe("starts: 10.0.0.10")
        for words in map(shlex.split, line.split("&&")):
            done_on(network, "front", [*self._command, *words[1:]])

    def lines(self) -> list[tuple[list[str], int, list[str]]]:
        """(upstreams asked, status, their statuses) of each request."""
        found = []
        for line in self._log.read_text().splitlines():
            _, _, _, status, _, upstreams, statuses = line.replace(", ", ",").split()
            found.append((upstreams.split(","), int(status), statuses.split(",")))
        return found

    def take_out(self, address: str | None) -> None:
        """As README.md says; None: nobody any more."""
        site = self._site if address is None else re.sub(rf"(server {address}:8000\b)", r"\1 down", self._site)
        assert (site != self._site) == (address is not None)
        self._file.write_text(site)
        done_on(self._network, "front", [*self._command, "-s", "reload"])
        time.sleep(1)

    def stop(self) -> None:
        subprocess.run([*self._network.prefix("front"), *self._command, "-s", "stop"], timeout=30, check=True)


@pytest.fixture
def nginx(network, tmp_path):
    need("nginx", "nginx")
    folder = tmp_path / "nginx"
    folder.mkdir()
    running = Nginx(network, folder)
    yield running
    running.stop()


def ask_all(texts: list[str], at_once: int = 8) -> list[tuple[int, dict]]:
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda text: ask(BALANCED, text), texts))


def vectors(answers: list[tuple[int, dict]]) -> torch.Tensor:
    assert {status for status, _ in answers} == {200}, answers
    return torch.tensor([item["embedding"] for _, body in answers for item in body["data"]])


def asked(lines) -> collections.Counter:
    """Requests by the machine that answered, or failed to."""
    return collections.Counter(upstreams[-1].partition(":")[0] for upstreams, _, _ in lines)


def test_requests_are_shared_a_death_costs_its_own_and_who_comes_back_is_used(network, nginx, start, small_model):
    def front(function):
        return network.on("front", function)

    first, second = start("first", f"starts: {FIRST}"), start("second", f"starts: {SECOND}")
    first.wait_until()
    second.wait_until()
    health = {name: f"{BALANCED}/health{name}" for name in ("", f"/{FIRST}", f"/{SECOND}")}
    assert front(lambda: [get(url) for url in health.values()]) == [200, 200, 200]

    # --- shared, and right to the bit
    answers = front(lambda: ask_all(TEXTS))
    rows = vectors(answers)
    shares = asked(nginx.lines())
    assert sum(shares.values()) == len(TEXTS) and min(shares[FIRST], shares[SECOND]) >= len(TEXTS) // 12, shares
    for node in (first, second):
        assert torch.equal(rows, vectors([front(lambda url=node.url: ask(url, TEXTS))]))
    assert_like(rows, ReferenceEncoder.from_pretrained(small_model).encode(TEXTS))
    for command in recipe("runs: 10.0.0.10"):
        printed = done_on(network, "front", ["bash", "-c", command.replace("curl ", "curl -sS --fail-with-body ")])
        assert "health" in command or len(json.loads(printed)["data"]) == 1

    # --- one is taken out, and put back
    before = len(nginx.lines())
    nginx.take_out(FIRST)
    vectors(front(lambda: ask_all(TEXTS[:20])))
    assert asked(nginx.lines()[before:]) == {SECOND: 20}
    nginx.take_out(None)

    # --- one dies under load
    before = len(nginx.lines())
    counts: collections.Counter = collections.Counter()

    def load() -> list[tuple[int, dict]]:
        """Eight long requests, of which both machines have some when one dies, and short ones all the time."""
        with ThreadPoolExecutor(16) as pool:
            long = [pool.submit(ask, BALANCED, MANY) for _ in range(8)]
            time.sleep(1.5)
            network.kill("second")
            counts["killed after"] = sum(task.done() for task in long)
            short = list(pool.map(lambda text: ask(BALANCED, text), TEXTS))
            return [task.result() for task in long] + short

    answers = front(load)
    lines = nginx.lines()[before:]
    statuses = collections.Counter(status for status, _ in answers)
    assert set(statuses) == {200, 502} and len(lines) == len(answers) == 8 + len(TEXTS), statuses
    lost = [line for line in lines if line[1] == 502]
    assert len(lost) == statuses[502] and all(line[0] == [f"{SECOND}:8000"] for line in lost), "none was sent again"
    assert all(len(upstreams) == 1 or before_it == ["502", "200"] for upstreams, status, before_it in lines), lines
    error = next(body for status, body in answers if status == 502)["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == 502
    # The short ones come after the kill; eight at a time, of which a machine that is not yet dead may still take some.
    kept = [i for i, (status, _) in enumerate(answers[8:]) if status == 200]
    assert len(TEXTS) - len(kept) <= 8 and torch.equal(rows[kept], vectors([answers[8 + i] for i in kept])), statuses
    assert front(lambda: [get(url) for url in health.values()]) == [200, 200, 502]
    print(f"killed under load: {dict(statuses)}, by machine {dict(asked(lines))}")

    # --- and comes back
    second = start("second", f"starts: {SECOND}")
    second.wait_until(health[f"/{SECOND}"])
    time.sleep(6)  # fail_timeout
    before = len(nginx.lines())
    assert torch.equal(rows, vectors(front(lambda: ask_all(TEXTS))))
    shares = asked(nginx.lines()[before:])
    assert min(shares[FIRST], shares[SECOND]) >= len(TEXTS) // 12, shares
    print(f"after its return: {dict(shares)}")

    # --- none is left
    network.kill("first")
    network.kill("second")
    assert front(lambda: get(health[""])) == 502
    status, body = front(lambda: ask(BALANCED, "a text"))
    assert status == body["error"]["code"] == 502 and LARGE not in json.dumps(body)
