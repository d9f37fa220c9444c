# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The stages on Ray Data: tokenising in CPU tasks, an actor for each card, writing in CPU tasks, units in flight limited."""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from models.demos.wormhole.bge_large_en.demo.corpus.card import CardEncoder, cards_here
from models.demos.wormhole.bge_large_en.demo.corpus.files import cut
from models.demos.wormhole.bge_large_en.demo.corpus.stages import (
    MakeEncoder,
    TellingEmbed,
    read_and_tokenise,
    telling,
    unit_row,
    write,
)
from models.demos.wormhole.bge_large_en.demo.corpus.texts import definition
from models.demos.wormhole.bge_large_en.demo.corpus.units import Job, Source, Unit
from models.demos.wormhole.bge_large_en.runner.target import NODES, NoCard

CARD = "tt_card"  # Ray's custom resource, one a card; nodes of a cluster are started with --resources '{"tt_card": 4}'
UNITS_PER_CARD = 3  # given to an actor: one is embedded, the others wait
SECONDS_TO_CLOSE = 15
STORE = 2**28  # bytes of Ray's object store, per card and for the rest


@dataclass
class Cluster:
    """Ray, connected; cards: to be used."""

    cards: int

    @classmethod
    def start(cls, cards: int | None, address: str | None) -> "Cluster":
        """One machine, on loopback, or the cluster at `address`. cards: to use; None for all.

        NoCard where there is none, ValueError for more than there are, ConnectionError when nothing answers.
        """
        if address is not None:
            _check_answers(address)
        here = cards_here() if address is None else []
        if address is None and here == []:
            raise NoCard(f"no Tenstorrent card: {NODES} is empty, and neither a simulator nor emulation is asked for")
        if here and cards is not None and cards > len(here):
            raise ValueError(f"--cards is {cards}; this machine has {len(here)}: {', '.join(here)}")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers
        os.environ.setdefault("RAY_worker_niceness", "0")  # and not 15: whatever else runs would keep the cards waiting
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a task has one CPU
        if address is None:
            # The one name of "on loopback", in what Ray starts too.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        import ray

        quiet = dict(log_to_driver=False, logging_level=logging.ERROR, configure_logging=True)
        if address is None:
            count = cards or len(here or "1")
            ray.init(
                address="local",
                resources={CARD: count},
                include_dashboard=False,
                object_store_memory=STORE * (count + 4),
                **quiet,
            )
            return cls(count)
        ray.init(address=address, **quiet)
        there = int(ray.cluster_resources().get(CARD, 0))
        if not there:
            raise NoCard(
                f"no node of the cluster at {address} was started with --resources '{{\"{CARD}\": 1}}' or more"
            )
        if cards is not None and cards > there:
            raise ValueError(f"--cards is {cards}; the cluster at {address} has {there}")
        return cls(cards or there)

    def stop(self) -> None:
        """After at most SECONDS_TO_CLOSE, in which the actors close their cards."""
        import ray

        deadline = time.monotonic() + SECONDS_TO_CLOSE
        while ray.available_resources().get(CARD, 0) < self.cards and time.monotonic() < deadline:
            time.sleep(0.1)
        ray.shutdown()

    def cut(self, paths: list[str], text_column: str, unit_rows: int) -> Iterator[Source]:
        """The inputs in units, several files at a time. RuntimeError, naming the file, for one that can't be used."""

        def cut_file(row: dict) -> dict:
            return {"source": json.dumps(asdict(cut(row["path"], text_column, unit_rows)))}

        for row in self._rows([{"path": path} for path in paths], lambda data: data.map(telling(cut_file))):
            found = json.loads(row["source"])
            yield Source(**{**found, "parts": tuple(map(tuple, found["parts"]))})

    def embed(
        self, job: Job, units: list[Unit], columns: dict[str, str], make_encoder: MakeEncoder = CardEncoder
    ) -> Iterator[dict]:
        """Embed units, in any order; the counts of each as soon as it is written.

        columns: of each source. RuntimeError with what a stage raised, or else with what ended the job.
        """
        from ray.data import ActorPoolStrategy

        actors, tasks = min(self.cards, len(units)), min(2 * self.cards, len(units))
        pool = ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=UNITS_PER_CARD)

        given = {"job": job, "tokenizer": definition(job.folder, job.encoder.max_tokens, job.truncate)}

        def stages(data):
            # Half a CPU each, or a machine of two would have one left for them beside what is kept for writing.
            data = data.map(telling(read_and_tokenise), fn_kwargs=given, num_cpus=0.5, concurrency=tasks)
            # No CPU of Ray's count: a machine with fewer of them than cards would have none left for the tasks. An actor
            # that dies is started again, as often as it takes, and its units are given out again.
            made = {"job": job, "make_encoder": make_encoder}
            data = data.map(TellingEmbed, fn_constructor_kwargs=made, compute=pool, num_cpus=0, resources={CARD: 1})
            return data.map(telling(write), fn_kwargs={"job": job}, num_cpus=0.25, concurrency=actors)

        yield from self._rows([unit_row(unit, columns[unit.source]) for unit in units], stages)

    def _rows(self, items: list[dict], stages) -> Iterator[dict]:
        import ray

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        context.log_internal_stack_trace_to_stdout = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        data = stages(ray.data.from_items(items, override_num_blocks=len(items)))
        try:
            for row in data.iter_rows():
                if row.get("error"):
                    raise RuntimeError(row["error"])
                yield row
        except ray.exceptions.RayError as error:
            said = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise RuntimeError(said[-1] if said else type(error).__name__) from error


def _check_answers(address: str) -> None:
    """At once, where Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"--ray-address is {address!r}; allowed: HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(f"no Ray cluster answers at --ray-address {address}: {error}") from error
