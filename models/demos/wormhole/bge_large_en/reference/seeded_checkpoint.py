# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A checkpoint folder of BGE-large's exact config with seeded weights, for machines that can't have the real one."""

import json
from pathlib import Path

from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert


def write_seeded_checkpoint(folder: Path, tokenizer_from: Path, seed: int = 0, **config) -> Path:
    """Write config, weights, tokenizer and CLS + L2 modules to `folder`, in the layout of sentence-transformers.

    tokenizer_from: a folder with the bert-base-uncased tokenizer, which BGE uses. config: as for seeded_bert.
    """
    from transformers import AutoTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    seeded_bert(seed, **config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer_from).save_pretrained(folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed, indent=2))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": config.get("hidden_size", 1024), "pooling_mode_cls_token": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder
