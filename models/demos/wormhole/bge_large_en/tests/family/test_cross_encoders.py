# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cross-encoders by direct use: pairs against transformers' own model, and what a checkpoint says of its scores."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.demo.cross_encoder import (
    BGEForSequenceClassification,
    ClassificationHead,
    read_activation,
)
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    TINY_BERT,
    TINY_XLMR,
    bert_tokenizer,
    tiny_xlmr_tokenizer,
    write_cross_encoder,
)
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tt.weights import Weights

QUERIES, DOCUMENTS = SENTENCES[20:29], SENTENCES[30:39]
LOGITS = 0.01  # of transformers' fp32, in `accuracy`


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """BERT's names with token types and one label; XLM-R's, without types, and three labels."""
    minilm = registry_minilm()
    if minilm is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    folder = tmp_path_factory.mktemp("cross")
    return {
        "bert": write_cross_encoder(folder / "bert", bert_tokenizer(minilm), **TINY_BERT),
        "xlm-roberta": write_cross_encoder(folder / "xlmr", tiny_xlmr_tokenizer(), labels=3, **TINY_XLMR),
    }


def pairs_and_logits(folder):
    pairs = AutoTokenizer.from_pretrained(folder)(QUERIES, DOCUMENTS, padding=True, return_tensors="pt")
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return pairs, theirs(**pairs).logits


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_scores_are_those_of_transformers(device, folders, kind):
    pairs, logits = pairs_and_logits(folders[kind])
    model = BGEForSequenceClassification(
        device=device, model_name=str(folders[kind]), max_seq_len=128, optimizations="accuracy"
    )
    scores = model.forward(**pairs)
    found = model.head(model.embed([row for row in rows_of(pairs)]))
    alone = torch.cat([model.head(model.embed([row])) for row in rows_of(pairs)[::3]])
    model.close()
    assert logits.std() > 5 * LOGITS  # so that the pairs are told apart
    assert (found - logits).abs().max() < LOGITS
    assert torch.equal(found[::3], alone)
    assert torch.equal(scores, torch.sigmoid(found) if kind == "bert" else torch.softmax(found, dim=-1))
    if kind == "bert":
        types = [row.types for row in rows_of(pairs)]
        assert all(t.any() and not t.all() for t in types)


def rows_of(pairs) -> list[Row]:
    lengths = pairs["attention_mask"].sum(1).tolist()
    types = pairs.get("token_type_ids", [None] * len(lengths))
    return [Row(i[:n], None if t is None else t[:n]) for i, t, n in zip(pairs["input_ids"], types, lengths)]


def test_a_row_has_the_same_logits_among_any_others():
    generator = torch.Generator().manual_seed(0)
    sizes = {"pooler.dense": (384, 384), "classifier": (3, 384)}
    state = {f"{n}.weight": torch.randn(s, generator=generator) for n, s in sizes.items()}
    state |= {f"{n}.bias": torch.randn(s[0], generator=generator) for n, s in sizes.items()}
    head, rows = ClassificationHead.take(Weights(state), 384, 3), torch.randn(33, 384, generator=generator)
    assert torch.equal(head(rows), torch.cat([head(row[None]) for row in rows])) and len(head(rows[:0])) == 0


@pytest.mark.parametrize("name", ["classifier.bias", "pooler.dense.weight"])
def test_a_head_that_lacks_a_weight_is_refused(name):
    state = {"pooler.dense.weight": torch.zeros(8, 8), "pooler.dense.bias": torch.zeros(8)}
    state |= {"classifier.weight": torch.zeros(1, 8), "classifier.bias": torch.zeros(1)}
    del state[name]
    with pytest.raises(KeyError, match=name):
        ClassificationHead.take(Weights(state), 8, 1)


IDENTITY, SIGMOID = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"


@pytest.mark.parametrize(
    "config, newest, expected",
    [
        ({}, None, torch.sigmoid),
        ({"sbert_ce_default_activation_function": IDENTITY}, None, lambda x: x),  # sentence-transformers up to 3
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, None, lambda x: x),  # 4 to 5.3
        ({"sentence_transformers": {"activation_fn": SIGMOID}}, IDENTITY, lambda x: x),  # since 5.4
        ({"id2label": {"0": "a", "1": "b"}}, None, lambda x: torch.softmax(x, -1)),
        ({"id2label": {"0": "a", "1": "b"}, "problem_type": "multi_label_classification"}, None, torch.sigmoid),
        ({"problem_type": "regression"}, None, lambda x: x),
    ],
)
def test_the_activation_is_what_the_checkpoint_says(tmp_path, config, newest, expected):
    labels = {"id2label": {"0": "LABEL_0"}}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", **labels, **config}))
    if newest:
        (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"activation_fn": newest}))
    logits = torch.tensor([[0.5, -2.0]])
    assert torch.equal(read_activation(tmp_path)(logits), expected(logits))


def test_an_activation_that_is_not_known_is_refused(tmp_path):
    said = {"model_type": "bert", "sentence_transformers": {"activation_fn": "builtins.exec"}}
    (tmp_path / "config.json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match="activation_fn 'builtins.exec'; allowed"):
        read_activation(tmp_path)
