# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A worker, and doubles of the device and of the model that its start and its end are told to."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import pytest
import torch

from models.demos.wormhole.bge_large_en.runner import target

if TYPE_CHECKING:
    from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

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
def double(monkeypatch, tmp_path, log) -> SimpleNamespace:
    """Stands in for ttnn (imported anew), a card's node and the model; all but the node write to `log`."""
    from vllm import ModelRegistry

    from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import ModelDouble

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
def worker() -> Iterator["TTPoolingWorker"]:
    from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import idle_worker

    config = MagicMock()
    config.additional_config = {"tt": {"max_device_batch": 4, "trace_region_size": 1000, "optimizations": "accuracy"}}
    config.model_config.max_model_len = 128
    config.model_config.architectures = ["BertModel"]
    config.parallel_config.assigned_physical_gpu_ids = None
    with idle_worker(config) as worker:
        yield worker
