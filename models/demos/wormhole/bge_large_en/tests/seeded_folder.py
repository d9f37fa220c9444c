# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A folder with a seeded checkpoint, for tests; its tokenizer is that of an installed package."""

from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.reference.seeded_checkpoint import write_seeded_checkpoint

TINY = dict(
    hidden_size=128,
    num_attention_heads=4,
    intermediate_size=256,
    num_hidden_layers=2,
    vocab_size=30522,
    max_position_embeddings=512,
)


def seeded_folder(folder: Path, **config) -> Path:
    """Write the checkpoint to `folder`; config as for seeded_bert. Skips where there is no tokenizer."""
    tokenizer = registry_minilm()
    if tokenizer is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    return write_seeded_checkpoint(folder, tokenizer, **config)
