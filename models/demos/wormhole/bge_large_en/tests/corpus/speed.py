# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What Ray costs: the stages of a job with an encoder that does nothing, in one Python loop and as embed_corpus runs them.

    python -m models.demos.wormhole.bge_large_en.tests.corpus.speed --rows 100000

Prints JSON. texts/s of both from when the first of these rows begin to be read to when the last are written. Before them
go --before rows in the same run, in which the processes of a job start; what is left of those is part of the time that
is counted. seconds: of the whole run, with the start. Bytes of all processes of the job without shared ones, the most in
each quarter of it.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import psutil

from models.demos.wormhole.bge_large_en.demo import embed_corpus
from models.demos.wormhole.bge_large_en.demo.corpus import pipeline, stages
from models.demos.wormhole.bge_large_en.demo.corpus.ledger import Ledger
from models.demos.wormhole.bge_large_en.demo.corpus.pipeline import Cluster
from models.demos.wormhole.bge_large_en.demo.corpus.texts import definition
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder, Job, Unit
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES


class NoOp:
    def __init__(self, encoder: Encoder, folder: str):
        self.dim = encoder.dim

    def __call__(self, ids: Sequence[list[int]]) -> tuple[np.ndarray, int]:
        return np.zeros((len(ids), self.dim), np.float32), 0


def read_and_tokenise(row: dict, job: Job, tokenizer: str) -> dict:
    """As the stage, with the time at which it begins in a file beside the output."""
    Path(f"{job.output}-{Unit(**json.loads(row['unit'])).name}.began").write_text(str(time.monotonic()))
    return stages.read_and_tokenise(row, job, tokenizer)


def rate(counts: Iterable[dict], job: Job, counted: Sequence[Unit]) -> dict[str, float]:
    """texts/s of the counted units, and seconds to the first of all and for all."""
    start, written = time.monotonic(), {}
    for found in counts:
        written[found["name"]] = time.monotonic(), found["texts"]
    began = min(float(Path(f"{job.output}-{unit.name}.began").read_text()) for unit in counted)
    texts, ended = sum(written[unit.name][1] for unit in counted), max(written[unit.name][0] for unit in counted)
    return {
        "texts": texts,
        "texts_per_second": round(texts / (ended - began), 1),
        "seconds_to_first_unit": round(min(at for at, _ in written.values()) - start, 1),
        "seconds": round(ended - start, 1),
    }


def watch(used: list[tuple[float, int]], ended: threading.Event) -> None:
    """(time, bytes of this process and those below it) until `ended`."""
    while not ended.wait(2):
        total = 0
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            try:
                memory = process.memory_info()
                total += memory.rss - memory.shared
            except psutil.Error:
                pass
        used.append((time.monotonic(), total))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--before", type=int, default=120_000, help="rows that are not counted; whole files")
    parser.add_argument("--rows-per-file", type=int, default=2048)
    parser.add_argument("--cards", type=int, default=1, help="actors")
    asked = parser.parse_args()
    os.environ["EMULATED_WORMHOLE"] = "1"  # any number of cards, of which nothing is used
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as a task of the job
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.jsonl")
        texts = (f"{n} {SENTENCES[n % len(SENTENCES)]}" for n in range(asked.before + asked.rows))
        path.write_text("".join(f"{json.dumps({'id': n, 'text': text})}\n" for n, text in enumerate(texts)))

        def open_job(name: str):
            given = ["--input", str(path), "--output", str(Path(folder, name))]
            job = embed_corpus.make_job(embed_corpus.options(given))
            return job, Ledger.open(job)

        cluster = Cluster.start(asked.cards, None)
        job, ledger = open_job("loop")
        units = ledger.units([str(path)], lambda new: cluster.cut(new, "text", asked.rows_per_file))
        columns = {str(path): ledger.sources[str(path)].columns}
        counted = units[-(-asked.before // asked.rows_per_file) :]
        rows = [stages.unit_row(unit, columns[unit.source]) for unit in units]
        embed = stages.Embed(job, NoOp)
        tokenizer = definition(job.folder, job.encoder.max_tokens, job.truncate)
        read = (read_and_tokenise(row, job, tokenizer) for row in rows)
        loop = rate((stages.write(embed(row), job) for row in read), job, counted)
        job, ledger = open_job("ray")
        used: list[tuple[float, int]] = []
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(used, ended))
        watcher.start()
        start = time.monotonic()
        pipeline.read_and_tokenise = read_and_tokenise
        on_ray = rate(cluster.embed(job, units, columns, NoOp), job, counted)
        ended.set()
        watcher.join()
        cluster.stop()
        steady = [(at, bytes_) for at, bytes_ in used if at > start + on_ray["seconds_to_first_unit"]]
        quarters = [max(b for _, b in part.tolist()) for part in np.array_split(np.array(steady), 4) if len(part)]
    print(
        json.dumps(
            {
                "loop": loop,
                "ray": on_ray,
                "share_per_actor": round(on_ray["texts_per_second"] / asked.cards / loop["texts_per_second"], 3),
                "mbytes_by_quarter": [round(most / 1e6) for most in quarters],
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
