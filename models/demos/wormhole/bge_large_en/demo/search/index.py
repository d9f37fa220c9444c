# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Passages and their vectors, searched by cosine, in one safetensors file that says which encoder made it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models.demos.wormhole.bge_large_en.demo.search.passages import Passage

FORMAT = "tt-bge-search-index 1"


@dataclass(frozen=True)
class Maker:
    """Which encoder made an index. Vectors of different makers can't be compared.

    encoder: sha256 of dims, pooling and normalisation; profile: the precision's name; max_seq_len: tokens.
    """

    model: str
    encoder: str
    profile: str
    max_seq_len: int

    @classmethod
    def of(cls, name: str, model, profile: str) -> "Maker":
        """From a BGEForEmbedding that is known by `name`."""
        described = {**asdict(model.dims), "pooling": model.runner.pooling, "normalize": model.normalize}
        checksum = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
        return cls(name, checksum, profile, model.max_seq_len)


@dataclass(frozen=True)
class SearchIndex:
    """N passages and vectors (N, H) fp32 of unit length, made by `maker`."""

    maker: Maker
    passages: tuple[Passage, ...]
    vectors: torch.Tensor

    def similarities(self, queries: torch.Tensor) -> torch.Tensor:
        """(Q, H) fp32 -> (Q, N) cosines."""
        return torch.nn.functional.normalize(queries, dim=-1) @ self.vectors.T

    def top(self, similarities: torch.Tensor, k: int) -> list[tuple[float, int]]:
        """One query's (N,) similarities -> the k best as (cosine, number of the passage), best first."""
        best = torch.topk(similarities, min(k, len(similarities)))
        return list(zip(best.values.tolist(), best.indices.tolist()))

    def save(self, path: Path) -> None:
        """Write one safetensors file: the vectors, and in its header the rest as JSON."""
        about = {"maker": asdict(self.maker), "passages": [[p.source, p.text] for p in self.passages]}
        header = {"format": FORMAT, "about": json.dumps(about, ensure_ascii=False)}
        save_file({"vectors": self.vectors.contiguous()}, path, metadata=header)


def load_index(path: Path, maker: Maker) -> SearchIndex:
    """The index in a file. ValueError when it is no index, or was made by another encoder than `maker`, naming both."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"{path} is not a search index of this demo")
            about, vectors = json.loads(header["about"]), file.get_tensor("vectors")
    except SafetensorError as error:
        raise ValueError(f"{path} is not a search index of this demo: {error}") from error
    made_by = about["maker"]
    differ = [
        f"{field} is {made_by.get(field)!r}, here it is {value!r}"
        for field, value in asdict(maker).items()
        if made_by.get(field) != value
    ]
    if differ:
        raise ValueError(
            f"{path} was made by another encoder ({'; '.join(differ)}); name another file, or delete it to embed again"
        )
    return SearchIndex(maker, tuple(Passage(*passage) for passage in about["passages"]), vectors)


def build_index(
    maker: Maker, passages: Sequence[Passage], encode, progress=lambda groups: groups, at_once: int = 32
) -> SearchIndex:
    """Embed `passages` with encode, a function from texts to (n, H). progress: wraps the list of groups of at_once."""
    groups = [passages[start : start + at_once] for start in range(0, len(passages), at_once)]
    rows = [encode([passage.text for passage in group]) for group in progress(groups)]
    return SearchIndex(maker, tuple(passages), torch.nn.functional.normalize(torch.cat(rows), dim=-1))
