# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's configuration of checkpoints of every age: pooling, normalising, Matryoshka; no server and no device."""

import json

import pytest

pytest.importorskip("vllm")
pytest.importorskip("sentence_transformers")

from transformers import XLMRobertaConfig  # noqa: E402
from vllm.config import PoolerConfig  # noqa: E402
from vllm.engine.arg_utils import EngineArgs  # noqa: E402
from vllm.pooling_params import PoolingParams  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (  # noqa: E402
    TINY_XLMR,
    tiny_xlmr_tokenizer,
    write_encoder,
)
from models.demos.wormhole.bge_large_en.tests.saved_checkpoints import (  # noqa: E402
    AGES,
    by_transformers,
    rewrite,
    save,
)
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER, REFUSALS  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.checkpoint_config import (  # noqa: E402
    accept_own_width,
    pool_as_the_checkpoint,
    say_positions_are_absolute,
)


def config_of(folder, **options):
    return EngineArgs(model=str(folder), **options).create_model_config()


def pooled(folder, **asked) -> tuple[str, bool]:
    config = config_of(folder, pooler_config=PoolerConfig(**asked) if asked else None)
    pool_as_the_checkpoint(config)
    return config.pooler_config.seq_pooling_type, config.pooler_config.use_activation


@pytest.fixture(scope="module", params=["cls", "mean"])
def pooling(request) -> str:
    return request.param


@pytest.fixture(scope="module", params=[True, False], ids=["normalised", "as it is"])
def saved(request, pooling, tmp_path_factory):
    """Of each age a folder with this pooling, and whether it normalises."""
    folders = {}
    for age, change in AGES.items():
        folders[age] = change(save(tmp_path_factory.mktemp("saved") / "folder", pooling, request.param))
    return folders, request.param


def test_pooling_and_normalising_are_the_checkpoints(saved, pooling):
    folders, normalize = saved
    for folder in folders.values():
        assert pooled(folder) == (pooling.upper(), normalize)
        assert pooled(folder, pooling_type=pooling.upper(), use_activation=not normalize)[1] is not normalize
        other = "CLS" if pooling == "mean" else "MEAN"
        with pytest.raises(ValueError, match=f"'{other}'.*allows '{pooling.upper()}' only"):
            pooled(folder, pooling_type=other)


def test_vllm_still_misreads_them(saved, pooling):
    """When this fails: vLLM reads what sentence-transformers writes, and pool_as_the_checkpoint can go."""
    folders, normalize = saved
    read = {age: config_of(folder).pooler_config for age, folder in folders.items()}
    assert (read["older"].seq_pooling_type, read["older"].use_activation) == (pooling.upper(), normalize)
    today = (pooling.upper(), normalize) if NEWER else ("CLS", None)  # which is yes
    assert (read["today"].seq_pooling_type, read["today"].use_activation) == today
    assert read["5.4"].seq_pooling_type == today[0] and read["list"].seq_pooling_type == "CLS"


def test_a_checkpoint_that_declares_nothing(tmp_path):
    folder = by_transformers(tmp_path / "plain")
    assert pooled(folder) == ("MEAN", False)
    assert pooled(folder, pooling_type="CLS", use_activation=True) == ("CLS", True)
    with pytest.raises(ValueError, match="'LAST'.*'MEAN' only"):
        pooled(folder, pooling_type="LAST")


def test_what_sentence_transformers_does_by_itself_is_said(tmp_path, monkeypatch):
    from models.demos.wormhole.bge_large_en.vllm_plugin import checkpoint_config

    said = []
    monkeypatch.setattr(checkpoint_config.logger, "warning", lambda text, *values: said.append(text % values))
    pooled(save(tmp_path / "quiet", "cls", True, similarity_fn_name="dot", prompts={"query": "query: "}))
    assert not said
    folder = save(
        tmp_path / "loud", "mean", False, similarity_fn_name="dot", prompts={"q": "query: "}, default_prompt_name="q"
    )
    pooled(folder)
    assert len(said) == 2 and "default_prompt_name is 'q'" in said[0] and "similarity_fn_name is 'dot'" in said[1]


# --- XLM-R's positions ------------------------------------------------------------------------------------------------


@pytest.fixture
def xlmr(tmp_path, monkeypatch):
    """A folder as transformers 5 saves it, in a process in which the plugin has said nothing yet."""
    monkeypatch.setattr(XLMRobertaConfig, "position_embedding_type", "", raising=False)
    monkeypatch.delattr(XLMRobertaConfig, "position_embedding_type")  # what was there, if anything, comes back
    folder = write_encoder(tmp_path / "xlmr", tiny_xlmr_tokenizer(), **TINY_XLMR)
    assert "position_embedding_type" not in json.loads((folder / "config.json").read_text())
    return folder


@pytest.fixture
def no_plugins(monkeypatch):
    monkeypatch.setattr("vllm.plugins.load_general_plugins", lambda: None)


def test_vllm_still_reads_what_xlm_r_has_no_more(xlmr, no_plugins):
    """When this fails: vLLM asks with a default, and say_positions_are_absolute can go."""
    with pytest.raises(AttributeError, match="position_embedding_type"):
        config_of(xlmr)


def test_xlm_r_of_transformers_5_is_configured(xlmr, no_plugins):
    say_positions_are_absolute()
    config = config_of(xlmr)
    assert config.hf_config.position_embedding_type == "absolute" and config.max_model_len == 512
    rewrite(xlmr / "config.json", lambda config: config | {"position_embedding_type": "relative_key"})
    assert config_of(xlmr).hf_config.position_embedding_type == "relative_key"


# --- dimensions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "declared, overrides, right, wrong",
    [
        ({}, {}, [128], {0: "[128]", -1: "[128]", 64: "[128]", 129: "[128]"}),
        ({"is_matryoshka": True}, {}, [1, 64, 128], {0: "greater than 0", 129: "(128)"}),
        ({"matryoshka_dimensions": [32, 64]}, {}, [32, 64, 128], {16: "[32, 64, 128]"}),
        ({}, {"is_matryoshka": True}, [77], {129: "(128)"}),
        ({"is_matryoshka": True}, {"matryoshka_dimensions": [64]}, [64, 128], {32: "[64, 128]"}),
    ],
    ids=json.dumps,
)
def test_dimensions(tmp_path, declared, overrides, right, wrong):
    folder = save(tmp_path / "saved", "mean", True)
    rewrite(folder / "config.json", lambda config: config | declared)
    config = config_of(folder, hf_overrides=overrides)
    accept_own_width(config)
    for dimensions in (None, *right):
        PoolingParams(task="embed", dimensions=dimensions).verify(config)
    for dimensions, said in wrong.items():
        with pytest.raises(REFUSALS) as refusal:
            PoolingParams(task="embed", dimensions=dimensions).verify(config)
        if NEWER and not 1 <= dimensions <= 128:
            said = "in range [1, 128]"
        assert said in str(refusal.value)


@pytest.mark.parametrize("declared", [[0], [129], ["64"], "64", {"64": 1}], ids=str)
def test_a_wrong_declaration_is_refused(tmp_path, declared):
    config = config_of(save(tmp_path / "saved", "mean", True), hf_overrides={"matryoshka_dimensions": declared})
    with pytest.raises(ValueError, match="matryoshka_dimensions is .*1 to 128"):
        accept_own_width(config)
