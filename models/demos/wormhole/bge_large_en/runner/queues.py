# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commands of a step, on one command queue or two: everything that a step asks of the device goes through here."""

import contextlib
import os
from collections.abc import Iterator

import ttnn

COMPUTE = 0


class Queues:
    """Queue COMPUTE runs programs; `self.io` writes inputs and reads results, and is another one where there are two.

    Commands of one queue run in order. Events order the two; on a single queue they are not needed, and not sent.
    Nothing here blocks the host but finish() and drain().
    """

    def __init__(self, device, count: int | None = None):
        """count: command queues to use, 1 or 2; None for as many as the device was opened with (num_command_queues)."""
        self.device = device
        self.io = (count or count_queues(device)) - 1

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


def count_queues(device) -> int:
    """Command queues that a device was opened with, of which a step uses 2 at most. Waits for what is on the second.

    ttnn 0.81.1 has no attribute for it: only an event on a second queue that is not there fails.
    """
    try:
        with _muted():
            event = ttnn.record_event(device, 1)
    except RuntimeError as error:
        if "out of range" in str(error):
            return 1
        raise
    ttnn.event_synchronize(event)
    return 2


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Within it nothing reaches stdout and stderr: ttnn logs a failed check as critical, whatever the log level."""
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        yield
    finally:
        for descriptor, former in zip((1, 2), kept):
            os.dup2(former, descriptor)
            os.close(former)
        os.close(nowhere)
