# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The three stages of a unit, as Ray calls them: row -> row, one row a unit, so that nothing cuts or joins units.

A row is a dict of numbers, JSON and bytes: "unit" and "columns" in; "table" (an Arrow stream of the good rows), "ids" and
"lengths" (int32) after reading; "vectors" (float) after embedding; counts at the end. Or it is {"error": why}, which the
later stages let through: what a stage raises, Ray would wrap in pages of its own.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from models.demos.wormhole.bge_large_en.demo.corpus import vectors
from models.demos.wormhole.bge_large_en.demo.corpus.card import CardEncoder
from models.demos.wormhole.bge_large_en.demo.corpus.files import read
from models.demos.wormhole.bge_large_en.demo.corpus.ledger import begin, end, put_errors
from models.demos.wormhole.bge_large_en.demo.corpus.texts import defined, tokenise
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder, Job, Unit

# From the encoder's facts and the checkpoint's folder to a function from ids to ((n, H) fp32, tokens computed).
MakeEncoder = Callable[[Encoder, str], Callable[[Sequence[list[int]]], tuple[np.ndarray, int]]]


ERRORS = (OSError, ValueError, RuntimeError)


def telling(stage: Callable[..., dict]) -> Callable[..., dict]:
    """The stage, which returns {"error": why} where it would raise one of ERRORS, and lets such a row through."""

    def told(row: dict, **named) -> dict:
        if row.get("error"):
            return {"error": row["error"]}
        try:
            return stage(row, **named)
        except ERRORS as error:
            return {"error": str(error)}

    told.__name__ = getattr(stage, "__name__", type(stage).__name__)
    return told


class BadRow(ValueError):
    """A row that has no vector, in a job that does not skip such rows."""


def unit_row(unit: Unit, columns: str) -> dict:
    return {"unit": json.dumps(asdict(unit)), "columns": columns}


def read_and_tokenise(row: dict, job: Job, tokenizer: str) -> dict:
    """BadRow for the first row that has no vector, unless the job skips those and lists them. tokenizer: a definition."""
    unit, encoder = Unit(**json.loads(row["unit"])), job.encoder
    table, unreadable = read(unit, row["columns"], job.text_column)
    texts = table.column(job.text_column).to_pylist()
    tokens = tokenise(texts, defined(tokenizer), encoder.max_tokens, encoder.prefix)
    bad = {**tokens.bad, **unreadable}
    if bad and not job.skip:
        number, why = min(bad.items())
        raise BadRow(f"{unit.source}, row {unit.first + number}: {why}")
    put_errors(job.output, unit, bad)
    if bad:
        table = table.take(pa.array(tokens.good, pa.int64()))
    lengths = np.fromiter(map(len, tokens.ids), np.int32, len(tokens.ids))
    return {
        "unit": row["unit"],
        "table": _to_bytes(table),
        "ids": np.fromiter(itertools.chain.from_iterable(tokens.ids), np.int32, int(lengths.sum())).tobytes(),
        "lengths": lengths.tobytes(),
        "bad": len(bad),
        "truncated": tokens.truncated,
    }


class Embed:
    """The actor of a card."""

    def __init__(self, job: Job, make_encoder: MakeEncoder = CardEncoder):
        self._dtype, self._output = np.dtype(job.encoder.dtype), job.output
        self._encoder = make_encoder(job.encoder, job.folder)

    def __call__(self, row: dict) -> dict:
        """RuntimeError for a unit at which the process before this one died, and those before that."""
        begin(self._output, Unit(**json.loads(row["unit"])))
        lengths, flat = np.frombuffer(row["lengths"], np.int32), np.frombuffer(row["ids"], np.int32).tolist()
        ends = np.cumsum(lengths).tolist()
        ids = [flat[end - length : end] for end, length in zip(ends, lengths.tolist())]
        found, computed = self._encoder(ids)
        most = np.finfo(self._dtype).max
        if len(found) and np.abs(found).max() > most:
            raise ValueError(f"a vector holds {np.abs(found).max():g}; {self._dtype} holds up to {most:g}")
        rest = {name: row[name] for name in ("unit", "table", "bad", "truncated")}
        return {**rest, "vectors": found.astype(self._dtype).tobytes(), "tokens": len(flat), "computed": computed}


class TellingEmbed:
    """Embed, telling; what its constructor raises too, of which Ray would make another try."""

    def __init__(self, job: Job, make_encoder: MakeEncoder):
        try:
            self._embed, self._why = telling(Embed(job, make_encoder)), ""
        except ERRORS as error:
            self._why = str(error)

    def __call__(self, row: dict) -> dict:
        return {"error": row.get("error") or self._why} if self._why else self._embed(row)


def write(row: dict, job: Job) -> dict:
    """Write the output file and count what is in it."""
    unit = Unit(**json.loads(row["unit"]))
    table = pa.ipc.open_stream(row["table"]).read_all()
    found = np.frombuffer(row["vectors"], job.encoder.dtype).reshape(-1, job.encoder.dim)
    written = vectors.write(job, unit, table, found)
    end(job.output, unit)
    counts = {name: row[name] for name in ("bad", "truncated", "tokens", "computed")}
    return {"name": unit.name, "rows": unit.rows, "texts": len(table), "bytes": written, **counts}


def _to_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()
