# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""RoBERTa and XLM-R by the same encoder as BERT: positions after padding's, one token type, names of the weights."""

import json

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.family.checkpoints import CHECKPOINTS
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    TINY_XLMR,
    seeded_model,
    tiny_xlmr_tokenizer,
    write_encoder,
)
from models.demos.wormhole.bge_large_en.tests.metrics import centred_cosines, cosines
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tt.checkpoint import read
from models.demos.wormhole.bge_large_en.tt.weights import Weights

TEXTS = SENTENCES[20:29]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("xlmr") / "tiny", tiny_xlmr_tokenizer(), **TINY_XLMR)


@pytest.mark.parametrize("profile", ["performance", "accuracy"])
def test_vectors_are_those_of_transformers(device, folder, profile):
    reference = ReferenceEncoder.from_pretrained(folder)
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64, optimizations=profile)
    ids = reference.tokenizer(TEXTS)["input_ids"]
    found = torch.nn.functional.normalize(model.embed(ids), dim=-1)
    one = torch.tensor(ids[:1])
    # transformers counts positions from 2, vLLM from 0.
    theirs = model.forward(one, position_ids=torch.arange(2, 2 + len(ids[0]))[None])
    assert torch.equal(theirs, model.forward(one)) and torch.equal(
        theirs, model.forward(one, positions=torch.arange(len(ids[0]))[None])
    )
    model.close()
    assert centred_cosines(found, reference.encode(TEXTS)).min() > {"performance": 0.998, "accuracy": 0.999}[profile]


def test_the_longest_text_has_two_tokens_less_than_positions(device, folder):
    assert read(folder).dims.max_position_embeddings == 512
    with pytest.raises(ValueError, match="max_seq_len is 513; the checkpoint takes 1 to 512"):
        BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=513)


def test_positions_without_a_plan_are_refused_with_the_reason(device, tmp_path):
    config = {**TINY_XLMR, "max_position_embeddings": 8194}  # as BGE-M3
    folder = write_encoder(tmp_path / "long", tiny_xlmr_tokenizer(), **config)
    assert read(folder).dims.max_position_embeddings == 8192
    with pytest.raises(ValueError, match="batch 8 of 8192 tokens .* bytes of L1 per core"):
        BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=8192)


@pytest.mark.slow
def test_a_vocabulary_of_250_037_is_on_the_device_once(device, tmp_path):
    known = CHECKPOINTS["intfloat/multilingual-e5-small"]  # two token types
    config = {**known.config, "num_hidden_layers": 1}
    folder = write_encoder(tmp_path / "multilingual", None, **config)
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=32)
    tables = model.runner._model.embeddings
    assert tuple(tables.word_embeddings.shape)[-2:] == (250037, 384)
    assert tuple(tables.position_embeddings.shape)[-2:] == (2 * 512, 384)
    found = torch.nn.functional.normalize(model.embed([[0, 250036, 131072, 2]]), dim=-1)
    model.close()
    reference = ReferenceEncoder(seeded_model(**config), "mean", normalize=True)
    assert cosines(found, reference.forward(torch.tensor([[0, 250036, 131072, 2]]))).min() > 0.999


@pytest.mark.parametrize("prefix", ["", "bert.", "roberta."])
def test_names_of_weights_with_either_prefix(prefix):
    state = seeded_model(**TINY_XLMR).state_dict()
    weights = Weights.from_state_dict({prefix + name: tensor for name, tensor in state.items()})
    assert weights.left() == sorted(state)


@pytest.mark.parametrize(
    "model_type, feature",
    [
        ("mpnet", "a relative attention bias"),
        ("nomic_bert", "rotary positions, gated MLP"),
        ("new", "rotary positions, gated MLP"),  # GTE v1.5, whose config asks for code of its own
        ("modernbert", "rotary positions, local attention, gated MLP"),
        ("deberta-v2", "disentangled attention"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(tmp_path, model_type, feature):
    config = {"model_type": model_type, "auto_map": {"AutoConfig": "configuration.NewConfig"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"model_type='{model_type}' \({feature}\); this encoder computes"):
        read(tmp_path)
