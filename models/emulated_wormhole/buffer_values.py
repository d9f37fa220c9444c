# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the buffers of mock devices hold.

Values belong to buffers, as on a device: a view sees its base's value, an in-place op changes it for all views, and a
new buffer at an old address drops what was there. A mesh tensor holds one value per chip; replicas share one.
"""

import torch

import ttnn
from models.emulated_wormhole.errors import MissingGolden, MissingValue
from models.emulated_wormhole.quantise import quantise


def _packed(value: torch.Tensor) -> torch.Tensor:
    """`value`, not as a part of a larger one: that would stay in memory, and ops on parts are slow."""
    return value if value.numel() == value.untyped_storage().nbytes() // value.element_size() else value.clone()


class BufferValues:
    """Values of device tensors: one fp32 or integer torch tensor per chip, of the tensor's shape."""

    def __init__(self):
        self._of: dict[int, list[torch.Tensor]] = {}  # buffer id -> one value per chip
        self._at: dict[tuple, int] = {}  # (device, buffer type, address) -> buffer id

    def put(self, tensor: ttnn.Tensor, shards: list[torch.Tensor], exact: bool = False, owned: bool = False) -> None:
        """Set the value of a device tensor: one per chip, each of the tensor's shape; rounded to its dtype here.

        exact: the dtype holds the value as it is. owned: nobody else has it, so that it may be rounded where it lies.
        Raises MissingGolden for another shape.
        """
        rounded: dict[int, torch.Tensor] = {}
        shape, dtype = tuple(tensor.shape), tensor.dtype
        for shard in shards:
            if tuple(shard.shape) != shape:
                raise MissingGolden(f"the golden value has shape {tuple(shard.shape)}, the output {tensor.shape}")
            if id(shard) not in rounded:
                value = shard.float() if shard.is_floating_point() or shard.dtype == torch.bool else shard
                rounded[id(shard)] = _packed(value) if exact else quantise(value, dtype, in_place=owned)
        buffer = tensor.buffer_unique_id()
        place = (tensor.device().id(), tensor.memory_config().buffer_type, tensor.buffer_address())
        former = self._at.get(place)
        if former is not None and former != buffer:
            self.drop(former)
        self._at[place] = buffer
        self._of[buffer] = [rounded[id(shard)] for shard in shards]

    def get(self, tensor: ttnn.Tensor) -> list[torch.Tensor]:
        """The value of a device tensor: one per chip, of the tensor's shape; not to be written to.

        Raises MissingValue for one that was never put.
        """
        shards = self._of.get(tensor.buffer_unique_id())
        if shards is None:
            raise MissingValue(
                f"a device tensor of shape {tuple(tensor.shape)} and dtype {tensor.dtype} has no value on the emulated "
                "Wormhole: it was made by a method, a constructor or an op of ttnn._ttnn rather than by a ttnn op, "
                "before the emulation was on, or never written; make it with ttnn.from_torch or another ttnn op"
            )
        shape = tuple(tensor.shape)
        return [shard if tuple(shard.shape) == shape else shard.reshape(shape) for shard in shards]

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
