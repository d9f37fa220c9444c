# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Calls of golden functions, put off until a result is needed: one for each distinct set of inputs of a mesh's chips.

What a call keeps are values, not ttnn's tensors, so that their buffers are freed when they would be.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

import ttnn
from models.emulated_wormhole.deferred import Call, Part, Value
from models.emulated_wormhole.errors import MissingGolden
from models.emulated_wormhole.fidelity import MODELLED
from models.emulated_wormhole.golden_ops import CHECKS, GOLDENS, MOVES, NEEDS_TENSORS, OWNERS, Form
from models.emulated_wormhole.quantise import BLOCK_FLOATS, quantise
from models.emulated_wormhole.tensor_trees import Place, replaced, tensors_of


@dataclass(frozen=True)
class Golden:
    """name: of the op; function: takes the op's arguments, with values for tensors, and `extra` as keywords."""

    name: str
    function: Callable
    extra: dict[str, object]

    def results(
        self, args: tuple, kwargs: dict, inputs: list[list[Value]], outputs: list[ttnn.Tensor]
    ) -> list[list[Value]]:
        """Of each output its values, one per chip, rounded to its dtype; computed when they are needed.

        args, kwargs: the op's own; inputs: the values of tensors_of those, each one per chip or one for all.
        What the function raises is raised when a result is computed, but for what its check finds wrong.
        """
        tensors = tensors_of((args, kwargs))
        shapes, forms = [tuple(tensor.shape) for tensor in tensors], [Form.of(tensor) for tensor in outputs]
        keeps = [self._keeps(form, tensors) for form in forms]
        extra = dict(self.extra)
        if self.name in NEEDS_TENSORS:
            extra["tensors"] = [Form.of(tensor) for tensor in tensors]
        check = CHECKS.get(self.function)
        if check is not None:
            a, k = replaced((args, kwargs), (torch.empty(shape, device="meta") for shape in shapes))
            check(*a, **k, **extra)
        tree = replaced((args, kwargs), (Place() for _ in tensors))
        ours = self.function in GOLDENS.values() or self.function in MODELLED.values()

        def compute(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
            values = tuple(v if tuple(v.shape) == shape else v.reshape(shape) for v, shape in zip(values, shapes))
            # Some of ttnn's goldens write into their inputs; ours don't.
            a, k = replaced(tree, iter(values if ours else [v.clone() for v in values]), Place)
            out = self.function(*a, **k, **extra)
            out = out if isinstance(out, (list, tuple)) else (out,)
            return tuple(self._rounded(*one) for one in zip(out, forms, keeps, strict=True))

        chips = max(map(len, inputs), default=outputs[0].device().get_num_devices())
        done: dict[tuple, list[Part]] = {}
        per_chip = []
        for chip in range(chips):
            values = [shards[chip] if len(shards) == chips else shards[0] for shards in inputs]
            key = tuple(map(id, values))
            if key not in done:
                call = Call(compute, values)
                done[key] = [Part(call, index) for index in range(len(outputs))]
            per_chip.append(done[key])
        return [list(shards) for shards in zip(*per_chip, strict=True)]

    def _keeps(self, form: Form, tensors: list[ttnn.Tensor]) -> bool:
        """Whether all elements of an output are elements of the input, and its dtype holds them as they are."""
        if self.function not in MOVES or form.dtype != tensors[0].dtype:
            return False
        # The elements of a block share an exponent, so they must stay together.
        return form.dtype not in BLOCK_FLOATS or form.shape == tuple(tensors[0].shape)

    def _rounded(self, value: torch.Tensor, form: Form, keeps: bool) -> torch.Tensor:
        if tuple(value.shape) != form.shape:
            raise MissingGolden(f"the golden value of {self.name} has shape {tuple(value.shape)}, not {form.shape}")
        value = value.float() if value.is_floating_point() or value.dtype == torch.bool else value
        if not keeps:
            owned = self.function in OWNERS or self.function in MODELLED.values()
            return quantise(value, form.dtype, in_place=owned)
        # Not as a part of a larger value: that would stay in memory, and ops on parts are slow.
        whole = value.numel() * value.element_size() == value.untyped_storage().nbytes()
        return value if whole else value.clone()
