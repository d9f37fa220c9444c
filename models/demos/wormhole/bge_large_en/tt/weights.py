# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A BertModel's weights by their checkpoint names, each shape checked, nothing missing and nothing left over."""

from pathlib import Path

import torch

import ttnn

# In checkpoints, and not part of the encoder: the pooler that BERT's next-sentence head wants, and a stored arange.
_UNUSED = ("pooler.", "embeddings.position_ids")

_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

# Significant bits of a weight that one pass of LoFi multiplies, 1 + 4 of SrcA, the rest being cut off
# (tt-metal tech_reports/matrix_engine/matrix_engine.md).
LOFI_BITS = 5


class Weights:
    """A state dict (name -> torch tensor of any float dtype) that is taken from, by name, until it is empty."""

    def __init__(self, state: dict[str, torch.Tensor], prefix: str = ""):
        self._state, self._prefix = state, prefix

    @classmethod
    def from_state_dict(cls, state: dict[str, torch.Tensor]) -> "Weights":
        """Names with or without a leading "bert." or "roberta."; pooler weights are dropped. ValueError for a name with
        and without."""
        names = {name: name.removeprefix("bert.").removeprefix("roberta.") for name in state}
        twice = [name for name, short in names.items() if name != short and short in names]
        if twice:
            raise ValueError(f"the checkpoint has {twice[0]} and {names[twice[0]]}; which of the two is meant?")
        return cls({short: state[name] for name, short in names.items() if not short.startswith(_UNUSED)})

    @classmethod
    def from_folder(cls, folder: Path) -> "Weights":
        """As from_state_dict of read_state."""
        return cls.from_state_dict(read_state(folder))

    def under(self, name: str) -> "Weights":
        """The weights whose names begin with `name` and a dot; taking from them takes from this."""
        return Weights(self._state, f"{self._prefix}{name}.")

    def take(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """The fp32 tensor called `name`, of `shape`.

        KeyError if it is missing, ValueError for another shape or a dtype that is not in _DTYPES.
        """
        full = self._prefix + name
        if full not in self._state:
            raise KeyError(f"the checkpoint has no {full}")
        tensor = self._state.pop(full)
        if tuple(tensor.shape) != tuple(shape):
            raise ValueError(f"{full} has shape {tuple(tensor.shape)}; the config asks for {tuple(shape)}")
        if tensor.dtype not in _DTYPES:  # fp8 goes with scales, which are weights that a BertModel does not have
            raise ValueError(f"{full} has dtype {tensor.dtype}; a floating point dtype is needed: {_DTYPES}")
        return tensor.float()

    def finish(self) -> None:
        """ValueError naming what no module took."""
        left = self.left()
        if left:
            shown = ", ".join(left[:8]) + (", …" if len(left) > 8 else "")
            raise ValueError(f"the checkpoint has {len(left)} weights that a BertModel does not: {shown}")

    def left(self) -> list[str]:
        """Names not yet taken, sorted."""
        return sorted(self._state)


def read_state(folder: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of the *.safetensors of a folder. FileNotFoundError if there is none, ValueError for one that
    can't be read or holds NaN or Inf."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no *.safetensors file; pickled weights are not read")
    state: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            state.update(load_file(file))
        except SafetensorError as error:
            raise ValueError(f"{file.name} in {folder} can't be read as safetensors: {error}") from error
    for name, tensor in state.items():
        if tensor.dtype in _DTYPES and not torch.isfinite(tensor).all():
            raise ValueError(f"{name} in {folder} holds NaN or Inf")
    return state


def multiplied_weight(weight: torch.Tensor, fidelity: ttnn.MathFidelity) -> torch.Tensor:
    """The weight, any shape, fp32; for LoFi rounded to the bits it multiplies, so that hardware has none to cut off.

    Rounding halves the error of cutting and, unlike it, does not shrink every product by 2 %.
    """
    if fidelity != ttnn.MathFidelity.LoFi:
        return weight
    bits, cut = weight.view(torch.int32), 24 - LOFI_BITS  # an fp32 has 24 bits, the first of which is not stored
    return (bits + ((bits >> cut & 1) + 2 ** (cut - 1) - 1) & -(2**cut)).view(torch.float32)  # halves to even
