# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the files of a checkpoint say, and what of it is refused by name; no device."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig

import ttnn
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tt.checkpoint import read
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.weights import multiplied_weight

SUPPORTED = dict(model_type="bert", hidden_act="gelu", position_embedding_type="absolute", is_decoder=False)
LARGE = model_dims("large")


def test_dims_of_a_config():
    assert BertDims.from_hf(SimpleNamespace(**SUPPORTED, **vars(LARGE))) == LARGE
    assert BertDims.from_hf(BertConfig(**vars(replace(LARGE, type_vocab_size=1)))).type_vocab_size == 1


@pytest.mark.parametrize(
    "change, says",
    [
        (dict(model_type="mpnet"), r"model_type='mpnet' \(a relative attention bias\)"),
        (dict(hidden_act="relu"), "hidden_act='relu'"),
        (dict(hidden_act="gelu_new"), "hidden_act='gelu_new'"),
        (dict(position_embedding_type="relative_key"), "position_embedding_type='relative_key'"),
        (dict(is_decoder=True), "is_decoder=True"),
        (dict(hidden_size=1000), "hidden_size=1000; it must be a multiple of 32"),
        (dict(intermediate_size=4100), "intermediate_size=4100; it must be a multiple of 32"),
        (dict(num_attention_heads=12), "num_attention_heads=12; the head size"),
        (dict(num_attention_heads=8), "num_attention_heads=8; the head size must be one of"),
    ],
)
def test_a_config_that_is_not_computed_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        BertDims.from_hf(SimpleNamespace(**SUPPORTED | vars(LARGE) | change))


def written(folder: Path, modules: dict | None = None, **pooling) -> Path:
    """A folder with a config, modules (kind -> path) and a pooling config."""
    BertConfig(**vars(LARGE)).save_pretrained(folder)
    if modules is not None:
        listed = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in modules.items()]
        (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 1024, **pooling}))
    return folder


CLS, MEAN = {"pooling_mode_cls_token": True}, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
PLAIN = {"Transformer": "", "Pooling": "1_Pooling"}
NORMALIZED = {**PLAIN, "Normalize": "2_Normalize"}


@pytest.mark.parametrize(
    "modules, pooling, found",
    [
        (NORMALIZED, CLS, ("cls", True)),
        (PLAIN, CLS, ("cls", False)),
        (NORMALIZED, MEAN, ("mean", True)),
        (None, CLS, ("mean", False)),  # as sentence-transformers: nothing says that there is a pooling config
    ],
)
def test_pooling_and_normalising(tmp_path, modules, pooling, found):
    checkpoint = read(written(tmp_path, modules, **pooling))
    assert (checkpoint.pooling, checkpoint.normalize, checkpoint.dims) == (*found, LARGE)


@pytest.mark.parametrize(
    "modules, pooling, says",
    [
        ({**NORMALIZED, "Dense": "2_Dense"}, CLS, "has modules .*Dense"),
        ({"Transformer": ""}, CLS, "has modules .*Transformer"),
        (PLAIN, {"pooling_mode_max_tokens": True}, "pooling_mode_max_tokens.*CLS or mean"),
        (PLAIN, CLS | {"pooling_mode_mean_tokens": True}, "CLS or mean"),
        (PLAIN, {}, "CLS or mean"),
    ],
)
def test_another_pooling_is_refused(tmp_path, modules, pooling, says):
    with pytest.raises(ValueError, match=says):
        read(written(tmp_path, modules, **pooling))


def test_a_folder_without_a_config(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no config.json"):
        read(tmp_path)


def test_weights_of_lofi_have_the_bits_that_it_multiplies():
    """The nearest value of five significant bits, so at most 1/32 of it away; other fidelities multiply all bits."""
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)) * 0.04
    weight[0, :3] = torch.tensor([0.0, -0.0, 2.0**-20])
    rounded = multiplied_weight(weight, ttnn.MathFidelity.LoFi)
    mantissa, _ = torch.frexp(rounded)
    assert torch.equal(mantissa * 32, (mantissa * 32).round()) and not torch.equal(
        mantissa * 16, (mantissa * 16).round()
    )
    assert ((rounded - weight).abs() <= weight.abs() / 32).all() and torch.equal(rounded[0, :3], weight[0, :3])
    assert multiplied_weight(weight, ttnn.MathFidelity.HiFi2) is weight
