# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commands of the documents, run as they are written in a copy of this repository.

PATH, DIR, FILE and PYTHON are filled in. No model hub is asked: what a document says of a machine without one holds.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.demo.tiny_hub import tiny_hub
from models.demos.wormhole.bge_large_en.tests.vllm.lookalikes import LISTED
from models.demos.wormhole.bge_large_en.tests.vllm.server import assert_calm, serving
from models.emulated_wormhole import detect
from tests.documented_commands import RUNS, Run
from tests.documents import DOCUMENTS, ROOT, blocks, commands, python_blocks, short

WRITTEN = {short(command): command for document in DOCUMENTS for command in commands(document)}
ADDRESS = "http://localhost:8000"
LARGE_WIDTHS = dict(hidden_size=1024, num_attention_heads=16, intermediate_size=4096)  # of two layers
LAUNCHER = "python -m models.emulated_wormhole script.py"

pytestmark = pytest.mark.skipif(
    not detect().emulated, reason="what commands print is compared with the emulated target's"
)


def repository(folder: Path) -> Path:
    """A git repository of what is in the folder."""
    identity = ("git config user.name A", "git config user.email a@example.com", "git config commit.gpgsign false")
    for command in ("git init -q", *identity, "git add -A", "git commit -q -m first"):
        subprocess.run(command.split(), cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of this tree as a repository, whose .venv is the running interpreter: set-up itself has its own tests."""
    folder = tmp_path_factory.mktemp("a") / "checkout"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache"))
    repository(folder)
    for path, text in (("scripts/setup_env.sh", "exit 0"), (".venv/bin/python", f'exec "{sys.executable}" "$@"')):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"#!/bin/sh\n{text}\n")
        (folder / path).chmod(0o755)
    return folder


@pytest.fixture
def environment(checkout, tmp_path) -> dict[str, str]:
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "empty")}
    return {**os.environ, **offline, "PYTHONPATH": str(checkout), "PATH": programs}


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> dict[str, str]:
    """The environment in which BGE-large is in the hub's cache, cut to two layers of seeded weights."""
    found = tiny_hub(tmp_path_factory.mktemp("hub"), **LARGE_WIDTHS)
    return {name: found[name] for name in ("HF_HOME", "HF_HUB_OFFLINE")}


@pytest.fixture
def values(tmp_path) -> dict[str, str]:
    """For the words in capitals. PATH is of Tenstorrent's vLLM, or a repository with a file of tt-metal's."""
    tree = tmp_path / "tree"
    for path, text in {"vllm/platforms/tt.py": LISTED, "models/README.md": "## NLPs\n\n| Model |\n|---|\n"}.items():
        (tree / path).parent.mkdir(parents=True)
        (tree / path).write_text(text)
    return {"PATH": str(repository(tree)), "DIR": str(tmp_path / "patches"), "FILE": str(tmp_path / "output")}


def case(name: str, run: Run):
    marks = [pytest.mark.timeout(60 * run.minutes + 300)]  # the command itself is given less
    marks += [] if run.quick else [pytest.mark.slow]
    marks += [pytest.mark.server] if run.serves else []
    return pytest.param(name, run, id=name, marks=marks)


@pytest.mark.parametrize("name, run", [case(name, run) for name, run in RUNS.items()])
def test_command(name, run: Run, checkout, environment, values, request, tmp_path):
    missing = [variable for variable in run.needs.values() if variable not in os.environ]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not set: {', '.join(run.needs)} of the command")
    values |= {word: os.environ[variable] for word, variable in run.needs.items()}
    environment |= request.getfixturevalue("hub") if run.hub else {}
    if run.serves:
        serve(WRITTEN[name].replace("…", run.rest), run, checkout, environment, tmp_path)
        return
    if name == LAUNCHER:
        (script,) = [code for code in python_blocks("README.md") if "ttnn" in code]
        (checkout / "script.py").write_text(f"{script}\nprint(embeddings.shape)\n")
    for earlier in run.after:
        status, output = bash(WRITTEN[earlier], values, checkout, environment, run)
        assert status == 0, output[-6000:]
    started = time.monotonic()
    command = (
        WRITTEN[name].replace("python -m", "python -m models.emulated_wormhole -m") if run.launched else WRITTEN[name]
    )
    status, output = bash(command, values, checkout, environment, run)
    print(f"{name}: {time.monotonic() - started:.0f} s\n{output[-1000:]}")
    assert status == run.status, output[-6000:]
    if Path(values["FILE"]).exists():
        output = Path(values["FILE"]).read_text()
    assert re.search(run.prints, output, re.S), output[-6000:]
    assert run.same is None or (checkout / run.same).read_text() == (ROOT / run.same).read_text()


def bash(command: str, values: dict[str, str], folder: Path, environment: dict[str, str], run: Run) -> tuple[int, str]:
    """Exit status and both streams of the command with its words in capitals filled in."""
    command = re.sub(r"\b(PATH|DIR|FILE|PYTHON)\b", lambda word: values.get(word[0], word[0]), command)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        input=run.typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60 * run.minutes,
    )
    return done.returncode, done.stdout


def serve(command: str, run: Run, checkout: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Start the server at a free port, and call it as README.md does."""
    program = ["bash", "-c", f'cd "{checkout}" && exec {command} "$@"', "serve"]
    with serving([], environment, tmp_path / "server.log", program=program) as server:
        log = server.log.read_text()
        assert re.search(run.prints, log), log[-6000:]
        if "serve.sh" in command:
            assert re.search(pattern(shown("text")).replace("8000", r"\d+"), log), log[-6000:]
            assert_calm(log)
        for code in (block.code for block in blocks("README.md") if block.language in ("", "python")):
            if ADDRESS not in code:
                continue
            here = code.replace(ADDRESS, server.url)
            words = (
                [sys.executable, "-c", here] if "import" in code else ["bash", "-c", here.replace("curl", "curl -sS")]
            )
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-3000:]
            if "curl" in code and "serve.sh" in command:
                assert re.fullmatch(pattern(shown("json").replace("\n", "")), done.stdout.strip()), done.stdout[:2000]


def shown(language: str) -> str:
    """The first block of the README in that language: what it says that one sees."""
    return next(block.code for block in blocks("README.md") if block.language == language)


def pattern(text: str) -> str:
    """Of a text in which … stands for anything."""
    return re.escape(text.strip()).replace("…", ".*")
