# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commands of a step, on one command queue or two: everything that a step asks of the device goes through here."""

import ttnn

COMPUTE = 0


class Queues:
    """Queue COMPUTE runs programs; `self.io` writes inputs and reads results, and is another one where there are two.

    Commands of one queue run in order. Events order the two; on a single queue they are not needed, and not sent.
    """

    def __init__(self, device, count: int | None = None):
        """count: command queues to use, None for 2 if the device was opened with as many (num_command_queues)."""
        self.device = device
        self.io = (count or _count(device)) - 1

    def write(self, host, tensor) -> None:
        """Host tensor to device tensor; the host tensor may be written again when this returns."""
        ttnn.copy_host_to_device_tensor(host, tensor, cq_id=self.io)

    def copy(self, source, target) -> None:
        """Device tensor to device tensor, one program."""
        ttnn.copy(source, target)

    def execute(self, trace) -> None:
        ttnn.execute_trace(self.device, trace, cq_id=COMPUTE, blocking=False)

    def read(self, tensor):
        """Device tensor to a host tensor, which is complete once an event recorded after this has been waited for."""
        return tensor.cpu(blocking=False, cq_id=self.io)

    def record(self, queue: int):
        """An event that comes when all that is on `queue` by now is done; None on a single queue, but for read events."""
        return ttnn.record_event(self.device, queue) if self.io != COMPUTE else None

    def wait(self, queue: int, event) -> None:
        """Nothing put on `queue` after this starts before the event has come; None is no event."""
        if event is not None:
            ttnn.wait_for_event(queue, event)

    def finish(self, event) -> None:
        """Block the host until a read is complete: by its event, or on a single queue all that is on it."""
        if event is not None:
            ttnn.event_synchronize(event)
        else:
            ttnn.synchronize_device(self.device)

    def drain(self) -> None:
        """Block the host until the device has nothing left to do."""
        ttnn.synchronize_device(self.device)


def _count(device) -> int:
    try:
        ttnn.record_event(device, 1)
    except RuntimeError:
        return 1
    return 2
