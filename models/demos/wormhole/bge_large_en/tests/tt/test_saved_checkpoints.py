# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Checkpoints of every age have the vectors that sentence-transformers computes from the same folder."""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.saved_checkpoints import AGES, TINY, by_transformers, rewrite, save
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tt.checkpoint import read

library = pytest.importorskip("sentence_transformers")
TEXTS = SENTENCES[20:26]


def expected(folder) -> torch.Tensor:
    return torch.from_numpy(library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS))


def assert_same_numbers(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Direction and length: a row that should not be normalised, and is, differs."""
    error = (found - wanted).norm(dim=-1) / wanted.norm(dim=-1)
    assert error.max() < 0.03, error


@pytest.mark.parametrize("normalize", [True, False], ids=["normalised", "as it is"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_are_those_of_sentence_transformers(device, tmp_path, pooling, normalize):
    folder = save(tmp_path / "saved", pooling, normalize, similarity_fn_name="dot", prompts={"query": "query: "})
    wanted = expected(folder)
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64, optimizations="accuracy")
    batch = ReferenceEncoder.from_pretrained(folder).tokenizer(TEXTS, padding=True, return_tensors="pt")
    found = model.forward(batch["input_ids"], batch["attention_mask"])
    model.close()
    assert_same_numbers(found, wanted)
    for age in AGES.values():
        folder = age(save(tmp_path / "aged", pooling, normalize))
        assert (read(folder).pooling, read(folder).normalize) == (pooling, normalize)
        torch.testing.assert_close(ReferenceEncoder.from_pretrained(folder).encode(TEXTS), expected(folder))


def test_saved_by_transformers(device, tmp_path):
    folder = by_transformers(tmp_path / "saved")
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64, optimizations="accuracy")
    tokenizer = library.SentenceTransformer(str(folder), device="cpu").tokenizer
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    found = model.forward(batch["input_ids"], batch["attention_mask"])
    model.close()
    assert_same_numbers(found, expected(folder))


@pytest.mark.parametrize("age", AGES.values(), ids=AGES)
@pytest.mark.parametrize("pooling", ["max", ["cls", "mean"]], ids=str)
def test_another_pooling_is_refused_by_name(tmp_path, age, pooling):
    if age is AGES["list"] and type(pooling) is list:
        return  # it is one
    folder = age(save(tmp_path / "saved", pooling, True))
    with pytest.raises(ValueError, match="max|'cls', 'mean'"):
        read(folder)


def test_other_modules_are_refused_by_name(tmp_path):
    from sentence_transformers.base.modules import Dense, Router

    with pytest.raises(ValueError, match="Dense"):
        read(save(tmp_path / "dense", "mean", False, Dense(128, 64)))
    folder = save(tmp_path / "saved", "cls", True)
    modules = library.SentenceTransformer(str(folder), device="cpu")
    router = Router.for_query_document(query_modules=list(modules), document_modules=list(modules))
    library.SentenceTransformer(modules=[router], device="cpu").save(str(tmp_path / "router"), create_model_card=False)
    if not (tmp_path / "router" / "config.json").is_file():  # it is in the routes' folders
        seeded = (folder / "config.json").read_text()
        (tmp_path / "router" / "config.json").write_text(seeded)
    with pytest.raises(ValueError, match="Router"):
        read(tmp_path / "router")


@pytest.mark.parametrize(
    "change, says",
    [({"include_prompt": False}, "include_prompt False"), ({"pooling_mode": "sum"}, "'sum'")],
)
def test_what_would_give_other_vectors_is_refused(tmp_path, change, says):
    folder = save(tmp_path / "saved", "mean", True)
    rewrite(folder / "1_Pooling" / "config.json", lambda config: config | change)
    with pytest.raises(ValueError, match=says):
        read(folder)


def test_a_declared_pooling_is_the_checkpoints_whatever_is_asked(device, tmp_path):
    """And where none is declared, it is what is asked."""
    saved, plain = save(tmp_path / "saved", "mean", True), by_transformers(tmp_path / "plain")
    for folder, found in ((saved, "mean"), (plain, "cls")):
        model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=32, pooling="cls")
        model.close()
        assert model.runner.pooling == found and model.dims.hidden_size == TINY["hidden_size"]
