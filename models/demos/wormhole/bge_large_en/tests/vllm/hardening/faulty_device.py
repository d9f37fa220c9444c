# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A device that fails: our worker, for --worker-cls, with faults put under the runner's device calls.

The faults are in the JSON file that FAULTS_FILE names, which is read at every device step, so that they can change while
a server runs: {"fault": name, …} with, for the faults of a step,

    after: steps that go well first (0), times: steps that fail (all that follow), token: only steps, or rows of them,
    with a text that holds this id
"""

import ctypes
import json
import os
import signal
import time
from pathlib import Path

import torch

from models.demos.wormhole.bge_large_en.vllm_plugin.engine import worker
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

FAULTS_FILE = "TT_TEST_FAULTS_FILE"
FOREVER_S = 3600
WORKER = f"{__name__}.FaultyWorker"


def faults() -> dict:
    """What is to fail now; {} for nothing."""
    path = os.environ.get(FAULTS_FILE)
    return json.loads(Path(path).read_text() or "{}") if path and Path(path).is_file() else {}


class FaultySteps:
    """Stands between the runner and its device steps. Wraps submit and collect of ShapeStep, in this process."""

    def __init__(self):
        from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep

        self.seen = self.failed = 0  # device steps
        self._spoilt: dict[int, tuple[list[int], float]] = {}  # by id of a pending step: rows and what they become
        self._submit, self._collect = ShapeStep.submit, ShapeStep.collect
        ShapeStep.submit = lambda step, rows, places: self.submit(step, rows, places)
        ShapeStep.collect = lambda step, pending: self.collect(step, pending)

    def submit(self, step, rows, places):
        fault = faults()
        token = fault.get("token")
        hit = [i for i, row in enumerate(rows) if token is None or token in row.ids.tolist()]
        name = fault.get("fault") if hit and self._due(fault) else None
        if name == "raise":
            raise RuntimeError("TT_FATAL: the device said no\nbacktrace:\n --- a frame")
        if name == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "hang":
            time.sleep(FOREVER_S)
        if name == "hang in C":  # with Python's lock held: no other thread runs
            ctypes.PyDLL(None).sleep(FOREVER_S)
        pending = self._submit(step, rows, places)
        if name in ("nan", "inf", "zero"):
            self._spoilt[id(pending)] = hit, float("nan" if name == "nan" else "inf" if name == "inf" else 0)
        if name == "slow":
            time.sleep(fault["seconds"])
        return pending

    def _due(self, fault: dict) -> bool:
        self.seen += 1
        due = self.seen > fault.get("after", 0) and self.failed < fault.get("times", FOREVER_S)
        self.failed += due
        return due

    def collect(self, step, pending) -> torch.Tensor:
        rows = self._collect(step, pending)
        hit, value = self._spoilt.pop(id(pending), ([], 0.0))
        rows[hit] = value
        return rows


class FaultyWorker(TTPoolingWorker):
    """Our worker over a device that does what the faults file says."""

    def init_device(self) -> None:
        fault = faults().get("fault")
        if fault in ("open raises", "open hangs", "open hangs in C"):
            worker.open_mesh = lambda **_: _fail_to_open(fault)
        super().init_device()

    def load_model(self, **arguments) -> None:
        super().load_model(**arguments)
        FaultySteps()
        if faults().get("fault") == "warm-up":
            self.model.runner._make = _fail_to_compile


def _fail_to_open(fault: str) -> None:
    if fault == "open raises":  # what UMD says when the driver has no such device
        raise RuntimeError("TT_THROW: No Tenstorrent devices detected")
    if fault == "open hangs":  # as UMD does while another process holds CHIP_IN_USE
        time.sleep(FOREVER_S)
    ctypes.PyDLL(None).sleep(FOREVER_S)


def _fail_to_compile(*_) -> None:
    raise RuntimeError("TT_FATAL: kernel build failed: No space left on device")
