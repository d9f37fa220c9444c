# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
import time

import pytest
from huggingface_hub import HfApi, constants

from models.demos.wormhole.bge_large_en.demo import checkpoints

NAME = "BAAI/bge-large-en-v1.5"
FILES = ("config.json", "tokenizer.json", "modules.json", "1_Pooling/config.json", "model.safetensors")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty Hugging Face cache, and a hub that must not be asked."""

    def refuse(*args, **kwargs):
        raise ConnectionError("no hub")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(HfApi, "model_info", refuse)
    return tmp_path / "hub"


def fill(cache, files):
    repository = cache / "models--BAAI--bge-large-en-v1.5"
    snapshot = repository / "snapshots" / "0123"
    for file in files:
        (snapshot / file).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / file).write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    return snapshot


def test_local_folder(cache, tmp_path, monkeypatch):
    folder = tmp_path / "a model"
    folder.mkdir()
    assert checkpoints.find_checkpoint(str(folder)) == folder
    monkeypatch.chdir(tmp_path)
    assert checkpoints.find_checkpoint("a model") == folder


def test_complete_cache(cache):
    snapshot = fill(cache, FILES)
    assert checkpoints.find_checkpoint(NAME) == snapshot
    assert checkpoints.choose_default() == checkpoints.Choice(str(snapshot), NAME, "local Hugging Face cache")


@pytest.mark.parametrize("missing", FILES)
def test_incomplete_cache(cache, missing):
    fill(cache, [file for file in FILES if file != missing])
    assert checkpoints.find_checkpoint(NAME) is None


def test_sharded_cache_needs_every_shard(cache):
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    snapshot = fill(cache, [*FILES[:-1], shards[0]])
    weight_map = {f"weight{i}": shard for i, shard in enumerate(shards)}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert checkpoints.find_checkpoint(NAME) is None
    (snapshot / shards[1]).write_text("")
    assert checkpoints.find_checkpoint(NAME) == snapshot


PLAIN = ("config.json", "tokenizer.json", "model.safetensors")


@pytest.mark.parametrize("kind", ["Bert", "XLMRoberta"])
def test_a_cross_encoder_needs_no_modules(cache, kind):
    snapshot = fill(cache, PLAIN)
    (snapshot / "config.json").write_text(json.dumps({"architectures": [f"{kind}Model"]}))
    assert checkpoints.find_checkpoint(NAME) is None  # of an encoder they may be missing
    (snapshot / "config.json").write_text(json.dumps({"architectures": [f"{kind}ForSequenceClassification"]}))
    assert checkpoints.find_checkpoint(NAME) == snapshot
    (snapshot / "tokenizer.json").unlink()
    assert checkpoints.find_checkpoint(NAME) is None


@pytest.mark.parametrize("knows", [".no_exist/0123/modules.json", "snapshots/0123/.gitattributes"])
def test_an_encoder_that_is_known_to_have_no_modules(cache, knows):
    snapshot = fill(cache, PLAIN)
    assert checkpoints.find_checkpoint(NAME) is None
    file = snapshot.parents[1] / knows
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    assert checkpoints.find_checkpoint(NAME) == snapshot
    (snapshot / "modules.json").write_text("[]")
    if ".git" in knows:
        assert checkpoints.find_checkpoint(NAME) is None  # without its pooling


def test_hub_that_answers(cache, monkeypatch):
    monkeypatch.setattr(HfApi, "model_info", lambda *args, **kwargs: object())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert checkpoints.find_checkpoint(NAME) == NAME
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert checkpoints.find_checkpoint(NAME) is None


def test_hub_that_hangs(cache, monkeypatch):
    monkeypatch.setattr(HfApi, "model_info", lambda *args, **kwargs: time.sleep(60))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    began = time.monotonic()
    assert checkpoints.find_checkpoint(NAME, hub_timeout=0.5) is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["", "not a name", "a/b/c", "/no/such/folder"])
def test_impossible_name(cache, name):
    assert checkpoints.find_checkpoint(name) is None
    with pytest.raises(FileNotFoundError, match=f"'{name}'"):
        checkpoints.choose(name)


def test_folder_without_a_checkpoint(cache, tmp_path):
    with pytest.raises(FileNotFoundError, match="config.json"):
        checkpoints.choose(str(tmp_path))


def test_registry_minilm():
    folder = checkpoints.registry_minilm()
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 384
    assert json.loads((folder / "1_Pooling" / "config.json").read_text())["pooling_mode_mean_tokens"] is True
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def test_default_without_hub_says_what_it_serves_instead(cache):
    choice = checkpoints.choose_default()
    assert choice.model == str(checkpoints.registry_minilm())
    assert choice.served_name == checkpoints.MINILM
    assert NAME in choice.weights and "registry package" in choice.weights
    assert checkpoints.choose(checkpoints.MINILM).model == choice.model


@pytest.mark.parametrize("spoil", ["MINILM_PACKAGES", "MINILM_BYTES"])
def test_nothing_to_serve(cache, monkeypatch, spoil):
    monkeypatch.setattr(checkpoints, spoil, {"MINILM_PACKAGES": ("no-such-package",), "MINILM_BYTES": 1}[spoil])
    assert checkpoints.registry_minilm() is None
    with pytest.raises(FileNotFoundError, match="bge-large"):
        checkpoints.choose_default()


def test_stsb_test():
    pairs = checkpoints.stsb_test()
    assert len(pairs) == 1379
    assert pairs[0] == ("A girl is styling her hair.", "A girl is brushing her hair.", 2.5)
    assert all(first and second and 0 <= score <= 5 for first, second, score in pairs)
    assert any(first.count('"') % 2 for first, _, _ in pairs), "a lone quotation mark is text"
    assert not any("\t" in text or "\n" in text for pair in pairs for text in pair[:2])


def test_stsb_not_installed(monkeypatch):
    monkeypatch.setattr(checkpoints, "STSB_PACKAGE", "no-such-package")
    with pytest.raises(FileNotFoundError, match="no-such-package"):
        checkpoints.stsb_test()
