# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A Hugging Face cache in which a small seeded checkpoint stands under BGE-large's name, for commands in a process."""

import os
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE, registry_minilm
from models.demos.wormhole.bge_large_en.demo.seeded_checkpoint import write_seeded_checkpoint

TINY = dict(
    hidden_size=128,
    num_attention_heads=4,
    intermediate_size=256,
    num_hidden_layers=2,
    vocab_size=30522,
    max_position_embeddings=512,
)


def tiny_hub(folder: Path, **config) -> dict[str, str]:
    """Fill `folder`; returns the environment in which it is the hub's cache. Skips where there is no tokenizer."""
    tokenizer = registry_minilm()
    if tokenizer is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    repository = folder / "hub" / f"models--{BGE_LARGE.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("seeded")
    write_seeded_checkpoint(repository / "snapshots" / "seeded", tokenizer, **{**TINY, **config})
    return {**os.environ, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1"}
