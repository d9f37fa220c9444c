# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A job, and the units that it is cut into. Plain data, no files here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

VECTORS = "embedding"  # the column that is added
FORMATS = (".parquet", ".jsonl", ".ndjson", ".json", ".txt")
MAX_CHARACTERS = 1_000_000  # of a text; what has more is a bad row, whatever its tokens


@dataclass(frozen=True)
class Unit:
    """Rows first … first + rows - 1 of a source, which become one output file; bytes start … stop - 1 of lines.

    source: absolute path of an input file.
    """

    source: str
    number: int
    first: int
    rows: int
    start: int = 0
    stop: int = 0

    @property
    def name(self) -> str:
        """Of the output file; inputs of one name in two folders have different ones."""
        stem = Path(self.source).stem.lstrip("._")[:100]  # a name that begins with these is none of a data set
        return f"{stem}-{hashlib.sha256(self.source.encode()).hexdigest()[:8]}-{self.number:05d}.parquet"


@dataclass(frozen=True)
class Source:
    """An input file as it was when it was cut. columns: the Arrow schema of a file of JSON lines, serialised, in hex."""

    path: str
    size: int
    mtime_ns: int
    parts: tuple[tuple[int, int, int, int], ...] = ()  # first, rows, start, stop of each unit
    columns: str = ""

    @property
    def rows(self) -> int:
        return sum(rows for _, rows, _, _ in self.parts)

    @property
    def units(self) -> list[Unit]:
        return [Unit(self.path, number, *part) for number, part in enumerate(self.parts)]


@dataclass(frozen=True)
class Encoder:
    """Which vectors are made. All of it is in the metadata of every output file.

    checkpoint: the name it is known by; weights_sha256: of its safetensors files, in the order of their names;
    max_tokens: of a text, with its special tokens; prefix: put before every text; dtype: "float32" or "float16".
    """

    checkpoint: str
    weights_sha256: str
    profile: str
    pooling: str
    normalized: bool
    dim: int
    max_tokens: int
    prefix: str = ""
    dtype: str = "float32"


@dataclass(frozen=True)
class Job:
    """folder: where every node finds the checkpoint, or its hub name. truncate: cut a text that is too long.

    skip: list bad rows and go on; otherwise the first of them ends the job.
    """

    encoder: Encoder
    folder: str
    output: str
    text_column: str = "text"
    truncate: bool = False
    skip: bool = False
