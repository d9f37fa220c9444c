# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A Hugging Face cache in which a small seeded checkpoint stands under BGE-large's name, for commands in a process."""

import os
from pathlib import Path

from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder


def tiny_hub(folder: Path, **config) -> dict[str, str]:
    """Fill `folder`; returns the environment in which it is the hub's cache. Skips where there is no tokenizer."""
    repository = folder / "hub" / f"models--{BGE_LARGE.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("seeded")
    seeded_folder(repository / "snapshots" / "seeded", **{**TINY, **config})
    return {**os.environ, "HF_HOME": str(folder), "HF_HUB_OFFLINE": "1"}
