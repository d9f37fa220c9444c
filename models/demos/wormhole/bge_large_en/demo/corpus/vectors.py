# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A unit's rows and their vectors -> one Parquet file. No Ray and no ttnn."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.demos.wormhole.bge_large_en.demo.corpus.ledger import put
from models.demos.wormhole.bge_large_en.demo.corpus.units import VECTORS, Encoder, Job, Unit

KEY = "tt_bge"  # of all in the metadata; each fact has a key of its own too, f"{KEY}.{name}"


def metadata(encoder: Encoder, unit: Unit) -> dict[str, str]:
    """What a file says of itself: the encoder, and which rows of which input it holds."""
    facts = {**asdict(encoder), "source": unit.source, "first_row": unit.first, "rows": unit.rows}
    return {
        KEY: json.dumps(facts, ensure_ascii=False),
        **{f"{KEY}.{name}": str(value) for name, value in facts.items()},
    }


def with_vectors(table: pa.Table, vectors: np.ndarray, facts: dict[str, str]) -> pa.Table:
    """table: n rows; vectors: (n, H) float32 or float16, which become a column of fixed-size lists."""
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    table = table.append_column(pa.field(VECTORS, column.type, nullable=False), column)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **facts})


def write(job: Job, unit: Unit, table: pa.Table, vectors: np.ndarray) -> int:
    """Write the unit's output file, whole or not at all. Its bytes."""
    sink = pa.BufferOutputStream()
    whole = with_vectors(table, vectors, metadata(job.encoder, unit))
    others = [name for name in whole.schema.names if name != VECTORS]  # a dictionary of vectors would be all of them
    pq.write_table(whole, sink, compression="zstd", use_dictionary=others or False)
    data = sink.getvalue()
    put(Path(job.output, unit.name), data)
    return len(data)
