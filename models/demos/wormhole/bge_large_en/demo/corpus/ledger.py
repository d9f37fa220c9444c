# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What an output folder holds: the job it is of, its inputs, the units that are done, the bad rows.

_job.json says what the vectors are and how each input was cut; a unit is done when the file of its name is there, as it
gets that name when it is whole. Names that begin with _ or . are none of a Parquet data set, to whoever reads one.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from models.demos.wormhole.bge_large_en.demo.corpus.files import fingerprint
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder, Job, Source, Unit

JOB, LOCK, ERRORS, ALL_ERRORS = "_job.json", "_job.lock", "_errors", "_errors.jsonl"
FORMAT = 1
UNFINISHED = ".unfinished-"
MOST_TRIES = 4  # at a unit, in one run of the job


def put(path: Path, data: bytes) -> None:
    """Write a file that is whole under its name, or not there: also after a power cut, and from several processes."""
    half = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex}")
    with open(half, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)


def put_errors(output: str, unit: Unit, bad: dict[int, str]) -> None:
    """The bad rows of a unit; before its vectors, which make it count. bad: number of the row in the unit -> why."""
    if bad:
        lines = [
            json.dumps({"file": unit.source, "row": unit.first + row, "error": why}, ensure_ascii=False)
            for row, why in sorted(bad.items())
        ]
        put(Path(output, ERRORS, f"{unit.name}.jsonl"), "".join(f"{line}\n" for line in lines).encode())


def begin(output: str, unit: Unit) -> None:
    """Note that a process begins to embed a unit. RuntimeError when MOST_TRIES have begun and none came to its end."""
    tries = Path(output, f"{UNFINISHED}{unit.name}.tries")
    with open(tries, "ab") as file:
        file.write(b".")
    if tries.stat().st_size > MOST_TRIES:
        raise RuntimeError(
            f"{unit.source}, rows {unit.first} to {unit.first + unit.rows - 1}: {MOST_TRIES} processes died at it"
        )


def end(output: str, unit: Unit) -> None:
    Path(output, f"{UNFINISHED}{unit.name}.tries").unlink(missing_ok=True)


@dataclass
class Ledger:
    """folder: of the output, locked for this process as long as this object lives."""

    folder: Path
    encoder: Encoder
    text_column: str
    truncate: bool
    sources: dict[str, Source] = field(default_factory=dict)

    @classmethod
    def open(cls, job: Job) -> "Ledger":
        """Make the folder, or go on with what is there. ValueError when that is of another job, names both values, or
        when another process writes to it."""
        folder = Path(job.output)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--output {job.output!r} is no folder")
        (folder / ERRORS).mkdir(parents=True, exist_ok=True)
        ledger = cls(folder, job.encoder, job.text_column, job.truncate)
        ledger._lock()
        ledger._load()
        for half in [*folder.glob(f"{UNFINISHED}*"), *(folder / ERRORS).glob(f"{UNFINISHED}*")]:
            half.unlink()
        return ledger

    def _lock(self) -> None:
        self._file = open(self.folder / LOCK, "w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another job writes to {self.folder}; wait for its end, or name another folder") from None

    def close(self) -> None:
        self._file.close()

    @property
    def _about(self) -> dict:
        return {**asdict(self.encoder), "text_column": self.text_column, "truncate": self.truncate}

    def _load(self) -> None:
        path = self.folder / JOB
        if not path.exists():
            if self.done():
                raise ValueError(f"{self.folder} holds Parquet files and no {JOB}; name a folder of the job's own")
            return
        held = json.loads(path.read_text(encoding="utf-8"))
        differ = [
            f"{name} is {held['about'].get(name)!r}, here it is {value!r}"
            for name, value in self._about.items()
            if held["about"].get(name) != value
        ]
        if held["format"] != FORMAT or differ:
            raise ValueError(
                f"{self.folder} holds vectors of another job ({'; '.join(differ) or 'of another format'}); "
                "name another folder"
            )
        for source in held["sources"]:
            source["parts"] = tuple(map(tuple, source["parts"]))
            self.sources[source["path"]] = Source(**source)

    def save(self) -> None:
        about = {"format": FORMAT, "about": self._about, "sources": [asdict(s) for s in self.sources.values()]}
        put(self.folder / JOB, json.dumps(about, ensure_ascii=False).encode())

    def done(self) -> set[str]:
        """Names of the output files that are there."""
        return {name for name in os.listdir(self.folder) if name.endswith(".parquet") and not name.startswith(".")}

    def units(self, paths: Iterable[str], cut: Callable[[list[str]], Iterable[Source]]) -> list[Unit]:
        """The units of these inputs, done or not. cut: makes Sources of those that are new, or of which none is done.

        ValueError for an input that has changed since some of it was embedded.
        """
        done, new = self.done(), []
        paths = list(paths)
        for path in paths:
            known, now = self.sources.get(path), fingerprint(path)
            if known is None or not any(unit.name in done for unit in known.units):
                new.append(path)
            elif (known.size, known.mtime_ns) != (now.size, now.mtime_ns):
                raise ValueError(
                    f"{path} has changed since its vectors were made ({known.size} bytes then, {now.size} now, changed at "
                    f"{known.mtime_ns} and {now.mtime_ns} ns): delete {known.units[0].name.rsplit('-', 1)[0]}-*.parquet in "
                    f"{self.folder} to have it embedded again, or name another folder"
                )
        if new:
            self.sources |= {source.path: source for source in cut(new)}
        self.save()
        return [unit for path in paths for unit in self.sources[path].units]

    def bad_rows(self) -> int:
        """How many bad rows done units had, after writing all of them to one file."""
        done = self.done()
        files = [f for f in sorted((self.folder / ERRORS).glob("*.jsonl")) if f.name.removesuffix(".jsonl") in done]
        lines = b"".join(file.read_bytes() for file in files)
        put(self.folder / ALL_ERRORS, lines)
        return lines.count(b"\n")
