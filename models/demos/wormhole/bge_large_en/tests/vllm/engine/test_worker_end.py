# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The worker's end, and starts that fail, against doubles of the device and of the model."""

from unittest.mock import MagicMock, call

import pytest
import torch

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import HIDDEN, start  # noqa: E402


def test_shutdown_closes_the_model_then_the_device_once(worker, double, log):
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


def test_a_process_that_ends_without_a_shutdown_closes_the_device(worker, double, log):
    """As the fork's engines do: multiprocessing calls what is registered when the target of a process is left."""
    start(worker)
    at_exit = worker._at_exit
    assert at_exit.still_active()
    at_exit()
    assert log[-2:] == [("model.close",), ("close_mesh_device", "the mesh")] and not at_exit.still_active()


def test_after_a_shutdown_nothing_is_left_to_do_at_exit(worker, double):
    start(worker)
    at_exit = worker._at_exit
    worker.shutdown()
    assert not at_exit.still_active()


def test_device_is_closed_although_the_model_fails_to(worker, double, log):
    double.fails_in = "close"
    start(worker)
    with pytest.raises(MemoryError):
        worker.shutdown()
    assert log[-1] == ("close_mesh_device", "the mesh")


@pytest.mark.parametrize("stage", ["initialize", "warm_up"])
def test_a_failed_start_closes_the_device(worker, double, log, stage):
    double.fails_in = stage
    with pytest.raises(MemoryError, match=stage):
        start(worker)
    assert log[-1] == ("close_mesh_device", "the mesh")


def test_warm_up_is_timed_or_counted_as_failed(worker, double):
    worker.init_device()
    worker.load_model()
    worker.metrics = MagicMock()
    seconds = worker.compile_or_warm_up_model().language_model
    assert seconds > 0 and worker.metrics.warm_up.call_args_list == [call(seconds)]
    worker.model.fails_in = "warm_up"
    with pytest.raises(MemoryError):
        worker.compile_or_warm_up_model()
    assert worker.metrics.failure.call_args_list == [call("warm_up")]


def test_a_device_without_numbers_does_not_start(worker, double, log):
    worker.init_device()
    worker.load_model()
    worker.model.returned = torch.full((1, HIDDEN), float("nan"))
    with pytest.raises(RuntimeError, match="the device fails: the model returned NaN, Inf or all-zero embeddings"):
        worker.compile_or_warm_up_model()
    assert log[-1] == ("close_mesh_device", "the mesh")
