# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Environments of other people's clients, and how a program of theirs is run against the server."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, assert_like

REQUIREMENTS = Path(__file__).parents[7] / "scripts" / "requirements"
TEXTS = [SENTENCES[i] for i in (25, 40, 64)]
QUERY = "Which animals live in the house?"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)
            item.add_marker(pytest.mark.server)


def done(command: list, seconds: int = 900, **options) -> str:
    """What a command prints; skips where it cannot be run or fails, as without a registry."""
    try:
        run = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=seconds, **options
        )
    except FileNotFoundError as error:
        pytest.skip(f"no {error.filename} on this machine")
    if run.returncode != 0:
        pytest.skip(f"cannot be installed: {run.stderr[-300:]}")
    return run.stdout


@pytest.fixture(scope="session")
def python_with(tmp_path_factory) -> Callable[..., str]:
    """Function from arguments of pip to the Python of an environment with these packages; made once for each."""
    made: dict[tuple, str] = {}

    def environment(*packages: str) -> str:
        if packages not in made:
            folder, uv = tmp_path_factory.mktemp("clients"), [sys.executable, "-m", "uv"]
            done([*uv, "venv", "-q", "-p", sys.executable, folder])
            done([*uv, "pip", "install", "-q", "--python", folder / "bin" / "python", *packages])
            made[packages] = str(folder / "bin" / "python")
        return made[packages]

    return environment


@pytest.fixture(scope="session")
def client_python(python_with) -> str:
    """With the pinned clients."""
    if not (REQUIREMENTS / "clients.txt").is_file():
        pytest.skip("the pins of the clients are in the repository that this is developed in")
    return python_with("--require-hashes", "-r", str(REQUIREMENTS / "clients.txt"))


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory) -> Path:
    """A folder with the pinned packages of npm."""
    pins, folder = REQUIREMENTS / "clients_npm", tmp_path_factory.mktemp("node")
    if not pins.is_dir() or shutil.which("npm") is None:
        pytest.skip("no npm, or no pins")
    for file in pins.iterdir():
        shutil.copy(file, folder)
    done(["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder)
    return folder


@pytest.fixture
def ask(server) -> Callable:
    """Function from a command, to which the server's address, the model's name and the texts are given as one JSON
    argument, to the JSON that it prints last."""
    return _asker(server.url, NAME)


@pytest.fixture
def ask_cross_encoder(cross_server, cross_encoder) -> Callable:
    """The like for a server of a cross-encoder."""
    return _asker(cross_server.url, cross_encoder.name)


def _asker(url: str, name: str) -> Callable:
    def run(*command, **options):
        given = json.dumps({"url": url, "name": name, "texts": TEXTS, "query": QUERY})
        words = [*map(str, command), given]
        answer = subprocess.run(words, capture_output=True, text=True, timeout=600, **options)
        assert answer.returncode == 0, answer.stderr[-3000:]
        return json.loads(answer.stdout.splitlines()[-1])

    return run


@pytest.fixture
def assert_vectors(reference) -> Callable[[list], None]:
    return lambda vectors: assert_like(torch.tensor(vectors), reference.encode(TEXTS))


@pytest.fixture
def assert_ranked(reference) -> Callable[[list], None]:
    """[[index, score], …], best first."""

    def check(ranked: list) -> None:
        rows = reference.encode([QUERY, *TEXTS])
        scores = rows[1:] @ rows[0]
        assert [index for index, _ in ranked] == scores.argsort(descending=True).tolist()[: len(ranked)]
        assert [score for _, score in ranked] == pytest.approx(
            scores.sort(descending=True).values.tolist()[: len(ranked)], abs=0.005
        )

    return check


@pytest.fixture
def assert_scored(cross_encoder) -> Callable[[list], None]:
    """[[index, score], …], best first, of a cross-encoder by transformers in fp32."""

    @torch.no_grad()
    def check(ranked: list) -> None:
        tokenizer = AutoTokenizer.from_pretrained(cross_encoder)
        theirs = AutoModelForSequenceClassification.from_pretrained(cross_encoder, dtype=torch.float32).eval()
        pairs = tokenizer([QUERY] * len(TEXTS), TEXTS, padding=True, return_tensors="pt")
        scores = torch.sigmoid(theirs(**pairs).logits[:, 0])
        # 0.01 of a logit, by the slope of a sigmoid; TEXTS are 0.006 and more apart, so their order is seen too
        assert [score for _, score in ranked] == pytest.approx([scores[i].item() for i, _ in ranked], abs=0.0025)
        assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)
        assert len({index for index, _ in ranked}) == len(ranked) > 1

    return check
