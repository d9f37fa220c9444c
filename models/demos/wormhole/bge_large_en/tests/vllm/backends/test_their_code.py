# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Tenstorrent's own code serves MiniLM: their fork of vLLM, patched, or vllm-tt-plugin, where one is installed.

test_backends.py looks at the configurations that look-alikes of it make.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.conftest import REPOSITORY
from models.demos.wormhole.bge_large_en.tests.vllm.server import (
    API_SERVER,
    MAX_MODEL_LEN,
    NAME,
    Server,
    assert_like,
    embed,
    embed_bytes,
    serving,
)
from models.demos.wormhole.bge_large_en.vllm_plugin import versions

pytest.importorskip("vllm")
openai = pytest.importorskip("openai")
from vllm.platforms import builtin_platform_plugins  # noqa: E402

PLUGIN = find_spec("vllm_tt_plugin")
if PLUGIN is None and "tt" not in builtin_platform_plugins:
    pytest.skip("neither Tenstorrent's fork of vLLM nor vllm-tt-plugin is installed", allow_module_level=True)

PATCHER = REPOSITORY / "scripts" / "integrate_vllm.py"
# A platform of the fork's own has been patched where it was installed; the plugin serves both as it is and patched.
FORMS = ["patched"] if PLUGIN is None else ["as it is", *(["patched"] if PATCHER.exists() else [])]
# As the reference has it for other platforms than ours.
FRONT_END = "models.demos.wormhole.bge_large_en.vllm_plugin.front_end"
MIDDLEWARE = ["openai_errors.OpenAIErrors", "request_limits.RequestLimits", "probes.Probes", "admission.Admission"]
MIDDLEWARE += ["api_guard.ApiKeyGuard"] if versions.TELLS_OPTIONS else []
TEXTS = [" ".join(SENTENCES[i % len(SENTENCES)] for i in range(first, first + 1 + first % 5)) for first in range(24)]


@pytest.fixture(scope="module")
def hub(minilm, tmp_path_factory) -> Path:
    """A hub's cache with MiniLM under its name, since the fork's vLLM 0.10 serves names alone."""
    home = tmp_path_factory.mktemp("hub")
    model = home / "hub" / f"models--{NAME.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "snapshots").mkdir()
    (model / "refs" / "main").write_text("0")
    (model / "snapshots" / "0").symlink_to(minilm)
    return home


@pytest.fixture(scope="module", params=FORMS)
def server(request, hub, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    environment = {**vllm_environment, "HF_HOME": str(hub), "VLLM_USE_V1": "1"}
    environment.pop("VLLM_PLUGINS", None)
    if request.param == "patched" and PLUGIN is not None:
        shutil.copytree(Path(PLUGIN.origin).parent, folder / "vllm_tt_plugin")
        tool = [sys.executable, PATCHER, "--vllm", folder, "--apply"]
        subprocess.run(tool, check=True, capture_output=True)
        environment["PYTHONPATH"] = f"{folder}{os.pathsep}{environment['PYTHONPATH']}"
        environment["VLLM_PLUGINS"] = "tt,tt_model_registry,emulated_wormhole"  # without our entry points
    flags = ["--model", NAME, "--max-model-len", str(MAX_MODEL_LEN), "--max-num-seqs", "32"]
    flags += [part for name in MIDDLEWARE for part in ("--middleware", f"{FRONT_END}.{name}")]
    launcher = ["-m", "models.emulated_wormhole"] if find_spec("models.emulated_wormhole") else []
    program = [sys.executable, *launcher, *API_SERVER[1:]]
    with serving(flags, environment, folder / "server.log", program=program) as running:
        yield running
    assert "Closed the device" in running.log.read_text()


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused") as client:
        yield client


def test_vectors_are_those_of_the_checkpoint(client, expected):
    assert_like(embed(client, SENTENCES), expected)


def test_requests_at_a_time_get_the_vectors_that_they_get_alone(client):
    alone = [embed_bytes(client, [text])[0] for text in TEXTS]
    with ThreadPoolExecutor(16) as clients:
        together = list(clients.map(lambda text: embed_bytes(client, [text])[0], TEXTS * 4))
    assert together == alone * 4
    assert embed_bytes(client, TEXTS) == alone


@pytest.mark.parametrize(
    "wrong, said",
    [([[101, -2]], "-2"), ([[101, 30522]], "30522"), ([[]], ""), (["word " * 2 * MAX_MODEL_LEN], str(MAX_MODEL_LEN))],
    ids=["negative id", "id past the vocabulary", "no tokens", "too long"],
)
def test_bad_input_is_refused_and_the_next_request_served(client, wrong, said):
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=NAME, input=wrong)
    assert said in str(refused.value)
    assert len(embed_bytes(client, ["still here"])) == 1


def test_engine_steps_overlap(server):
    """Whatever scheduler their platform sets: perf.utilisation, in the same environment, measures what it gives."""
    log = server.log.read_text()
    assert "engine.flow_scheduler.FlowScheduler" in log
