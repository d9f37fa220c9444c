# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The worker's start against doubles of the device and of the model; the real ones run in test_server.py."""

import inspect
import re
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from vllm.v1.executor import Executor  # noqa: E402

from models.demos.wormhole.bge_large_en.runner import target  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import start  # noqa: E402
from models.demos.wormhole.bge_large_en.tt.dims import BertDims  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.shapes import trace_region_size  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.options import STEP_ROWS_KEY, PoolingOptions  # noqa: E402


def test_start_opens_loads_and_warms_up(worker, double, log):
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


def test_a_stop_between_two_shapes_closes_the_device(worker, double, log):
    worker.init_device()
    worker.load_model()
    worker.early_stop.asked = True
    with pytest.raises(SystemExit) as stopped:
        worker.compile_or_warm_up_model()
    assert stopped.value.code == 0
    assert [entry[0] for entry in log][-2:] == ["model.close", "close_mesh_device"]


@pytest.mark.parametrize("emulated, threads", [(False, [1]), (True, [])])
def test_a_card_leaves_the_cores_to_the_api_server(worker, double, monkeypatch, emulated, threads):
    if emulated:
        monkeypatch.setenv("TT_METAL_MOCK_CLUSTER_DESC_PATH", "n150.yaml")
    worker.init_device()
    assert double.threads == threads


@pytest.mark.parametrize("chips, cards, asks", [(1, 1, False), (6, 3, True), (8, 4, True), (32, 32, False)])
def test_n300_cards_dispatch_from_their_ethernet_cores(worker, double, log, chips, cards, asks):
    """Three of them too, which ttnn has no name for and would give 8x7 cores."""
    vars(sys.modules["fake_device_log"]).update(chips=chips, cards=cards)
    worker.init_device()
    (opened,) = [entry[1] for entry in log if entry[0] == "open_mesh_device"]
    assert opened.get("dispatch_core_config") == ("dispatch from ETH cores" if asks else None)


@pytest.mark.parametrize("mesh, shape", [("N150", (1, 1)), ("N300", (1, 2)), ("(2,1)", (2, 1))])
def test_mesh_device_chooses_the_mesh(worker, double, log, monkeypatch, mesh, shape):
    monkeypatch.setenv("MESH_DEVICE", mesh)
    worker.init_device()
    assert log[-1][1]["mesh_shape"] == shape


def test_more_chips_than_there_are_open_nothing(worker, double, log, monkeypatch):
    monkeypatch.setenv("MESH_DEVICE", "T3K")
    with pytest.raises(ValueError, match="'T3K', a mesh of 1x8 chips; allowed: up to the 2"):
        worker.init_device()
    assert "open_mesh_device" not in [entry[0] for entry in log]


def test_without_traces_there_is_no_trace_region(worker, double, log):
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
    assert trace_region_size(PoolingOptions(), worker.model_config) == 2 * reckoned


def test_warm_up_can_be_turned_off(worker, double, log):
    worker.vllm_config.additional_config["tt"]["enable_model_warmup"] = False
    start(worker)
    assert ("model.warm_up",) not in log


def test_assigned_cards_are_bound_before_ttnn_looks_for_any(worker, double, log, monkeypatch):
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "0")
    worker.parallel_config.assigned_physical_gpu_ids = [2, 3]
    worker.init_device()
    assert log[0] == ("import ttnn", "2,3")


def test_without_a_card_nothing_is_imported_or_opened(worker, double, log, tmp_path):
    (tmp_path / "nodes" / "0").unlink()
    with pytest.raises(target.NoCard, match="no Tenstorrent card"):
        worker.init_device()
    assert log == []


@pytest.mark.parametrize(
    "architectures, asked",
    [(["BertModel"], ["TTBertModel"]), (["BGEForEmbedding"], ["BGEForEmbedding"]), (["TTBertModel"], ["TTBertModel"])],
)
def test_the_models_class_is_the_registrys(worker, double, architectures, asked):
    worker.model_config.architectures = architectures
    start(worker)
    assert double.asked == asked


def test_what_vllm_asks_of_a_worker_without_a_cache(worker):
    assert worker.get_supported_tasks() == ("embed",)
    assert worker.get_kv_cache_spec() == {} and worker.determine_available_memory() == 0
    assert worker.get_supported_kv_cache_layouts()
    worker.initialize_from_config(None)
    worker.execute_dummy_batch()
    worker.reset_encoder_cache()


# Of generation, and of what the platform or vLLM's own checks of its configuration refuse.
NEVER_ASKED = set(
    "sample_tokens take_draft_token_ids add_lora remove_lora pin_lora list_loras sleep wake_up discard profile "
    "save_sharded_state get_kv_connector_handshake_metadata get_simple_cpu_offload_num_cpu_blocks".split()
)


def test_a_worker_has_every_method_that_an_executor_calls():
    """A missing one ends the engine when it is called while the engine is idle, as the reset of caches after a pause."""
    called = set(re.findall(r'collective_rpc\(.*?"(\w+)"', inspect.getsource(Executor), re.DOTALL))
    assert {"execute_model", "reset_mm_cache"} < called
    missing = [name for name in sorted(called - NEVER_ASKED) if not callable(getattr(TTPoolingWorker, name, None))]
    assert not missing
