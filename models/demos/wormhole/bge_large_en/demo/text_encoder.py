# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts in, rows out: a checkpoint's tokenizer before BGEForEmbedding, for demos, evaluations and tests."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer

import ttnn
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference import published
from models.demos.wormhole.bge_large_en.runner.device_params import L1_SMALL_SIZE, TRACE_REGION_SIZE
from models.demos.wormhole.bge_large_en.runner.mesh import open_mesh
from models.demos.wormhole.bge_large_en.tt.checkpoint import longest_input

_TEXTS_AT_ONCE = 512  # enough to fill rows and batches


class TextEncoder:
    """A checkpoint on a device or mesh that takes texts. Options are those of BGEForEmbedding."""

    def __init__(self, device, folder: str | Path, max_seq_len: int | None = None, **options):
        """folder: local. max_seq_len: tokens; by default, and at most, what the checkpoint was made for."""
        most = longest_input(folder)
        self.max_seq_len = min(max_seq_len or most, most)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=self.max_seq_len, **options)

    def __enter__(self) -> "TextEncoder":
        return self

    def __exit__(self, *_) -> None:
        self.model.close()

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """N texts, cut at max_seq_len tokens -> (N, H) fp32, pooled and normalised as the checkpoint says."""
        rows = [torch.empty(0, self.model.get_embedding_dim())]
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            # padding=False: a tokenizer.json may ask for padding to a length of its own
            ids = self.tokenizer(
                list(texts[start : start + _TEXTS_AT_ONCE]), padding=False, truncation=True, max_length=self.max_seq_len
            )["input_ids"]
            rows.append(self.model.embed(ids))
        found = torch.cat(rows)
        return torch.nn.functional.normalize(found, dim=-1) if self.model.normalize else found


@contextlib.contextmanager
def open_device():
    """The mesh of chips that MESH_DEVICE asks for, or of all that are there; closed at the end."""
    mesh = open_mesh(l1_small_size=L1_SMALL_SIZE, trace_region_size=TRACE_REGION_SIZE)
    try:
        yield mesh
    finally:
        ttnn.close_mesh_device(mesh)


def query_instruction(folder: str | Path, name: str = "") -> str:
    """What a checkpoint wants before a query of retrieval, "" for nothing.

    The prompt called "query" of config_sentence_transformers.json, else what the card of the model `name` says.
    """
    prompt = _read(folder, "config_sentence_transformers.json").get("prompts", {}).get("query")
    return prompt or published.QUERY_INSTRUCTIONS.get(published.published_name(name) or "", "")


def _read(folder: str | Path, file: str) -> dict:
    path = Path(folder) / file
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
