# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Load, warm, serve, fail, close: no step leaks, nothing stale is returned, and what is broken says so."""

import gc
import threading

import pytest
import torch
from loguru import logger

import ttnn
from models.demos.wormhole.bge_large_en.runner import runner as runner_module
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.runner import DeviceLost
from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep
from models.demos.wormhole.bge_large_en.runner.tracing import can_trace
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts

BUCKETS = Buckets((32, 64), (1, 8), packed=(64,))
LENGTHS = [5, 40, 64, 31, 33, 12, 20, 7, 50, 60, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]


@pytest.fixture
def runner(device, device_params):
    queues = device_params.get("num_command_queues", 1)
    runner = small_runner(device, length=64, buckets=BUCKETS, num_command_queues=queues)
    yield runner
    runner.close()


@pytest.fixture
def logged():
    """Messages logged meanwhile."""
    messages: list[str] = []
    sink = logger.add(lambda message: messages.append(message.record["message"]))
    yield messages
    logger.remove(sink)


def allocated(device) -> dict[str, int]:
    """Bytes per bank in use, by kind of memory."""
    gc.collect()  # a model's weights may be in reference cycles
    kinds = (ttnn.BufferType.DRAM, ttnn.BufferType.L1)
    return {kind.name: ttnn.get_memory_view(device, kind).total_bytes_allocated_per_bank for kind in kinds}


def left_allocated(device) -> dict[str, int]:
    """Bytes per bank in use without cached programs, whose kernels a card keeps in DRAM."""
    device.clear_program_cache()
    return allocated(device)


def addresses(runner) -> list[int]:
    """Of every tensor that a step keeps, on the device, and of its memory on the host."""
    found = []
    for step in runner._steps.values():
        kept = [*step._staging.values(), *step._input.values(), *step._results, step._output]
        found += [tensor.buffer_address() for tensor in kept]
        found += [view.data_ptr() for host in (*step.inputs.host.values(), *step._host_results) for view in host.views]
    return found


def test_warm_steps_allocate_nothing(device, runner):
    """No program, no byte and no other buffer: whatever lengths come, once all shapes are warm."""
    runner.warm_up()
    before = device.num_program_cache_entries(), allocated(device), addresses(runner)
    for seed, count in enumerate((1, 3, 8, 21)):
        runner.run(texts(LENGTHS[:count], seed))
        assert (device.num_program_cache_entries(), allocated(device), addresses(runner)) == before
    assert before[0] > 0 and before[1]["L1"] > 0


def test_a_warm_step_keeps_no_buffer(device, runner):
    """What a forward allocates on the untraced path it frees: as many buffers of each size as before."""
    runner.warm_up()
    rows = texts(LENGTHS)
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    runner.run(rows)
    graph = ttnn.graph.end_graph_capture()
    kinds = [node["node_type"] for node in graph]
    assert kinds.count("buffer_allocate") == kinds.count("buffer_deallocate") > 0


def test_close_frees_everything_and_is_idempotent(device):
    before = left_allocated(device)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.run(texts(LENGTHS))
    assert left_allocated(device) != before
    runner.close()
    runner.close()
    assert left_allocated(device) == before
    for call in (lambda: runner.run(texts([5])), runner.warm_up):
        with pytest.raises(RuntimeError, match="closed"):
            call()


FAILING = pytest.mark.parametrize("method", ["write", "copy", "read", "record", "wait", "finish"])


def fail_once(monkeypatch, runner, method: str, call: int = 5, error: type[BaseException] = RuntimeError) -> None:
    """Let the call-th call of a method of the runner's queues raise."""
    original, calls = getattr(runner._queues, method), []

    def failing(*args):
        calls.append(method)
        if len(calls) == call:
            raise error("the device said no")
        return original(*args)

    monkeypatch.setattr(runner._queues, method, failing)


@FAILING
@pytest.mark.parametrize("device_params", [{"num_command_queues": 2}], indirect=True)
def test_a_failed_step_leaves_the_runner_usable(device, runner, monkeypatch, method):
    """Whichever command fails, in the middle of several steps in flight: it raises, and the next call is right."""
    rows = texts(LENGTHS * 2)
    right = runner.run(rows)
    others = runner.run(texts(LENGTHS, seed=9))
    fail_once(monkeypatch, runner, method, call=2 if method in ("read", "finish") else 5)
    with pytest.raises(RuntimeError, match="said no"):
        runner.run(rows)
    assert torch.equal(runner.run(texts(LENGTHS, seed=9)), others)
    assert torch.equal(runner.run(rows), right)


def test_an_interrupted_step_leaves_the_runner_usable(runner, monkeypatch):
    rows = texts(LENGTHS * 2)
    right = runner.run(rows)
    fail_once(monkeypatch, runner, "finish", call=1, error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        runner.run(rows)
    assert torch.equal(runner.run(rows), right)


def test_close_after_an_error_in_the_middle_of_a_step(device, monkeypatch):
    before = left_allocated(device)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.warm_up()
    fail_once(monkeypatch, runner, "copy")
    with pytest.raises(RuntimeError, match="said no"):
        runner.run(texts(LENGTHS))
    runner.close()
    assert left_allocated(device) == before


def test_a_device_that_does_not_settle_is_lost(device, monkeypatch, logged):
    runner = small_runner(device, length=64, buckets=BUCKETS)
    rows = texts(LENGTHS)
    runner.run(rows)
    fail_once(monkeypatch, runner, "copy")
    fail_once(monkeypatch, runner, "drain", call=1)
    with pytest.raises(DeviceLost, match="said no; then the device said no"):
        runner.run(rows)
    with pytest.raises(DeviceLost, match="lost earlier"):
        runner.run(rows)
    shapes = len(runner._steps)
    monkeypatch.setattr(ShapeStep, "close", lambda self: (_ for _ in ()).throw(RuntimeError("can't free")))
    runner.close()
    runner.close()
    assert sum("can't free" in message for message in logged) == shapes > 0


def test_close_goes_on_past_what_fails(device, monkeypatch):
    """The other shapes are freed, the first error is raised, and a second close does nothing."""
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.warm_up()
    closed, close, first = [], ShapeStep.close, next(iter(runner._steps.values()))

    def failing(step):
        close(step)
        closed.append(step)
        if step is first:
            raise RuntimeError("can't free")

    monkeypatch.setattr(ShapeStep, "close", failing)
    with pytest.raises(RuntimeError, match="can't free"):
        runner.close()
    assert len(closed) == len(BUCKETS.shapes)
    runner.close()
    assert len(closed) == len(BUCKETS.shapes)


def test_a_failed_warm_up_frees_what_it_made(device, monkeypatch):
    runner = small_runner(device, length=64, buckets=BUCKETS)
    before, made = left_allocated(device), []
    compile_ = ShapeStep.compile

    def failing(step):
        made.append(step)
        if len(made) == 3:
            raise RuntimeError("out of memory")
        compile_(step)

    monkeypatch.setattr(ShapeStep, "compile", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        runner.warm_up()
    assert left_allocated(device) == before
    monkeypatch.undo()
    assert torch.isfinite(runner.run(texts(LENGTHS))).all()
    runner.close()


def test_a_read_that_does_not_happen_is_not_taken_for_the_last_one(runner, monkeypatch):
    rows = texts(LENGTHS[:8])
    runner.run(rows)
    monkeypatch.setattr(runner._queues, "read", lambda *_: None)
    with pytest.raises(RuntimeError, match=r"NaN or Inf for rows \[0, 1, 2, 3, 4, 5, 6, 7\] of 8"):
        runner.run(rows)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rows_that_are_not_numbers_are_named(runner, monkeypatch, value):
    rows = texts(LENGTHS)
    runner.run(rows)
    collect = ShapeStep.collect

    def spoilt(step, pending):
        pooled = collect(step, pending)
        pooled[0, 3] = value
        return pooled

    monkeypatch.setattr(ShapeStep, "collect", spoilt)
    firsts = sorted(step.places[0].text for step in runner.planned(rows))
    with pytest.raises(RuntimeError) as refused:
        runner.run(rows)
    assert f"NaN or Inf for rows {firsts} of {len(rows)}" in str(refused.value)
    monkeypatch.undo()
    assert torch.isfinite(runner.run(rows)).all()


def test_calls_from_threads_take_turns(runner):
    groups = [texts(LENGTHS[:count], seed=count) for count in (1, 5, 8, 21)]
    right, got = [runner.run(rows) for rows in groups], {}
    threads = [
        threading.Thread(target=lambda i=i, rows=rows: got.update({i: runner.run(rows)}))
        for i, rows in enumerate(groups)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(got[i], rows) for i, rows in enumerate(right))


def test_nothing_to_do(runner):
    assert runner.run([]).shape == (0, 128)


def test_one_log_line_at_load_and_one_at_warm_up(device, logged):
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.warm_up()
    runner.close()
    assert len(logged) == 2
    traced, why = can_trace(device)  # a card, and a mock, for reasons of their own
    assert not traced and f"encoder steps run directly on 1 command queue(s): {why}" in logged[0]
    assert "compiled 5 shapes in " in logged[1] and "8x64 packed, 8x64, 1x64, 8x32, 1x32" in logged[1]


def test_progress_bar_of_a_warm_up(device, monkeypatch):
    bars = []

    def bar(items, **options):
        bars.append((len(items), options))
        return items

    monkeypatch.setattr(runner_module, "tqdm", bar)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.warm_up()
    runner.close()
    assert bars == [(5, {"desc": "compile", "unit": "shape", "disable": None})]


def test_buckets_that_do_not_reach_are_refused(device):
    with pytest.raises(ValueError, match="buckets end at 32 tokens; max_seq_len is 64"):
        small_runner(device, length=64, buckets=Buckets((32,), (8,)))
    with pytest.raises(ValueError, match="packed rows"):
        small_runner(device, length=64, buckets=Buckets((64,), (10,), packed=(64,)))
