# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""On which command queue each command goes: a mock runs them one after another, so no result would tell."""

from unittest.mock import MagicMock, call

import pytest

import ttnn
from models.demos.wormhole.bge_large_en.runner.queues import COMPUTE, Queues
from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep

CALLS = (
    "copy_host_to_device_tensor copy_device_to_host_tensor copy execute_trace begin_trace_capture end_trace_capture "
    "record_event wait_for_event event_synchronize synchronize_device"
).split()
IO = {1: COMPUTE, 2: 1}  # by the number of queues


@pytest.fixture
def library(monkeypatch) -> MagicMock:
    """Stands for those functions of ttnn that queues are for; logs their calls."""
    library = MagicMock()
    for name in CALLS:
        monkeypatch.setattr(ttnn, name, getattr(library, name))
    return library


@pytest.mark.parametrize("count", IO)
def test_transfers_on_one_queue_and_programs_on_the_other(library, count):
    queues = Queues("device", count)
    library.reset_mock()
    queues.write("host", "staging")
    queues.copy("staging", "input")
    queues.execute("trace")
    queues.read("result", "host")
    assert library.mock_calls == [
        call.copy_host_to_device_tensor("host", "staging", cq_id=IO[count]),
        call.copy("staging", "input"),
        call.execute_trace("device", "trace", cq_id=COMPUTE, blocking=False),
        call.copy_device_to_host_tensor("result", "host", blocking=False, cq_id=IO[count]),
    ]


def test_events_between_two_queues(library):
    queues = Queues("device", 2)
    library.reset_mock()
    for queue in (COMPUTE, queues.io):
        queues.wait(queue, queues.record(queue))
    queues.finish("event")
    event = library.record_event.return_value
    assert library.mock_calls == [
        *(call.record_event("device", 0), call.wait_for_event(0, event)),
        *(call.record_event("device", 1), call.wait_for_event(1, event)),
        call.event_synchronize("event"),
    ]


@pytest.mark.parametrize(
    "device_params, count, says",
    [({}, 2, "num_command_queues is 2; the device was opened with fewer"), ({}, 3, "is 3; a step uses 1 or 2")],
    indirect=["device_params"],
)
def test_queues_that_a_device_has_not_are_refused(device, count, says):
    with pytest.raises(ValueError, match=says):
        Queues(device, count)


def test_a_single_queue_is_waited_for_as_a_whole(library):
    queues = Queues("device", 1)
    event = queues.record(queues.io)
    queues.wait(COMPUTE, event)
    queues.finish(event)
    queues.drain()
    assert library.mock_calls == [call.synchronize_device("device")] * 2


def test_a_trace_is_captured_where_it_is_replayed(library):
    step = MagicMock(device="device")
    ShapeStep.capture(step)
    trace = library.begin_trace_capture.return_value
    assert step._trace is trace and step._forward.call_count == 1
    assert library.mock_calls == [
        call.begin_trace_capture("device", cq_id=COMPUTE),
        call.end_trace_capture("device", trace, cq_id=COMPUTE),
    ]
