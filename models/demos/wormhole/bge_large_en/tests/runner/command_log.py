# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Records the commands of steps, and finds what could go wrong with them on queues that run at once.

Two commands are ordered if they are on one queue, if an event recorded after the first is waited for before the second,
or if the host waited for the first before it issued the second. Two that touch the same tensor, one of them writing,
must be ordered: otherwise a value is read before it is there, or overwritten before it is read. So must two that touch
different tensors at the same place: the host frees a forward's intermediate tensors when it has dispatched it, and may
give their DRAM away while the programs are still to run. If all of them are ordered, the device does what the commands do
one after another, and following the values through them tells whose result is read.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import ttnn
from models.demos.wormhole.bge_large_en.runner.queues import COMPUTE, Queues
from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep

HOST, DRAM = "host", ttnn.BufferType.DRAM


class Place(NamedTuple):
    """Where a tensor called `name` lies: bytes [start, end) of every DRAM bank."""

    name: object
    start: int
    end: int


@dataclass(frozen=True)
class Command:
    """kind: method of Queues, "fill" or "take" (of the host). reads, writes: names of tensors. step: its number.

    values: of a fill what it writes to each host tensor; of a take what it must find there. places: of the tensors in
    DRAM that it uses, those of a forward that the host has freed again among them.
    """

    kind: str
    queue: object
    step: int
    reads: tuple = ()
    writes: tuple = ()
    event: int | None = None
    values: tuple = ()
    places: tuple[Place, ...] = ()


@dataclass
class CommandLog:
    """The commands so far, and the names of tensors."""

    commands: list[Command] = field(default_factory=list)
    step: int = -1
    paused: bool = False
    _kept: list = field(default_factory=list)

    def add(self, kind: str, queue, reads=(), writes=(), event=None, values=(), freed: Sequence[Place] = ()) -> None:
        if not self.paused:
            names = [tuple(self.name(tensor) for tensor in tensors) for tensors in (reads, writes)]
            places = tuple(p for tensor in (*reads, *writes) if (p := self._place(tensor))) + tuple(freed)
            self.commands.append(Command(kind, queue, self.step, *names, event, values, places))

    def name(self, tensor) -> int:
        self._kept.append(tensor)  # so that no later object gets its id
        return id(tensor)

    def _place(self, tensor) -> Place | None:
        """None for a tensor that is on the host, or in L1, which only programs of the compute queue touch."""
        if tensor.storage_type() != ttnn.StorageType.DEVICE or tensor.memory_config().buffer_type != DRAM:
            return None
        pages = -(-tensor.buffer_num_pages() // ttnn.get_memory_view(tensor.device(), DRAM).num_banks)
        start = tensor.buffer_address()
        return Place(self.name(tensor), start, start + pages * tensor.buffer_aligned_page_size())

    @contextmanager
    def freed_places(self) -> Iterator[list[Place]]:
        """Yields a list that at the end has where in DRAM tensors lay that were freed within it."""
        found: list[Place] = []
        ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
        try:
            yield found
        finally:
            graph = ttnn.graph.end_graph_capture()
        for index, node in enumerate(graph):
            at = node["params"]
            if node["node_type"] == "buffer_deallocate" and at["type"] == "DRAM":
                start = int(at["address"])
                found.append(Place((self.step, index), start, start + int(at["max_size_per_bank"])))


class RecordingQueues(Queues):
    """Two queues that log their commands; `real` ones also pass them on to the device."""

    def __init__(self, device, log: CommandLog, real: bool):
        self.device, self.io, self.log, self.real = device, 1, log, real
        self._events: list = []

    def _on(self, name: str, *args):
        return getattr(super(), name)(*args) if self.real else None

    def write(self, host, tensor) -> None:
        self.log.add("write", self.io, [host], [tensor])
        self._on("write", host, tensor)

    def copy(self, source, target) -> None:
        self.log.add("copy", COMPUTE, [source], [target])
        self._on("copy", source, target)

    def execute(self, trace) -> None:
        self.log.add("execute", COMPUTE, *trace)

    def read(self, tensor, host) -> None:
        self.log.add("read", self.io, [tensor], [host])
        self._on("read", tensor, host)

    def record(self, queue: int) -> int:
        self._events.append(self._on("record", queue))
        self.log.add("record", queue, event=len(self._events) - 1)
        return len(self._events) - 1

    def wait(self, queue: int, event) -> None:
        if event is not None:
            self.log.add("wait", queue, event=event)
            self._on("wait", queue, self._events[event])

    def finish(self, event) -> None:
        self.log.add("finish", HOST, event=event)
        self._on("finish", self._events[event])


def record_step(step, log: CommandLog, queues: RecordingQueues, monkeypatch) -> None:
    """Make a compiled ShapeStep log what it does; on queues that are not real, with a trace to replay."""
    fill, collect, forward = step.inputs.fill, step.collect, step._forward
    inputs, host = step._input, step.inputs.host
    # What each host tensor holds, as the number of the step that wrote it.
    held: dict[str, int | None] = dict.fromkeys(host)

    def filled(rows, places):
        log.step += 1
        changed = fill(rows, places)
        held.update(dict.fromkeys(changed, log.step))
        log.add("fill", HOST, (), [host[name].tensor for name in changed], None, (log.step,) * len(changed))
        expect.append((log.step, tuple(held[name] for name in host)))
        return changed

    def collected(pending):
        number, values = expect.pop(0)
        latest, log.step = log.step, number
        rows = collect(pending)
        log.add("take", HOST, [step._host_results[pending.result].tensor], (), None, values)
        log.step = latest
        return rows

    def forwarded():
        log.add("execute", COMPUTE, [inputs[name] for name in host], [step._output])
        log.paused = True
        forward()
        log.paused = False

    expect: list = []
    step.forget()  # of the events of compiling
    monkeypatch.setattr(step, "queues", queues)
    monkeypatch.setattr(step.inputs, "fill", filled)
    monkeypatch.setattr(step, "collect", collected)
    if queues.real:
        monkeypatch.setattr(step, "_forward", forwarded)
    else:
        monkeypatch.setattr(step, "_trace", ([inputs[name] for name in host], [step._output]))


def record_forwards(log: CommandLog, monkeypatch) -> None:
    """Make every ShapeStep log its forwards, those that compile it among them, with the DRAM that they free."""
    forward = ShapeStep._forward

    def forwarded(step):
        with log.freed_places() as freed:
            log.paused = True
            forward(step)
            log.paused = False
        log.add("execute", COMPUTE, step._input.values(), [step._output], freed=freed)

    monkeypatch.setattr(ShapeStep, "_forward", forwarded)


def hazards(commands: Sequence[Command]) -> list[str]:
    """What could go wrong, a line each; empty if nothing can."""
    found: list[str] = []
    clocks: dict = {}  # timeline -> {timeline: commands of it that are over before the next of this one starts}
    events: dict[int, dict] = {}
    accesses: dict[int, list] = {}
    used: list = []  # (place, command, queue, count)
    values: dict[int, object] = {}
    for command in commands:
        clock = clocks.setdefault(command.queue, {})
        if command.queue != HOST:  # issued after all that the host has done
            _merge(clock, clocks.get(HOST, {}))
        if command.kind in ("wait", "finish"):
            _merge(clock, events.get(command.event, {}))
        for tensor, writes in [*((t, False) for t in command.reads), *((t, True) for t in command.writes)]:
            for other, queue, count, wrote in accesses.setdefault(tensor, []):
                if (writes or wrote) and clock.get(queue, 0) < count:
                    found.append(f"{command.kind} of step {command.step} races {other.kind} of step {other.step}")
        for place in command.places:
            for at, other, queue, count in used:
                apart = at.name == place.name or at.end <= place.start or place.end <= at.start
                if not apart and clock.get(queue, 0) < count:
                    found.append(
                        f"{command.kind} of step {command.step} takes DRAM of {other.kind} of step {other.step}"
                    )
        clock[command.queue] = clock.get(command.queue, 0) + 1
        used += [(place, command, command.queue, clock[command.queue]) for place in command.places]
        for tensors, wrote in ((command.reads, False), (command.writes, True)):
            for tensor in tensors:
                # The host's writes are over when they return, and so is its memory's use by a write command.
                if not (command.kind == "write" and not wrote):
                    accesses[tensor].append((command, command.queue, clock[command.queue], wrote))
        if command.kind == "record":
            events[command.event] = dict(clock)
        _follow(command, values, found)
    return found


def _follow(command: Command, values: dict, found: list[str]) -> None:
    read = tuple(values.get(tensor) for tensor in command.reads)
    if command.kind == "fill":
        values.update(zip(command.writes, command.values))
    elif command.kind == "execute":
        values[command.writes[0]] = read
    elif command.kind in ("write", "copy", "read"):
        values[command.writes[0]] = read[0]
    elif command.kind == "take" and read[0] != command.values:
        found.append(f"step {command.step} takes a result of inputs {read[0]}, not of {command.values}")


def _merge(clock: dict, other: dict) -> None:
    for queue, count in other.items():
        clock[queue] = max(clock.get(queue, 0), count)
