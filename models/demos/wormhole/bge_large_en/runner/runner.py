# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Runs rows of token ids through the encoder, in the shapes that a batch plan gives."""

import os
from collections.abc import Sequence

import torch
import ttnn
from loguru import logger

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, default_buckets, plan_steps
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA, plan_shape
from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS
from models.demos.wormhole.bge_large_en.tt.precision import Precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

MAX_GRID = (8, 8)  # worker cores of a Wormhole that every card and dispatch mode has


class EncoderRunner:
    """device: ttnn device or mesh; weights: consumed; pooling: "cls" or "mean"; max_batch: rows of a step per
    chip; past the core rows, steps use SDPA.

    Every shape is planned here, so that one without a plan is refused (ValueError) before weights are loaded.
    """

    def __init__(
        self,
        device,
        dims: BertDims,
        weights: Weights,
        pooling: str,
        precision: Precision,
        max_batch: int,
        max_length: int,
    ):
        if not 1 <= max_length <= dims.max_position_embeddings:
            raise ValueError(f"max_seq_len is {max_length}; the checkpoint takes 1 to {dims.max_position_embeddings}")
        grid = core_grid(device)
        chips = device.get_num_devices()
        self.device, self.dims, self.pooling, self.max_length = device, dims, pooling, max_length
        per_chip = default_buckets(max_length, max_batch)
        # One kind of attention for all batches: a text's bits must not depend on which of them it lands in.
        attention = CHAIN if max_batch <= grid[1] else SDPA
        self._plans = {
            (batch * chips, sequence): plan_shape(
                dims, batch, sequence, grid, precision, attention, POOLED_ROWS[pooling]
            )
            for batch, sequence in per_chip.shapes
        }
        self.buckets = Buckets(per_chip.sequences, tuple(batch * chips for batch in per_chip.batches))
        self._model = BertModel(weights, dims, device, precision, attention)
        self._steps: dict[tuple[int, int], ShapeStep] = {}
        self._traced, reason = can_trace(device)
        logger.info(f"encoder steps run {'as traces' if self._traced else 'directly'}: {reason}")

    def run(self, rows: Sequence[Row]) -> torch.Tensor:
        """Rows -> (len(rows), H) fp32, pooled, not normalised, in the order of rows."""
        pooled = torch.empty(len(rows), self.dims.hidden_size)
        for step in plan_steps([len(row) for row in rows], self.buckets):
            index = list(step.rows)
            pooled[index] = self._step(step.batch, step.sequence).run([rows[i] for i in index])
        return pooled

    def warm_up(self) -> None:
        """Compile, and where possible capture, every shape, so that no later step is slower than the next."""
        # All input tensors first: what is allocated while a trace exists may be overwritten by it.
        for batch, sequence in self.buckets.shapes:
            self._allocate(batch, sequence)
        for batch, sequence in self.buckets.shapes:
            self._allocate(batch, sequence).compile(trace=self._traced)
            logger.info(f"warm: batch {batch}, {sequence} tokens")

    def close(self) -> None:
        """Free traces and input tensors; safe to call again."""
        for step in self._steps.values():
            step.close()
        self._steps.clear()

    def _allocate(self, batch: int, sequence: int) -> ShapeStep:
        key = (batch, sequence)
        if key not in self._steps:
            self._steps[key] = ShapeStep(self.device, self._model, self.dims, self.pooling, self._plans[key])
        return self._steps[key]

    def _step(self, batch: int, sequence: int) -> ShapeStep:
        step = self._allocate(batch, sequence)
        if self._traced and not step.compiled:  # a direct step compiles as it runs
            step.compile(trace=True)
        return step


def core_grid(device) -> tuple[int, int]:
    """(columns, rows) of worker cores that a step uses."""
    size = device.compute_with_storage_grid_size()
    return min(size.x, MAX_GRID[0]), min(size.y, MAX_GRID[1])


def can_trace(device) -> tuple[bool, str]:
    """Whether this process can capture traces on the device, and why."""
    if os.environ.get("TT_METAL_SLOW_DISPATCH_MODE"):
        return False, "TT_METAL_SLOW_DISPATCH_MODE is set, under which there are no traces"
    if os.environ.get("TT_METAL_MOCK_CLUSTER_DESC_PATH"):
        return False, "the device is a mock (TT_METAL_MOCK_CLUSTER_DESC_PATH)"
    region = ttnn.get_memory_view(device, ttnn.BufferType.TRACE).total_bytes_per_bank
    if not region:
        return False, "the device was opened without a trace region (trace_region_size)"
    return True, f"trace region of {region} bytes per bank"
