# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Checkpoint folders as the installed sentence-transformers and transformers write them, and as older ones did."""

import json
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.seeded_folder import seeded_folder

TINY = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256, num_hidden_layers=1)
FLAGS = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens", "max": "pooling_mode_max_tokens"}


def save(folder: Path, pooling: str | list[str], normalize: bool, *more, **model) -> Path:
    """By SentenceTransformer.save of the installed release. more: modules after the pooling; model: its options."""
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.base.modules import Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    encoder = Transformer(str(seeded_folder(folder.with_name(folder.name + "-weights"), **TINY)))
    modules = [encoder, Pooling(128, pooling), *([Normalize()] if normalize else []), *more]
    library.SentenceTransformer(modules=modules, device="cpu", **model).save(str(folder), create_model_card=False)
    return folder


def rewrite(path: Path, change) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


def as_before_6(folder: Path) -> Path:
    """The module names of sentence-transformers up to 5."""

    def renamed(modules: list[dict]) -> list[dict]:
        return [{**m, "type": "sentence_transformers.models." + m["type"].rsplit(".", 1)[-1]} for m in modules]

    rewrite(folder / "modules.json", renamed)
    return folder


def as_before_5_4(folder: Path) -> Path:
    """And a flag for each pooling, as most checkpoints of the hub have them."""

    def flagged(config: dict) -> dict:
        asked = config.pop("pooling_mode")
        asked = [asked] if isinstance(asked, str) else asked
        return {"word_embedding_dimension": 128, **{flag: name in asked for name, flag in FLAGS.items()}}

    rewrite(folder / "1_Pooling" / "config.json", flagged)
    return as_before_6(folder)


def with_a_list(folder: Path) -> Path:
    rewrite(folder / "1_Pooling" / "config.json", lambda c: {**c, "pooling_mode": [c["pooling_mode"]]})
    return folder


AGES = {"today": lambda folder: folder, "list": with_a_list, "5.4": as_before_6, "older": as_before_5_4}


def by_transformers(folder: Path) -> Path:
    """The encoder and its tokenizer, and nothing that says how to pool."""
    from transformers import AutoModel, AutoTokenizer

    whole = seeded_folder(folder.with_name(folder.name + "-whole"), **TINY)
    AutoModel.from_pretrained(whole, add_pooling_layer=False).save_pretrained(folder)
    AutoTokenizer.from_pretrained(whole).save_pretrained(folder)
    return folder
