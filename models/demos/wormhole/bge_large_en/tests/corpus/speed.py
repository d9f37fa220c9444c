# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What Ray costs: the stages of a job with an encoder that does nothing, in one Python loop and as embed_corpus runs them.

    python -m models.demos.wormhole.bge_large_en.tests.corpus.speed --rows 100000

Prints JSON. texts/s of both from the first unit that is written to the last, so without the start of processes, which is
printed beside it; bytes of all processes of the job without shared ones, the most in each quarter of it.
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
from models.demos.wormhole.bge_large_en.demo.corpus import stages
from models.demos.wormhole.bge_large_en.demo.corpus.ledger import Ledger
from models.demos.wormhole.bge_large_en.demo.corpus.pipeline import Cluster
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES


class NoOp:
    def __init__(self, encoder: Encoder, folder: str):
        self.dim = encoder.dim

    def __call__(self, ids: Sequence[list[int]]) -> tuple[np.ndarray, int]:
        return np.zeros((len(ids), self.dim), np.float32), 0


def rate(counts: Iterable[dict], start: float) -> dict[str, float]:
    """texts/s of the units after the first, and seconds to the first."""
    times, texts = [], []
    for found in counts:
        times.append(time.monotonic())
        texts.append(found["texts"])
    return {
        "texts": sum(texts),
        "texts_per_second": round(sum(texts[1:]) / (times[-1] - times[0]), 1),
        "seconds_to_first_unit": round(times[0] - start, 1),
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
    parser.add_argument("--rows-per-file", type=int, default=2048)
    parser.add_argument("--cards", type=int, default=1, help="actors")
    asked = parser.parse_args()
    os.environ["EMULATED_WORMHOLE"] = "1"  # any number of cards, of which nothing is used
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as a task of the job
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.jsonl")
        texts = (f"{n} {SENTENCES[n % len(SENTENCES)]}" for n in range(asked.rows))
        path.write_text("".join(f"{json.dumps({'id': n, 'text': text})}\n" for n, text in enumerate(texts)))

        def open_job(name: str):
            given = ["--input", str(path), "--output", str(Path(folder, name))]
            job = embed_corpus.make_job(embed_corpus.options(given))
            return job, Ledger.open(job)

        cluster = Cluster.start(asked.cards, None)
        job, ledger = open_job("loop")
        units = ledger.units([str(path)], lambda new: cluster.cut(new, "text", asked.rows_per_file))
        columns = {str(path): ledger.sources[str(path)].columns}
        rows = [stages.unit_row(unit, columns[unit.source]) for unit in units]
        embed = stages.Embed(job, NoOp)
        loop = rate((stages.write(embed(stages.read_and_tokenise(row, job)), job) for row in rows), time.monotonic())
        job, ledger = open_job("ray")
        used: list[tuple[float, int]] = []
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(used, ended))
        watcher.start()
        start = time.monotonic()
        on_ray = rate(cluster.embed(job, units, columns, NoOp), start)
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
