# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Where Ray is, and how the job is started; tests marked corpus are the only ones that start it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder, Job

ROOT = Path(__file__).parents[6]
WITH_RAY = ROOT / "scripts" / "with_ray.sh"
MODULE = "models.demos.wormhole.bge_large_en.demo.embed_corpus"
FAKE = "models.demos.wormhole.bge_large_en.tests.corpus.fake_encoder"


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Of processes that have Ray: this one's, or what a script of the repository installs. Skips where neither is."""
    mine = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}", "HF_HUB_OFFLINE": "1"}
    if subprocess.run([sys.executable, "-c", "import ray.data"], capture_output=True, env=mine).returncode == 0:
        return mine
    if not WITH_RAY.is_file():
        pytest.skip("the package ray[data] is not installed")
    print_all = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run([WITH_RAY, sys.executable, "-c", print_all], capture_output=True, text=True, env=mine)
    if done.returncode != 0:
        pytest.skip(f"ray[data] cannot be installed: {done.stderr[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def minilm() -> Path:
    folder = registry_minilm()
    if folder is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    return folder


def fake_job(output: Path, folder: Path, **options) -> Job:
    """With the facts of an encoder that nobody has."""
    facts = dict(dim=8, max_tokens=256, **{k: options.pop(k) for k in ("prefix", "dtype") if k in options})
    return Job(Encoder("fake", "00", "performance", "mean", True, **facts), str(folder), str(output), **options)


class Jobs:
    """Starts the command in a process of its own; with the fake encoder unless a card is wanted."""

    def __init__(self, environment: dict[str, str], model: Path):
        self.environment, self.model = environment, model

    def _environment(self, card: bool, more: dict[str, str]) -> dict[str, str]:
        return {**self.environment, **({} if card else {"EMULATED_WORMHOLE": "1"}), **more}  # any number of cards

    def command(self, *arguments, card: bool = False) -> list[str]:
        from models.demos.wormhole.bge_large_en.tests.emulation import LAUNCHER

        started = [*LAUNCHER, "-m", MODULE] if card else [sys.executable, "-m", FAKE]
        return [*started, "--model", str(self.model), *map(str, arguments)]

    def start(self, *arguments, card: bool = False, **more) -> subprocess.Popen:
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return subprocess.Popen(self.command(*arguments, card=card), env=self._environment(card, more), **pipes)

    def run(self, *arguments, card: bool = False, status: int = 0, **more) -> subprocess.CompletedProcess:
        command, env = self.command(*arguments, card=card), self._environment(card, more)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=800)
        assert done.returncode == status, done.stdout + done.stderr[-4000:]
        return done


@pytest.fixture(scope="session")
def jobs(environment, minilm) -> Jobs:
    return Jobs(environment, minilm)
