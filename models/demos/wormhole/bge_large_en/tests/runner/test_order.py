# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The order of a step's commands: nothing races, every result is of its own inputs, and no command is there in vain."""

import pytest
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tests.emulation import dispatch_only
from models.demos.wormhole.bge_large_en.tests.runner.command_log import (
    CommandLog,
    RecordingQueues,
    hazards,
    record_forwards,
    record_step,
)
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts

BUCKETS = Buckets((32,), (8,), packed=(64,))
STEPS = 6
MIDDLE = (2, 3)  # steps that have others before and behind them
DEVICE_PARAMS = pytest.mark.parametrize("device_params", [{"num_command_queues": 2}], indirect=True)


def recorded(device, monkeypatch, real: bool, rows: list[Row], buckets=BUCKETS):
    """(log, runner, pooled rows) of a run that takes STEPS steps."""
    log = CommandLog()
    runner = small_runner(device, length=buckets.sequences[-1], buckets=buckets, num_command_queues=1 + real)
    runner.warm_up()
    queues = RecordingQueues(device, log, real)
    for step in runner._steps.values():
        record_step(step, log, queues, monkeypatch)
    steps = runner.planned(rows)
    assert len(steps) == STEPS
    pooled = torch.empty(len(rows), runner.dims.hidden_size)
    runner._pipeline(rows, steps, pooled)
    return log, runner, pooled


@pytest.fixture(scope="module")
def traced_commands():
    """The commands of the traced path, of steps of one shape, on a device that does nothing with them."""
    device = ttnn.open_device(device_id=0)
    patch = pytest.MonkeyPatch()
    with dispatch_only():
        rows = texts([32] * 8 * STEPS)
        log, runner, _ = recorded(device, patch, False, rows, Buckets((32,), (8,)))
        patch.undo()
        runner.close()
    ttnn.close_device(device)
    return log.commands


def test_nothing_races(traced_commands):
    assert hazards(traced_commands) == []
    kinds = [command.kind for command in traced_commands if command.step == 2]
    assert kinds.count("execute") == kinds.count("take") == kinds.count("read") == 1
    assert kinds.count("write") == 2 and kinds.count("copy") == 3 and kinds.count("wait") == 3


def test_writes_overlap_compute(traced_commands):
    """The next step's inputs are written before the host has waited for this one's result."""
    at = {(c.kind, c.step): i for i, c in enumerate(traced_commands)}
    for step in MIDDLE:
        assert at["execute", step] < at["write", step + 1] < at["finish", step]
        assert at["execute", step + 1] < at["read", step]


def test_every_command_is_needed(traced_commands):
    """Without any one of a middle step's commands something goes wrong."""
    for index, command in enumerate(traced_commands):
        if command.step in MIDDLE and command.kind != "take":
            without = traced_commands[:index] + traced_commands[index + 1 :]
            assert hazards(without), f"{command.kind} of step {command.step} can be left out"


def test_every_swap_on_a_queue_is_seen(traced_commands):
    """Neighbours on one queue can't change places, but for those of one kind, which do the same to other tensors."""
    swaps = 0
    for index, command in enumerate(traced_commands):
        behind = [i for i in range(index + 1, len(traced_commands)) if traced_commands[i].queue == command.queue]
        if not behind or command.step not in MIDDLE or command.queue == "host":
            continue
        other = traced_commands[behind[0]]
        if _independent(command, other):
            continue
        swapped = list(traced_commands)
        # Both where the later one was, so that the earlier one moves past it and nothing else moves.
        swapped[index : behind[0] + 1] = [*traced_commands[index + 1 : behind[0] + 1], command]
        assert hazards(swapped), f"{command.kind} and {other.kind} of steps {command.step}, {other.step} can be swapped"
        swaps += 1
    assert swaps >= 8


def _independent(command, other) -> bool:
    """Whether the order of two neighbours on a queue does not matter."""
    if {command.kind, other.kind} <= {"wait", "record"}:
        return True  # neither touches a tensor
    if command.kind == other.kind:
        return not set(command.writes) & set(other.writes)
    # An event that is recorded later, or waited for earlier, only costs time.
    return command.kind == "record" or other.kind == "wait"


@DEVICE_PARAMS
def test_real_events_and_copies(device, monkeypatch):
    """Under slow dispatch on the mock: shapes in turn, events and copies as the real library takes them."""
    rows = texts([32] * 40 + [20] * 10 + [30] * 31)
    log, runner, pooled = recorded(device, monkeypatch, True, rows)
    assert runner._queues.io == 1
    assert len({step.shape for step in runner.planned(rows)}) == 2
    assert hazards(log.commands) == []
    monkeypatch.undo()
    for step in runner._steps.values():
        step.forget()  # of the recording queues' events
    alone = torch.cat([runner.run([row]) for row in (rows[0], rows[45], rows[80])])
    runner.close()
    assert torch.equal(pooled[[0, 45, 80]], alone)


@DEVICE_PARAMS
def test_a_shape_made_while_a_step_runs(device, monkeypatch):
    """Without traces a shape is made when a text first needs it, where tensors of the step before it may have lain."""
    log = CommandLog()
    record_forwards(log, monkeypatch)
    runner = small_runner(device, length=64, buckets=Buckets((32, 64), (8,)), queues=RecordingQueues(device, log, True))
    rows = texts([60, 20])
    assert [step.sequence for step in runner.planned(rows)] == [64, 32]
    runner.run(rows)
    used = [place for command in log.commands if command.kind == "execute" for place in command.places]
    writes = [place for command in log.commands if command.kind == "write" for place in command.places]
    assert any(a.start < b.end and b.start < a.end for a in used for b in writes if a.name != b.name)
    runner.close()
    assert hazards(log.commands) == []


def test_one_queue_needs_no_events(device, capfd):
    """By default, as a device is opened by default: no event is sent."""
    runner = small_runner(device, length=32, buckets=Buckets((32,), (8,)))
    assert runner._queues.io == 0 and runner._queues.record(0) is None
    assert torch.isfinite(runner.run(texts([5, 9]))).all()
    runner.close()
    said = capfd.readouterr()
    assert "critical" not in said.out + said.err
