# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Host tensors that live as long as a shape and are written in place, so that a step converts and allocates nothing."""

import torch

import ttnn


class HostTensor:
    """A ttnn host tensor of `rows` rows per chip, and a torch view of each chip's bytes in it.

    shape: (rows, …) per chip, of which the mesh tensor has one per chip along dim 0. views[chip]: the bytes as
    `view_dtype`, in the layout of the tensor (row-major, or tiles one after another). RuntimeError if ttnn copies where
    it should lend its memory.
    """

    def __init__(self, device, shape: tuple[int, ...], dtype, layout, view_dtype: torch.dtype):
        chips = device.get_num_devices()
        mapper = ttnn.ShardTensorToMesh(device, dim=0) if chips > 1 else None
        zeros = torch.zeros(shape[0] * chips, *shape[1:])
        if dtype == ttnn.uint32:
            zeros = zeros.to(torch.int32)
        self.tensor = ttnn.from_torch(zeros, dtype=dtype, layout=layout, mesh_mapper=mapper)
        self.views = [view.view(view_dtype) for view in self._bytes(device)]
        self.views[-1][-1] = 1
        if self._bytes(device)[-1].view(view_dtype)[-1] != 1:
            raise RuntimeError(
                "ttnn gives a copy of a host tensor's memory, not the memory: it can't be written in place"
            )
        self.views[-1][-1] = 0

    def _bytes(self, device) -> list[torch.Tensor]:
        buffer, (rows, columns) = self.tensor.host_buffer(), tuple(device.shape)
        places = [ttnn.MeshCoordinate(row, column) for row in range(rows) for column in range(columns)]
        return [torch.from_dlpack(buffer.get_shard(place)).view(torch.uint8).flatten() for place in places]


def tile_bytes(tiles: torch.Tensor, dtype) -> torch.Tensor:
    """(n, 32, 32) fp32 -> (n, bytes per tile) uint8: the tiles as ttnn packs them."""
    stack = ttnn.from_torch(tiles.reshape(1, 1, -1, 32), dtype=dtype, layout=ttnn.TILE_LAYOUT)
    packed = torch.from_dlpack(stack.host_buffer().get_shard(ttnn.MeshCoordinate(0, 0)))
    return packed.view(torch.uint8).reshape(len(tiles), -1).clone()
