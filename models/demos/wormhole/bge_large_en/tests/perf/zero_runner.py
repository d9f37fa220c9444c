# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An encoder of a model's dims with weights of zeros, which is as fast as any and loads in a second."""

import contextlib
from collections.abc import Iterator

import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
from models.demos.wormhole.bge_large_en.runner.target import EMULATED, target
from models.demos.wormhole.bge_large_en.tests.emulation import dispatch_only
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.weights import Weights


def zero_weights(dims: BertDims) -> Weights:
    """A checkpoint of zeros; on the emulated Wormhole, where none is read, of tensors that have a shape only."""
    device = "meta" if target() == EMULATED else "cpu"

    def zeros(*shape: int) -> torch.Tensor:
        return torch.zeros(*shape, device=device)

    hidden, ffn = dims.hidden_size, dims.intermediate_size
    state = {
        "embeddings.word_embeddings.weight": zeros(dims.vocab_size, hidden),
        "embeddings.position_embeddings.weight": zeros(dims.max_position_embeddings, hidden),
        "embeddings.token_type_embeddings.weight": zeros(dims.type_vocab_size, hidden),
    }
    dense = {
        "attention.output.dense": (hidden, hidden),
        "intermediate.dense": (ffn, hidden),
        "output.dense": (hidden, ffn),
    }
    dense |= {f"attention.self.{name}": (hidden, hidden) for name in ("query", "key", "value")}
    norms = ["embeddings.LayerNorm"]
    for layer in range(dims.num_hidden_layers):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
        for name, shape in dense.items():
            state |= {f"{prefix}{name}.weight": zeros(*shape), f"{prefix}{name}.bias": zeros(shape[0])}
    for name in norms:
        state |= {f"{name}.weight": zeros(hidden), f"{name}.bias": zeros(hidden)}
    return Weights.from_state_dict(state)


@contextlib.contextmanager
def unwritten_weights() -> Iterator[None]:
    """On the emulated Wormhole ttnn.from_torch to a device only allocates: 24 layers in a second, not a minute."""
    if target() != EMULATED:
        yield
        return
    convert = ttnn.from_torch

    def allocate(tensor, dtype=None, *, layout=ttnn.ROW_MAJOR_LAYOUT, device=None, memory_config=None, **options):
        if device is None:
            return convert(tensor, dtype, layout=layout, memory_config=memory_config, **options)
        config = memory_config or ttnn.DRAM_MEMORY_CONFIG
        spec = ttnn.TensorSpec(ttnn.Shape(list(tensor.shape)), dtype, layout, config.buffer_type)
        return ttnn.allocate_tensor_on_device(spec, device)

    ttnn.from_torch = allocate
    try:
        yield
    finally:
        ttnn.from_torch = convert


@contextlib.contextmanager
def zero_runner(
    device, dims: BertDims, batch: int, sequence: int, precision, pooling: str, **options
) -> Iterator[EncoderRunner]:
    """An EncoderRunner with weights of zeros; ops in the block make no values on the emulated Wormhole.

    options: the others of EncoderRunner.
    """
    with dispatch_only():
        with unwritten_weights():
            runner = EncoderRunner(device, dims, zero_weights(dims), pooling, precision, batch, sequence, **options)
        try:
            yield runner
        finally:
            runner.close()


def full_rows(batch: int, sequence: int) -> list[Row]:
    """`batch` texts that fill `sequence` tokens each."""
    return [Row(torch.ones(sequence, dtype=torch.int64)) for _ in range(batch)]
