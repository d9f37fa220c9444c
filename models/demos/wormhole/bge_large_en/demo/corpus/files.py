# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Input files: which there are, where they are cut, and the rows of a unit. pyarrow, no Ray and no ttnn."""

import glob
import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.demos.wormhole.bge_large_en.demo.corpus.units import FORMATS, VECTORS, Source, Unit

MAX_BYTES = 2**26  # of the input of a unit, unless one row has more
LINES_AT_ONCE = 8192


def find_sources(patterns: Sequence[str]) -> list[str]:
    """Absolute paths of what file names and glob patterns (** too) mean, in order, each once.

    FileNotFoundError for a pattern that means nothing, ValueError for a file of another format, by its name's ending.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        files = [path for path in sorted(glob.glob(pattern, recursive=True)) if os.path.isfile(path)]
        if not files:
            raise FileNotFoundError(f"--input {pattern!r} is no file, and no pattern of any")
        for path in files:
            if Path(path).suffix.lower() not in FORMATS:
                raise ValueError(f"--input {path!r} ends in {Path(path).suffix!r}; allowed: {', '.join(FORMATS)}")
            found[os.path.abspath(path)] = None
    return list(found)


def fingerprint(path: str) -> Source:
    """Size and time of change; nothing of the file is read."""
    stat = os.stat(path)
    return Source(path, stat.st_size, stat.st_mtime_ns)


def cut(path: str, text_column: str, unit_rows: int) -> Source:
    """The file in units of at most unit_rows rows and about MAX_BYTES. Lines are read once, of Parquet the footer.

    ValueError, naming the file, for one that can't be read, has no such column, or has columns of no one type.
    """
    source = fingerprint(path)
    is_parquet = path.lower().endswith(".parquet")
    parts, columns = (_cut_parquet if is_parquet else _cut_lines)(path, text_column, unit_rows)
    return Source(path, source.size, source.mtime_ns, tuple(parts), columns)


def read(unit: Unit, columns: str, text_column: str) -> tuple[pa.Table, dict[int, str]]:
    """(rows of the unit, what is wrong with some of them by their number in it). Bad rows hold nulls in the table.

    ValueError, naming the file, when it can't be read any more.
    """
    try:
        if unit.source.lower().endswith(".parquet"):
            return _read_parquet(unit), {}
        with open(unit.source, "rb") as file:
            file.seek(unit.start)
            lines = _lines(file.read(unit.stop - unit.start))
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{unit.source} can't be read: {error}") from error
    if _is_text(unit.source):
        return _text_rows(lines, text_column)
    rows, bad = _parse(lines, text_column)
    return _table(rows, pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(columns)))), bad


def _is_text(path: str) -> bool:
    return path.lower().endswith(".txt")


def _cut_parquet(path: str, text_column: str, unit_rows: int) -> tuple[list[tuple[int, int, int, int]], str]:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    with file:
        _check_columns(path, file.schema_arrow, text_column)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    bytes_ = sum(group.total_byte_size for group in groups)
    total = sum(group.num_rows for group in groups)
    step = max(1, min(unit_rows, total * MAX_BYTES // max(1, bytes_)))
    return [(first, min(step, total - first), 0, 0) for first in range(0, total, step)], ""


def _check_columns(path: str, schema: pa.Schema, text_column: str) -> None:
    if schema.names.count(text_column) != 1:
        raise ValueError(f"{path} has the columns {schema.names}; --text-column is {text_column!r}")
    if VECTORS in schema.names:
        raise ValueError(f"{path} has a column {VECTORS!r} already, which is where the vectors go")
    kind = schema.field(text_column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(is_(kind) for is_ in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        raise ValueError(f"the column {text_column!r} of {path} is of type {kind}; texts are needed")


def _read_parquet(unit: Unit) -> pa.Table:
    with pq.ParquetFile(unit.source) as file:
        ends = list(itertools.accumulate(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)))
        stop = unit.first + unit.rows
        wanted = [i for i, end in enumerate(ends) if end > unit.first and (ends[i - 1] if i else 0) < stop]
        skip = unit.first - (ends[wanted[0] - 1] if wanted[0] else 0)
        # Batch by batch: a row group may be many units, and is not held whole.
        parts, seen = [], 0
        for batch in file.iter_batches(batch_size=LINES_AT_ONCE, row_groups=wanted):
            part = batch.slice(max(0, skip - seen), max(0, skip + unit.rows - max(skip, seen)))
            seen += len(batch)
            if len(part):
                parts.append(part)
            if seen >= skip + unit.rows:
                break
        return pa.Table.from_batches(parts, file.schema_arrow)


def _lines(data: bytes) -> list[bytes]:
    """Without their ends; what follows the last end is a line if it holds anything."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def _cut_lines(path: str, text_column: str, unit_rows: int) -> tuple[list[tuple[int, int, int, int]], str]:
    parts: list[tuple[int, int, int, int]] = []
    schema = pa.schema([(text_column, pa.string())])
    first = rows = start = stop = 0
    pending: list[bytes] = []

    def close() -> None:
        nonlocal first, rows, start, schema, pending
        if not _is_text(path):
            schema = _unified(path, schema, _parse([line.rstrip(b"\r\n") for line in pending], text_column)[0])
        parts.append((first, rows, start, stop))
        first, rows, start, pending = first + rows, 0, stop, []

    try:
        with open(path, "rb") as file:
            for line in file:
                if rows and (rows == unit_rows or stop + len(line) - start > MAX_BYTES):
                    close()
                rows, stop = rows + 1, stop + len(line)
                if not _is_text(path):
                    pending.append(line)
            if rows:
                close()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    _check_columns(path, schema, text_column)
    return parts, "" if _is_text(path) else schema.serialize().to_pybytes().hex()


def _unified(path: str, schema: pa.Schema, rows: Sequence[dict | None]) -> pa.Schema:
    try:
        found = pa.schema([(name, values.type) for name, values in _columns(rows).items()])
        return pa.unify_schemas([schema, found], promote_options="permissive")
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"the lines of {path} are of no one type: {error}") from error


def _columns(rows: Sequence[dict | None]) -> dict[str, pa.Array]:
    names = dict.fromkeys(itertools.chain.from_iterable(row for row in rows if row))
    return {name: pa.array([None if row is None else row.get(name) for row in rows]) for name in names}


def _text_rows(lines: Sequence[bytes], text_column: str) -> tuple[pa.Table, dict[int, str]]:
    texts: list[str | None] = []
    bad = {}
    for number, line in enumerate(lines):
        try:
            texts.append(line.decode())
        except UnicodeDecodeError as error:
            bad[number] = f"the line is not UTF-8 at byte {error.start}"
            texts.append(None)
    return pa.table({text_column: pa.array(texts, pa.string())}), bad


def _parse(lines: Sequence[bytes], text_column: str) -> tuple[list[dict | None], dict[int, str]]:
    """Objects of lines of JSON, None for the bad ones."""
    rows: list[dict | None] = []
    bad = {}
    for number, line in enumerate(lines):
        row: Any = None
        why = None
        try:
            row = json.loads(line)
            if b"\\u" in line:
                json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is JSON, and is no text
        except (ValueError, RecursionError) as error:
            why = f"the line is no JSON: {error}" if row is None else f"the line is no Unicode text: {error}"
        if why is None and not isinstance(row, dict):
            why = f"the line is a {type(row).__name__}; an object is needed"
        elif why is None and not isinstance(row.get(text_column), str | None):
            why = f"{text_column!r} is a {type(row[text_column]).__name__}; a text is needed"
        if why is not None:
            bad[number], row = why[:300], None
        rows.append(row)
    return rows, bad


def _table(rows: Sequence[dict | None], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([None if row is None else row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)
