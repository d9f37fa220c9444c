# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commands of a step, on one command queue or two: everything that a step asks of the device goes through here."""

import ttnn

COMPUTE = 0


class Queues:
    """Queue COMPUTE runs programs; `self.io` writes inputs and reads results, and is another one where there are two.

    Commands of one queue run in order. Events order the two; on a single queue they are not needed, and not sent.
    Nothing here blocks the host but finish() and drain().
    """

    def __init__(self, device, count: int = 1):
        """count: command queues to use, of those that the device was opened with (num_command_queues).

        A device does not tell how many there are (ttnn 0.81.1), so who opened it has to. ValueError unless it is 1, or 2
        and there is a second one.
        """
        if count not in (1, 2):
            raise ValueError(f"num_command_queues is {count}; a step uses 1 or 2")
        self.device, self.io = device, count - 1
        try:
            self.record(self.io)
        except RuntimeError as error:
            raise ValueError(f"num_command_queues is {count}; the device was opened with fewer") from error

    def write(self, host, tensor) -> None:
        """Host tensor to device tensor; the host tensor may be written again when this returns.

        ttnn copies what it writes to the queue; where it lets the device read pinned host memory, it waits for that.
        """
        ttnn.copy_host_to_device_tensor(host, tensor, cq_id=self.io)

    def copy(self, source, target) -> None:
        """Device tensor to device tensor, one program."""
        ttnn.copy(source, target)

    def execute(self, trace) -> None:
        """Replay a captured trace."""
        ttnn.execute_trace(self.device, trace, cq_id=COMPUTE, blocking=False)

    def read(self, tensor, host) -> None:
        """Device tensor to host tensor, complete once finish() has waited for an event recorded after this.

        Into memory that stays: that of a tensor from Tensor.cpu() may be freed before it is read (tt-metal PR 44207).
        """
        ttnn.copy_device_to_host_tensor(tensor, host, blocking=False, cq_id=self.io)

    def record(self, queue: int):
        """An event that comes when all that is on `queue` by now is done; None where there is a single queue."""
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
