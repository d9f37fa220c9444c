# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Values that are computed when somebody first needs them, and never if nobody does.

A warm-up runs every program for its own sake and reads nothing, or little: what it would compute is most of what a
first use of a shape costs.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


class Call:
    """A function of tensors, to be called once or never. compute: returns a tuple of tensors; inputs: its arguments."""

    def __init__(self, compute: Callable[..., tuple[torch.Tensor, ...]], inputs: Sequence["Value"]):
        self._compute: Callable[..., tuple[torch.Tensor, ...]] | None = compute
        self._inputs = inputs
        self.results: tuple[torch.Tensor, ...] | None = None

    def needs(self) -> list["Call"]:
        """The calls without results whose results are inputs of this one."""
        return [value.call for value in self._inputs if isinstance(value, Part) and value.call.results is None]

    def run(self) -> None:
        assert self._compute is not None
        self.results = self._compute(*map(_ready, self._inputs))
        self._compute, self._inputs = None, ()  # so that nothing is kept longer than it is needed


@dataclass(frozen=True, eq=False)
class Part:
    """One of the results of a call."""

    call: Call
    index: int


Value = torch.Tensor | Part
_turn = threading.RLock()


def _ready(value: Value) -> torch.Tensor:
    if not isinstance(value, Part):
        return value
    assert value.call.results is not None
    return value.call.results[value.index]


def computed(value: Value) -> torch.Tensor:
    """The tensor. What it is made of is computed first, without recursion: a model is thousands of calls deep.

    Raises what a call raises; the call is made again when its result is next needed.
    """
    with _turn:
        waiting = [value.call] if isinstance(value, Part) else []
        while waiting:
            needs = waiting[-1].needs()
            if not needs:
                call = waiting.pop()
                if call.results is None:
                    call.run()
            waiting += needs
        return _ready(value)
