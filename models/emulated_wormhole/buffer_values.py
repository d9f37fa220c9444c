# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the buffers of mock devices hold.

Values belong to buffers, as on a device: a view sees its base's value, an in-place op changes it for all views, and a
new buffer at an old address drops what was there. A mesh tensor holds one value per chip; replicas share one. A value
is never written to, and may be one that is not computed yet.
"""

from collections.abc import Sequence

import torch

import ttnn
from models.emulated_wormhole.deferred import Value, computed
from models.emulated_wormhole.errors import MissingValue


class BufferValues:
    """Values of device tensors: one fp32 or integer torch tensor per chip, of the tensor's shape."""

    def __init__(self):
        self._of: dict[int, list[Value]] = {}  # buffer id -> one value per chip
        self._at: dict[tuple, int] = {}  # (device, buffer type, address) -> buffer id

    def put(self, tensor: ttnn.Tensor, shards: Sequence[Value]) -> None:
        """Set the value of a device tensor: one per chip, each of the tensor's shape and rounded to its dtype."""
        buffer = tensor.buffer_unique_id()
        place = (tensor.device().id(), tensor.memory_config().buffer_type, tensor.buffer_address())
        former = self._at.get(place)
        if former is not None and former != buffer:
            self.drop(former)
        self._at[place] = buffer
        self._of[buffer] = list(shards)

    def get(self, tensor: ttnn.Tensor) -> list[torch.Tensor]:
        """The value of a device tensor: one per chip, of the tensor's shape; not to be written to.

        Raises as peek() does, and what the golden functions raise that are called only now.
        """
        shards, shape = self.peek(tensor), tuple(tensor.shape)
        values = [computed(shard) for shard in shards]
        shards[:] = values
        return [value if tuple(value.shape) == shape else value.reshape(shape) for value in values]

    def peek(self, tensor: ttnn.Tensor) -> list[Value]:
        """The value of a device tensor, one per chip: computed or not, of any shape with as many elements.

        Raises MissingValue for one that was never put.
        """
        shards = self._of.get(tensor.buffer_unique_id())
        if shards is None:
            raise MissingValue(
                f"a device tensor of shape {tuple(tensor.shape)} and dtype {tensor.dtype} has no value on the emulated "
                "Wormhole: it was made by a method, a constructor or an op of ttnn._ttnn rather than by a ttnn op, "
                "before the emulation was on, or never written; make it with ttnn.from_torch or another ttnn op"
            )
        return shards

    def drop(self, buffer: int) -> None:
        """Forget what a buffer, given by its unique id, holds."""
        self._of.pop(buffer, None)

    def drop_device(self, device: int) -> None:
        """Forget what all buffers of a device, given by its id, hold."""
        for place in [place for place in self._at if place[0] == device]:
            self.drop(self._at.pop(place))

    def clear(self) -> None:
        """Forget everything."""
        self._of.clear()
        self._at.clear()
