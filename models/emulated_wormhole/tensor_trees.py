# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""ttnn tensors in the arguments and results of an op: in nested lists, tuples and dicts."""

from collections.abc import Iterator

import ttnn


def on_device(tensor: ttnn.Tensor) -> bool:
    """Whether its data lies in buffers of a device, not on the host."""
    return tensor.storage_type() == ttnn.StorageType.DEVICE


def tensors_of(tree) -> list[ttnn.Tensor]:
    """Every ttnn tensor in nested lists, tuples and dicts, in order."""
    if isinstance(tree, ttnn.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [t for item in tree for t in tensors_of(item)] if isinstance(tree, (list, tuple)) else []


def replaced(tree, values: Iterator, leaf: type = ttnn.Tensor):
    """`tree` with its ttnn tensors, or what else is a `leaf`, replaced by `values` in the order of tensors_of."""
    if isinstance(tree, leaf):
        return next(values)
    if isinstance(tree, dict):
        return {key: replaced(item, values, leaf) for key, item in tree.items()}
    return type(tree)(replaced(item, values, leaf) for item in tree) if type(tree) in (list, tuple) else tree


class Place:
    """Where a tensor was in a tree."""
