# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The two ops with weights: linear (B, 1, R, in) -> (B, 1, R, out) and layer norm of (B, 1, R, H) plus a residual.

R is S, or in the last layer as many tokens as pooling wants. Weights lie in DRAM; a call is one program.
"""

import torch

import ttnn
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.precision import MatmulPrecision
from models.demos.wormhole.bge_large_en.tt.shape_plan import RowsPlan, ShapePlan
from models.demos.wormhole.bge_large_en.tt.weights import Weights, multiplied_weight


def to_device(tensor: torch.Tensor, device, dtype, layout=ttnn.TILE_LAYOUT):
    """A weight of any shape in DRAM as `dtype`; on a mesh the same on every chip."""
    return ttnn.from_torch(tensor, dtype=dtype, layout=layout, device=device, memory_config=ttnn.DRAM_MEMORY_CONFIG)


class Linear:
    """y = x W^T + b with W (out, in) as in the checkpoint; on the device W^T is (1, 1, in, out), b (1, 1, 1, out)."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, device, precision: MatmulPrecision):
        weight = multiplied_weight(weight, precision.fidelity)
        self.weight = to_device(weight.T.contiguous()[None, None], device, precision.weights)
        self.bias = to_device(bias[None, None, None], device, ttnn.bfloat16)
        self.dtype = precision.dtype

    @classmethod
    def take(cls, weights: Weights, out_size: int, in_size: int, device, precision: MatmulPrecision) -> "Linear":
        """From "weight" (out, in) and "bias" (out,) of `weights`, which raises KeyError or ValueError for others."""
        weight, bias = weights.take("weight", (out_size, in_size)), weights.take("bias", (out_size,))
        return cls(weight, bias, device, precision)

    def __call__(self, x, program_config, memory_config, kernel, dtype=None):
        """(B, 1, R, in) -> (B, 1, R, out) of `dtype`, by default the precision's."""
        return ttnn.linear(
            x,
            self.weight,
            bias=self.bias,
            program_config=program_config,
            memory_config=memory_config,
            dtype=dtype or self.dtype,
            compute_kernel_config=kernel,
        )


class LayerNorm:
    """LayerNorm(x + residual) over H into x's own L1, fp32 accumulation; the residual is freed.

    weight and bias are bf16 (1, 1, H/32, 32) row-major.
    """

    def __init__(self, weights: Weights, dims: BertDims, device):
        shape = (1, 1, dims.hidden_size // TILE, TILE)
        self.weight, self.bias = (
            to_device(
                weights.take(name, (dims.hidden_size,)).reshape(shape), device, ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT
            )
            for name in ("weight", "bias")
        )
        self.epsilon = dims.layer_norm_eps

    def __call__(self, x, residual, plan: ShapePlan, rows: RowsPlan):
        """x, residual (B, 1, R, H), block sharded alike -> (B, 1, R, H)."""
        out = ttnn.layer_norm(
            x,
            epsilon=self.epsilon,
            weight=self.weight,
            bias=self.bias,
            residual_input_tensor=residual,
            memory_config=rows.hidden,
            program_config=rows.layer_norm,
            compute_kernel_config=plan.exact_kernel,
        )
        ttnn.deallocate(residual)
        return out
