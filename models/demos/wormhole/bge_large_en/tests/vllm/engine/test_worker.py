# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The worker's start and end against doubles of the device and of the model; the real ones run in test_server.py."""

import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from unittest.mock import MagicMock, call

import pytest
import torch

pytest.importorskip("vllm")

from vllm import ModelRegistry  # noqa: E402
from vllm.v1.executor import Executor  # noqa: E402

from models.demos.wormhole.bge_large_en.runner import target  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import (  # noqa: E402
    HIDDEN,
    ModelDouble,
    idle_worker,
)
from models.demos.wormhole.bge_large_en.tt.dims import BertDims  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.options import STEP_ROWS_KEY, PoolingOptions  # noqa: E402

FAKE_TTNN = """
from fake_device_log import cards, chips, log
import os
log.append(("import ttnn", os.environ.get("TT_VISIBLE_DEVICES")))
class Mesh:
    def __init__(self, shape):
        self.shape = shape
    def get_num_devices(self):
        return self.shape[0] * self.shape[1]
    def __repr__(self):
        return "the mesh"
def get_num_devices():
    return chips
def GetNumPCIeDevices():
    return cards
class DispatchCoreType:
    ETH = "ETH"
def DispatchCoreConfig(kind):
    return f"dispatch from {kind} cores"
def MeshShape(rows, columns):
    return rows, columns
def open_mesh_device(**arguments):
    log.append(("open_mesh_device", arguments))
    return Mesh(arguments["mesh_shape"])
def close_mesh_device(device):
    log.append(("close_mesh_device", str(device)))
"""


@pytest.fixture
def log() -> list:
    return []


@pytest.fixture
def device(monkeypatch, tmp_path, log) -> SimpleNamespace:
    """Stands in for ttnn (imported anew), a card's node and the model; all but the node write to `log`."""
    state = SimpleNamespace(fails_in=None)

    def initialize_vllm_model(**arguments):
        return ModelDouble(log, fails_in=state.fails_in, **arguments)

    def resolve(architectures, model_config):
        state.asked = architectures
        return SimpleNamespace(initialize_vllm_model=initialize_vllm_model), architectures[0]

    monkeypatch.setattr(ModelRegistry, "resolve_model_cls", resolve)
    for name in ("MESH_DEVICE", "TT_VISIBLE_DEVICES", "TT_METAL_MOCK_CLUSTER_DESC_PATH", "EMULATED_WORMHOLE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "0").touch()
    monkeypatch.setattr(target, "NODES", tmp_path / "nodes")
    state.threads = []  # this process keeps its own
    monkeypatch.setattr(torch, "set_num_threads", state.threads.append)
    (tmp_path / "ttnn.py").write_text(FAKE_TTNN)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, attributes in {
        "fake_device_log": {"log": log, "chips": 2, "cards": 2},
        "ttnn": {},
    }.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    del sys.modules["ttnn"]  # after setitem, so that the fixture's end restores what was there
    return state


@pytest.fixture
def worker() -> Iterator[TTPoolingWorker]:
    config = MagicMock()
    config.additional_config = {"tt": {"max_device_batch": 4, "trace_region_size": 1000, "optimizations": "accuracy"}}
    config.model_config.max_model_len = 128
    config.model_config.architectures = ["BertModel"]
    config.parallel_config.assigned_physical_gpu_ids = None
    with idle_worker(config) as worker:
        yield worker


def start(worker) -> None:
    worker.init_device()
    worker.load_model()
    worker.compile_or_warm_up_model()


def test_start_opens_loads_and_warms_up(worker, device, log):
    start(worker)
    names = [entry[0] for entry in log]
    assert names == ["import ttnn", "open_mesh_device", "model.initialize", "model.warm_up", "model.embed"]
    assert log[1][1] == {"mesh_shape": (1, 2), "l1_small_size": 0, "trace_region_size": 1000, "num_command_queues": 2}
    assert log[2][1] == {
        "hf_config": worker.model_config.hf_config,
        "mesh_device": worker.mesh_device,
        "max_batch_size": 8,  # four on each of two chips
        "max_seq_len": 128,
        "tt_data_parallel": 2,
        "optimizations": "accuracy",
        "buckets": None,
        "vllm_config": worker.vllm_config,
        "observer": worker._observe,
        "num_command_queues": 2,
    }
    assert worker.vllm_config.additional_config[STEP_ROWS_KEY] == 7  # what the model says, and not what it was asked


def test_a_stop_between_two_shapes_closes_the_device(worker, device, log):
    worker.init_device()
    worker.load_model()
    worker.early_stop.asked = True
    with pytest.raises(SystemExit) as stopped:
        worker.compile_or_warm_up_model()
    assert stopped.value.code == 0
    assert [entry[0] for entry in log][-2:] == ["model.close", "close_mesh_device"]


@pytest.mark.parametrize("emulated, threads", [(False, [1]), (True, [])])
def test_a_card_leaves_the_cores_to_the_api_server(worker, device, monkeypatch, emulated, threads):
    if emulated:
        monkeypatch.setenv("TT_METAL_MOCK_CLUSTER_DESC_PATH", "n150.yaml")
    worker.init_device()
    assert device.threads == threads


@pytest.mark.parametrize("chips, cards, asks", [(1, 1, False), (6, 3, True), (8, 4, True), (32, 32, False)])
def test_n300_cards_dispatch_from_their_ethernet_cores(worker, device, log, chips, cards, asks):
    """Three of them too, which ttnn has no name for and would give 8x7 cores."""
    vars(sys.modules["fake_device_log"]).update(chips=chips, cards=cards)
    worker.init_device()
    (opened,) = [entry[1] for entry in log if entry[0] == "open_mesh_device"]
    assert opened.get("dispatch_core_config") == ("dispatch from ETH cores" if asks else None)


@pytest.mark.parametrize("mesh, shape", [("N150", (1, 1)), ("N300", (1, 2)), ("(2,1)", (2, 1))])
def test_mesh_device_chooses_the_mesh(worker, device, log, monkeypatch, mesh, shape):
    monkeypatch.setenv("MESH_DEVICE", mesh)
    worker.init_device()
    assert log[-1][1]["mesh_shape"] == shape


def test_more_chips_than_there_are_open_nothing(worker, device, log, monkeypatch):
    monkeypatch.setenv("MESH_DEVICE", "T3K")
    with pytest.raises(ValueError, match="'T3K', a mesh of 1x8 chips; allowed: up to the 2"):
        worker.init_device()
    assert "open_mesh_device" not in [entry[0] for entry in log]


def test_without_traces_there_is_no_trace_region(worker, device, log):
    worker.vllm_config.additional_config["tt"]["trace_mode"] = "none"
    worker.init_device()
    assert log[-1][1]["trace_region_size"] == 0


# Tokens of a text, bytes of the trace of 4 of them and of 1 on 8x9 cores.
SPREAD_BYTES = [
    (64, 1_769_472, 737_280),
    (128, 1_916_928, 1_081_344),
    (256, 1_916_928, 1_769_472),
    (384, 1_916_928, 1_916_928),
    (512, 1_916_928, 1_916_928),
]


@pytest.mark.parametrize("length, packed", [(32, 0), (256, 3), (512, 4)])
def test_default_trace_region_fits_every_shape(worker, length, packed):
    """Twice what is reckoned for BGE-large on 8x9 cores: batches 9, 4 and 1 of each length, and packed rows of 128, 192,
    256 and 384 tokens. From 64 tokens on the smaller two are spread: two programs more a layer, on more rows of cores.
    """
    dims = BertDims(1024, 16, 4096, 24, 30522, 512, 2, 1e-12)
    worker.model_config.hf_config = SimpleNamespace(
        model_type="bert", hidden_act="gelu", position_embedding_type="absolute", is_decoder=False, **vars(dims)
    )
    worker.model_config.max_model_len = length
    reckoned = 1_671_168 + 933_888 + 491_520 + packed * 1_671_168
    reckoned += sum(1_671_168 + of_4 + of_1 for at, of_4, of_1 in SPREAD_BYTES if at <= length)
    assert worker._trace_region_size(PoolingOptions()) == 2 * reckoned


def test_warm_up_can_be_turned_off(worker, device, log):
    worker.vllm_config.additional_config["tt"]["enable_model_warmup"] = False
    start(worker)
    assert ("model.warm_up",) not in log


def test_assigned_cards_are_bound_before_ttnn_looks_for_any(worker, device, log, monkeypatch):
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "0")
    worker.parallel_config.assigned_physical_gpu_ids = [2, 3]
    worker.init_device()
    assert log[0] == ("import ttnn", "2,3")


def test_without_a_card_nothing_is_imported_or_opened(worker, device, log, tmp_path):
    (tmp_path / "nodes" / "0").unlink()
    with pytest.raises(target.NoCard, match="no Tenstorrent card"):
        worker.init_device()
    assert log == []


@pytest.mark.parametrize(
    "architectures, asked",
    [(["BertModel"], ["TTBertModel"]), (["BGEForEmbedding"], ["BGEForEmbedding"]), (["TTBertModel"], ["TTBertModel"])],
)
def test_the_models_class_is_the_registrys(worker, device, architectures, asked):
    worker.model_config.architectures = architectures
    start(worker)
    assert device.asked == asked


def test_shutdown_closes_the_model_then_the_device_once(worker, device, log):
    start(worker)
    worker.check_health()
    del log[:]
    worker.shutdown()
    worker.shutdown()
    assert log == [("model.close",), ("close_mesh_device", "the mesh")]
    with pytest.raises(RuntimeError, match="no model"):
        worker.check_health()


def test_shutdown_before_anything_was_opened(worker):
    worker.shutdown()


def test_a_process_that_ends_without_a_shutdown_closes_the_device(worker, device, log):
    """As the fork's engines do: multiprocessing calls what is registered when the target of a process is left."""
    start(worker)
    at_exit = worker._at_exit
    assert at_exit.still_active()
    at_exit()
    assert log[-2:] == [("model.close",), ("close_mesh_device", "the mesh")] and not at_exit.still_active()


def test_after_a_shutdown_nothing_is_left_to_do_at_exit(worker, device):
    start(worker)
    at_exit = worker._at_exit
    worker.shutdown()
    assert not at_exit.still_active()


def test_device_is_closed_although_the_model_fails_to(worker, device, log):
    device.fails_in = "close"
    start(worker)
    with pytest.raises(MemoryError):
        worker.shutdown()
    assert log[-1] == ("close_mesh_device", "the mesh")


@pytest.mark.parametrize("stage", ["initialize", "warm_up"])
def test_a_failed_start_closes_the_device(worker, device, log, stage):
    device.fails_in = stage
    with pytest.raises(MemoryError, match=stage):
        start(worker)
    assert log[-1] == ("close_mesh_device", "the mesh")


def test_warm_up_is_timed_or_counted_as_failed(worker, device):
    worker.init_device()
    worker.load_model()
    worker.metrics = MagicMock()
    seconds = worker.compile_or_warm_up_model().language_model
    assert seconds > 0 and worker.metrics.warm_up.call_args_list == [call(seconds)]
    worker.model.fails_in = "warm_up"
    with pytest.raises(MemoryError):
        worker.compile_or_warm_up_model()
    assert worker.metrics.failure.call_args_list == [call("warm_up")]


def test_a_device_without_numbers_does_not_start(worker, device, log):
    worker.init_device()
    worker.load_model()
    worker.model.rows = torch.full((1, HIDDEN), float("nan"))
    with pytest.raises(RuntimeError, match="the device fails: the model returned NaN, Inf or all-zero embeddings"):
        worker.compile_or_warm_up_model()
    assert log[-1] == ("close_mesh_device", "the mesh")


def test_what_vllm_asks_of_a_worker_without_a_cache(worker):
    assert worker.get_supported_tasks() == ("embed",)
    assert worker.get_kv_cache_spec() == {} and worker.determine_available_memory() == 0
    assert worker.get_supported_kv_cache_layouts()
    worker.initialize_from_config(None)
    worker.execute_dummy_batch()
    worker.reset_encoder_cache()


# Of generation, and of what the platform or vLLM's own checks of its configuration refuse.
NEVER_ASKED = set(
    "sample_tokens take_draft_token_ids add_lora remove_lora pin_lora list_loras sleep wake_up profile "
    "save_sharded_state get_kv_connector_handshake_metadata".split()
)


def test_a_worker_has_every_method_that_an_executor_calls():
    """A missing one ends the engine when it is called while the engine is idle, as the reset of caches after a pause."""
    called = set(re.findall(r'collective_rpc\(.*?"(\w+)"', inspect.getsource(Executor), re.DOTALL))
    assert {"execute_model", "reset_mm_cache"} < called
    missing = [name for name in sorted(called - NEVER_ASKED) if not callable(getattr(TTPoolingWorker, name, None))]
    assert not missing
