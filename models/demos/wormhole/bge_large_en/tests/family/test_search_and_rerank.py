# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The search demo with a reranker: its order is the cross-encoder's own, among the passages that the search found."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.demo.search_and_rerank import main
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    TINY_BERT,
    bert_tokenizer,
    write_cross_encoder,
    write_encoder,
)
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

QUERY = "Which animals live in the house?"


@pytest.fixture
def folders(tmp_path):
    minilm = registry_minilm()
    if minilm is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    tokenizer = bert_tokenizer(minilm)
    texts = tmp_path / "texts.txt"
    texts.write_text("\n\n".join(SENTENCES[20:40]))
    model = write_encoder(tmp_path / "encoder", tokenizer, **TINY_BERT)
    return model, write_cross_encoder(tmp_path / "cross", tokenizer, **TINY_BERT), texts


def test_the_best_passages_in_the_order_of_the_cross_encoder(folders, capsys):
    model, cross, texts = folders
    command = ["--rerank", str(cross), "--model", str(model), "--texts", str(texts), "--query", QUERY]
    assert main([*command, "--top-k", "5", "--profile", "accuracy", "--max-seq-len", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    tokenizer, theirs = AutoTokenizer.from_pretrained(cross), AutoModelForSequenceClassification.from_pretrained(cross)
    with torch.no_grad():  # 4 times 5 passages are scored: all
        pairs = tokenizer([QUERY] * 20, SENTENCES[20:40], padding=True, return_tensors="pt")
        wanted = torch.sigmoid(theirs.float().eval()(**pairs).logits[:, 0])
    assert len(lines) == 5
    scores = [float(line.split()[0]) for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx(wanted.sort(descending=True).values[:5].tolist(), abs=0.01)
    for score, line in zip(scores, lines):
        (number,) = [i for i, text in enumerate(SENTENCES[20:40]) if text in line]
        assert score == pytest.approx(wanted[number].item(), abs=0.01)


def test_an_encoder_does_not_rerank(folders, capsys):
    model, _, texts = folders
    command = ["--rerank", str(model), "--model", str(model), "--texts", str(texts), "--query", QUERY]
    assert main(command) == 1
    assert "has architectures ['BertModel']; a cross-encoder is" in capsys.readouterr().err
