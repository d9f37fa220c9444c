# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Machines of a network of their own, and the recipes of demo/deployment, which are started there as they are written."""

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.family.seeded_family import TINY_BERT, bert_tokenizer, write_encoder
from models.demos.wormhole.bge_large_en.tests.vllm.forked import ForkedProcess
from models.demos.wormhole.bge_large_en.tests.vllm.nodes.network import Network, why_not
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, post

RECIPES = Path(__file__).parents[3] / "demo" / "deployment"
LARGE = "BAAI/bge-large-en-v1.5"
FRONT, FIRST, SECOND = "10.0.0.10", "10.0.0.11", "10.0.0.12"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.nodes)
            item.add_marker(pytest.mark.server)
            item.add_marker(pytest.mark.timeout(START_LIMIT_S + 600))


def recipe(tag: str) -> list[str]:
    """The commands of README.md's block with that tag."""
    found = re.findall(rf"<!-- {re.escape(tag)} -->\n```bash\n(.*?)```", (RECIPES / "README.md").read_text(), re.S)
    assert len(found) == 1, f"{len(found)} blocks are tagged {tag!r}"
    return found[0].strip().splitlines()


class Node:
    """A server or engine on a machine, by a recipe's command, of a small model that has the recipe's name.

    No more than the model, and that there is no warm-up, differs from what the recipe says.
    """

    def __init__(self, network: Network, machine: str, command: str, model: Path, environment: dict, log: Path):
        words, given = shlex.split(command), {}
        while re.match(r"[A-Z_]+=", words[0]):
            name, _, given[name] = words.pop(0).partition("=")
        assert words[0] == "vllm" or words[:2] == ["python", "-m"], command
        module, words = ("vllm.entrypoints.cli.main", words[1:]) if words[0] == "vllm" else (words[2], words[3:])
        words[words.index(LARGE)] = str(model)
        words += ["--served-model-name", LARGE]
        words += ["--additional-config", json.dumps({"tt": {"enable_model_warmup": False}})]
        environment = {**environment, **given}
        self.network, self.machine, self.log = network, machine, log
        self.url = f"http://{network.addresses[machine]}:8000"
        self.process = ForkedProcess(module, words, environment, log, code=network.code(machine, module))

    def wait_until(self, url: str | None = None, status: int = 200, asked_from: str = "front") -> None:
        """Until /health, or that URL, answers so; fails when this process ends before."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.network.on(asked_from, lambda: get(url or f"{self.url}/health")) == status:
                return
            time.sleep(1)
        pytest.fail(f"{self.machine}: no {status}, exit status {self.process.poll()}; end of its log:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]


def get(url: str) -> int:
    """Status, 0 without an answer."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def ask(url: str, texts: str | list[str], **fields) -> tuple[int, dict]:
    """Status and body of /v1/embeddings, status 0 without an answer."""
    from types import SimpleNamespace

    try:
        answer = post(SimpleNamespace(url=url), "/v1/embeddings", {"model": LARGE, "input": texts, **fields})
        return answer.status, json.loads(answer.read())
    except OSError as error:
        return 0, {"error": repr(error)}


@pytest.fixture(scope="session")
def small_model(minilm, tmp_path_factory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("nodes") / "small", bert_tokenizer(minilm), **TINY_BERT)


@pytest.fixture
def network() -> Iterator[Network]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Network({"front": FRONT, "first": FIRST, "second": SECOND}) as made:
        yield made


@pytest.fixture
def start(network, small_model, vllm_environment, tmp_path):
    """Function from a machine and the recipe's tag to the Node that runs it."""
    started = []

    def begin(machine: str, tag: str) -> Node:
        (command,) = recipe(tag)
        log = tmp_path / f"{len(started)}-{machine}.log"
        started.append(Node(network, machine, command, small_model, vllm_environment, log))
        return started[-1]

    yield begin
    for node in started:
        node.process.kill()


def need(program: str, package: str) -> None:
    if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        pytest.skip(f"no {program} on this machine (Debian: apt-get install {package})")


def done_on(network: Network, machine: str, command: list[str], **options) -> str:
    """What a command prints on that machine, which must succeed."""
    run = subprocess.run([*network.prefix(machine), *command], capture_output=True, text=True, timeout=120, **options)
    assert run.returncode == 0, (command, run.stdout[-2000:], run.stderr[-2000:])
    return run.stdout
