# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Whether to trace, into how large a region, and what is captured when; with doubles, as no trace runs on a mock."""

from types import SimpleNamespace

import pytest
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner import runner as runner_module
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, default_buckets, fewer_shapes
from models.demos.wormhole.bge_large_en.runner.tracing import can_trace, shapes_held, trace_bytes, trace_region
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner, texts
from models.demos.wormhole.bge_large_en.tt.dims import BertDims

LARGE = model_dims("large")
REGION = 23_887_872  # bytes that tt-metal's perf test of BGE reserves
GRID = (8, 8)
BUCKETS = Buckets((32, 64), (1, 8), packed=(64,))


@pytest.fixture
def region(monkeypatch):
    """Function that sets the bytes of the trace region that every device seems to have."""

    def set_region(size: int, banks: int = 12):
        view = SimpleNamespace(total_bytes_per_bank=size // banks, num_banks=banks)
        monkeypatch.setattr(ttnn, "get_memory_view", lambda device, kind: view)

    return set_region


@pytest.mark.parametrize(
    "environment, size, traced, why",
    [
        ({"TT_METAL_SIMULATOR": "libttsim_wh.so"}, REGION, True, str(REGION)),
        ({"TT_METAL_SIMULATOR": "libttsim_wh.so", "TT_METAL_SLOW_DISPATCH_MODE": "1"}, REGION, False, "SLOW_DISPATCH"),
        ({}, REGION, True, str(REGION)),
        ({}, 0, False, "trace_region_size"),
        ({"TT_METAL_SLOW_DISPATCH_MODE": "1"}, REGION, False, "SLOW_DISPATCH"),
        ({"TT_METAL_MOCK_CLUSTER_DESC_PATH": "n150.yaml"}, REGION, False, "mock"),
    ],
)
def test_where_traces_work(monkeypatch, region, environment, size, traced, why):
    """Simulator, silicon and mock, under fast and slow dispatch, as the environment tells them apart."""
    for name in ("TT_METAL_SIMULATOR", "TT_METAL_SLOW_DISPATCH_MODE", "TT_METAL_MOCK_CLUSTER_DESC_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    region(size)
    found, reason = can_trace(None)
    assert found == traced and why in reason


def test_region_of_a_device(device, region):
    assert trace_region(device) == 0
    region(12 * 4096)
    assert trace_region(device) == 12 * 4096


def test_region_that_is_too_small_says_what_to_set():
    wanted = default_buckets(384, 8)
    needed = trace_bytes(LARGE, wanted.shapes, GRID)
    assert shapes_held(needed, LARGE, wanted, GRID, all_of_them=True) == wanted
    with pytest.raises(ValueError, match=f"is {needed - 1} bytes; 19 shapes .* trace_region_size={needed}"):
        shapes_held(needed - 1, LARGE, wanted, GRID, all_of_them=True)
    one = trace_bytes(LARGE, [(8, 384, False)], GRID)
    assert len(shapes_held(one, LARGE, wanted, GRID, all_of_them=False).shapes) == 1
    with pytest.raises(ValueError, match=f"is {one - 1} bytes; 1 shapes .* trace_region_size={needed}"):
        shapes_held(one - 1, LARGE, wanted, GRID, all_of_them=False)


@pytest.mark.parametrize(
    "model, shape, measured",
    [
        ("large", (8, 32, False), 1_376_256),
        ("large", (8, 64, True), 1_474_560),
        ("large", (2, 32, False), 589_824),
        ("large", (1, 32, False), 393_216),
        ("minilm", (4, 32, False), 196_608),
        ("minilm", (1, 32, False), 147_456),
    ],
)
def test_reckoned_beside_what_the_simulator_took(model, shape, measured):
    """Not less, or a capture fails; and not much more, or shapes are given up in vain."""
    assert measured <= trace_bytes(model_dims(model), [shape], GRID) <= 1.26 * measured


@pytest.mark.parametrize("region, shapes", [(6_434_816, 4), (REGION, 14), (34_541_598, 19)])
def test_regions_of_those_who_serve_bge_already(region, shapes):
    """tt-metal's BGE demo and tt-media-server open their devices with these: neither may be refused."""
    assert len(shapes_held(region, LARGE, default_buckets(384, 8), GRID, all_of_them=False).shapes) == shapes


class Tracer:
    """Stands for ttnn's trace calls on a device of its own mind: logs them, and what is allocated meanwhile."""

    def __init__(self, monkeypatch, fail_at: int | None = None):
        self.calls, self.fail_at, self.open = [], fail_at, None
        allocate = ttnn.allocate_tensor_on_device
        monkeypatch.setattr(ttnn, "begin_trace_capture", self.begin)
        monkeypatch.setattr(ttnn, "end_trace_capture", self.end)
        monkeypatch.setattr(ttnn, "execute_trace", lambda device, trace, **_: self.calls.append(("execute", trace)))
        monkeypatch.setattr(ttnn, "release_trace", lambda device, trace: self.calls.append(("release", trace)))
        monkeypatch.setattr(
            ttnn, "allocate_tensor_on_device", lambda *args: (self.calls.append(("allocate",)), allocate(*args))[1]
        )
        monkeypatch.setattr(runner_module, "can_trace", lambda device: (True, "a double"))
        monkeypatch.setattr(runner_module, "trace_region", lambda device: 1 << 40)

    def begin(self, device, cq_id):
        self.open = len([call for call in self.calls if call[0] == "begin"])
        self.calls.append(("begin", self.open))
        return self.open

    def end(self, device, trace, cq_id):
        self.calls.append(("end", trace))

    def kinds(self) -> list[str]:
        return [call[0] for call in self.calls]


def test_all_shapes_are_captured_before_the_first_step_and_then_only_replayed(device, monkeypatch):
    tracer = Tracer(monkeypatch)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    assert tracer.calls == []
    runner.run(texts([5]))
    kinds = tracer.kinds()
    assert kinds.count("begin") == kinds.count("end") == len(BUCKETS.shapes)
    last_allocation = max(i for i, kind in enumerate(kinds) if kind == "allocate")
    assert last_allocation < kinds.index("begin"), "a tensor that stays was allocated while a trace existed"
    assert kinds[-1] == "execute" and kinds.count("execute") == 1
    programs, tracer.calls[:] = device.num_program_cache_entries(), []
    runner.warm_up()
    runner.run(texts([5, 64, 31, 20] * 9))
    assert set(tracer.kinds()) == {"execute"} and device.num_program_cache_entries() == programs
    tracer.calls[:] = []
    runner.close()
    runner.close()
    assert sorted(tracer.calls) == [("release", trace) for trace in range(len(BUCKETS.shapes))]


def test_a_capture_that_fails_is_ended_and_all_are_released(device, monkeypatch):
    tracer = Tracer(monkeypatch)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    pooled = runner._model.__class__.__call__

    def failing(model, *args):
        if tracer.calls[-1] == ("begin", 2):
            raise RuntimeError("the region is full")
        return pooled(model, *args)

    monkeypatch.setattr(runner._model.__class__, "__call__", failing)
    with pytest.raises(RuntimeError, match="the region is full"):
        runner.warm_up()
    assert [call for call in tracer.calls if call[0] in ("end", "release")] == [
        *[("end", trace) for trace in range(3)],
        *[("release", trace) for trace in range(3)],
    ]
    runner.close()


@pytest.mark.parametrize("held, shapes", [(True, 19), (False, 3), (False, 1)])
def test_default_shapes_shrink_to_the_region_and_chosen_ones_are_refused(device, monkeypatch, held, shapes):
    Tracer(monkeypatch)
    config = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256, num_hidden_layers=1, vocab_size=500)
    chosen, dims = default_buckets(384, 8), BertDims(128, 4, 256, 1, 500, 384, 2, 1e-12)
    needed = trace_bytes(dims, chosen.shapes, GRID)
    region = needed if held else trace_bytes(dims, fewer_shapes(chosen, shapes).shapes, GRID)
    monkeypatch.setattr(runner_module, "trace_region", lambda device: region)
    runner = small_runner(device, config={**config, "max_position_embeddings": 384}, length=384)
    assert len(runner.plans) == shapes and runner.buckets.sequences[-1] == 384
    runner.close()
    if not held:
        with pytest.raises(ValueError, match=f"19 shapes need about .*trace_region_size={needed}"):
            small_runner(device, config={**config, "max_position_embeddings": 384}, length=384, buckets=chosen)


def test_replay_reads_the_result_that_the_trace_left(device, monkeypatch):
    """execute() of the double runs the forward: rows are the same as without traces."""
    plain = small_runner(device, length=64, buckets=BUCKETS)
    rows = texts([5, 64, 31, 20, 33])
    right = plain.run(rows)
    plain.close()
    Tracer(monkeypatch)
    runner = small_runner(device, length=64, buckets=BUCKETS)
    runner.warm_up()
    steps = {step._trace: step for step in runner._steps.values()}
    monkeypatch.setattr(ttnn, "execute_trace", lambda device, trace, **_: steps[trace]._forward())
    assert torch.equal(runner.run(rows), right)
    runner.close()
