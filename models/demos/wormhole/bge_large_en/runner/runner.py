# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Runs rows of token ids through the encoder, in the shapes that a batch plan gives, on every chip of a mesh."""

import os
import time
from collections.abc import Sequence
from functools import partial

import torch
import ttnn
from loguru import logger
from tqdm import tqdm

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, Step, default_buckets, plan_steps
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.queues import Queues
from models.demos.wormhole.bge_large_en.runner.shape_step import ShapeStep
from models.demos.wormhole.bge_large_en.runner.step_cost import step_microseconds
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA, ShapePlan, mask_bytes, plan_shape
from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS
from models.demos.wormhole.bge_large_en.tt.precision import Precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

MAX_GRID = (8, 8)  # worker cores of a Wormhole that every card and dispatch mode has
IN_FLIGHT = 2  # steps: one computes while the next one's inputs are written
# Bytes that one program takes of a trace: tt-metal's BGE test reserves 23,887,872 for its 509.
TRACE_BYTES_PER_PROGRAM = 46_931
PROGRAMS_PER_LAYER, PROGRAMS_AROUND = 11, 12


class DeviceLost(RuntimeError):
    """The device did not become idle after a step failed; nothing runs on it any more."""


class EncoderRunner:
    """device: ttnn device or mesh; weights: consumed; pooling: "cls" or "mean"; max_batch: rows of a step per chip.

    buckets: shapes per chip, None for default_buckets. Past the core rows, batches use SDPA and are not packed. Every
    shape is planned here, so that one without a plan is refused (ValueError) before weights are loaded.
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
        buckets: Buckets | None = None,
        queues: Queues | None = None,
    ):
        if not 1 <= max_length <= dims.max_position_embeddings:
            raise ValueError(f"max_seq_len is {max_length}; the checkpoint takes 1 to {dims.max_position_embeddings}")
        grid, self._chips = core_grid(device), device.get_num_devices()
        # One kind of attention for all batches: a text's bits must not depend on which of them it lands in.
        attention = CHAIN if max_batch <= grid[1] else SDPA
        per_chip = buckets or default_buckets(max_length, max_batch, *([()] if attention == SDPA else []))
        self.device, self.dims, self.pooling, self.max_length = device, dims, pooling, max_length
        self.plans = plan_buckets(dims, per_chip, self._chips, grid, precision, attention, pooling)
        batches = tuple(batch * self._chips for batch in per_chip.batches)
        self.buckets = Buckets(per_chip.sequences, batches, per_chip.packed, per_chip.dense)
        self._cost = partial(step_microseconds, dims, columns=grid[0])
        self._traced, reason = can_trace(device)
        if self._traced:
            check_trace_region(device, dims, len(self.plans))
        self._queues = queues or Queues(device)
        self._model = BertModel(weights, dims, device, precision, attention)
        self._steps: dict[tuple[int, int, bool], ShapeStep] = {}
        self._lost: str | None = None
        how = "as traces" if self._traced else "directly"
        logger.info(f"encoder steps run {how} on {self._queues.io + 1} command queue(s): {reason}")

    def run(self, rows: Sequence[Row]) -> torch.Tensor:
        """Rows -> (len(rows), H) fp32, pooled, not normalised, in the order of rows.

        RuntimeError, naming the rows, if a result is NaN or Inf. Whatever a step raises is raised on, after the device
        has become idle; if it does not, this runner raises DeviceLost from then on.
        """
        if self._lost is not None:
            raise DeviceLost(f"the device was lost earlier: {self._lost}")
        pooled = torch.empty(len(rows), self.dims.hidden_size)
        steps = plan_steps([len(row) for row in rows], self.buckets, self._cost)
        try:
            self._pipeline(rows, steps, pooled)
        except Exception as error:
            self._settle(error)
            raise
        if self.pooling == "mean":
            pooled /= torch.tensor([len(row) for row in rows], dtype=torch.float32)[:, None]
        bad = (~torch.isfinite(pooled).all(dim=1)).nonzero().flatten().tolist()
        if bad:
            raise RuntimeError(f"the device returned NaN or Inf for rows {bad} of {len(rows)}")
        return pooled

    def _pipeline(self, rows: Sequence[Row], steps: list[Step], pooled: torch.Tensor) -> None:
        flying: list[tuple] = []
        for step in [*steps, *[None] * (IN_FLIGHT - 1)]:
            if step is not None:
                shape = self._step(step.shape)
                texts = [place.text for place in step.places]
                flying.append((shape, shape.submit([rows[text] for text in texts], step.places), texts))
            if flying and (step is None or len(flying) == IN_FLIGHT):
                shape, pending, texts = flying.pop(0)
                pooled[texts] = shape.collect(pending)

    def _settle(self, error: Exception) -> None:
        """Make the device idle after a failure, so that no later step meets what is left of this one."""
        try:
            self._queues.drain()
        except Exception as worse:
            self._lost = f"{error}; then {worse}"
            raise DeviceLost(f"the device did not become idle after a failed step: {self._lost}") from error
        for step in self._steps.values():
            step.forget()

    def warm_up(self) -> None:
        """Compile, and where possible capture, every shape, so that no later step is slower than the next."""
        start = time.perf_counter()
        # All tensors first, then all captures: what is allocated while a trace exists may be overwritten by it.
        for shape in tqdm(self.plans, desc="compile", unit="shape", disable=None):
            self._step(shape)
        shapes = ", ".join(f"{b}x{s}{' packed' * packed}" for b, s, packed in self.plans)
        seconds = time.perf_counter() - start
        logger.info(
            f"{'captured' if self._traced else 'compiled'} {len(self.plans)} shapes in {seconds:.1f} s: {shapes}"
        )

    def close(self) -> None:
        """Free traces and tensors; safe to call again, and after a failure."""
        steps, self._steps = self._steps, {}
        for step in steps.values():
            step.close()

    def _step(self, shape: tuple[int, int, bool]) -> ShapeStep:
        """The compiled step of a shape; with traces, all shapes are compiled and captured at the first call."""
        if shape not in self._steps:
            wanted = self.plans if self._traced else [shape]
            made = {key: self._make(key) for key in wanted}
            for step in made.values() if self._traced else ():
                step.capture()
            self._steps |= made
        return self._steps[shape]

    def _make(self, shape: tuple[int, int, bool]) -> ShapeStep:
        step = ShapeStep(self.device, self._queues, self._model, self.dims, self.pooling, self.plans[shape])
        step.compile()
        return step


def plan_buckets(
    dims: BertDims,
    per_chip: Buckets,
    chips: int,
    grid: tuple[int, int],
    precision: Precision,
    attention: str,
    pooling: str,
) -> dict[tuple[int, int, bool], ShapePlan]:
    """(batch of all chips, sequence length, packed) -> plan of a chip, largest first. ValueError for one without a plan.

    The masks of all packed shapes stay in L1, so every plan does without their bytes.
    """
    most = per_chip.batches[-1]
    masks = () if per_chip.dense else per_chip.packed
    reserved = sum(mask_bytes(most, sequence, grid[0] * grid[1]) for sequence in masks)
    longest = max(per_chip.packed, default=0)
    return {
        (batch * chips, sequence, packed): plan_shape(
            dims,
            batch,
            sequence,
            grid,
            precision,
            attention,
            pooled_rows=None if packed else POOLED_ROWS[pooling],
            packed=packed,
            dense=packed and per_chip.dense,
            alike=longest if sequence <= longest else 0,
            reserved=reserved,
        )
        for batch, sequence, packed in per_chip.shapes
    }


def core_grid(device) -> tuple[int, int]:
    """(columns, rows) of worker cores that a step uses."""
    size = device.compute_with_storage_grid_size()
    return min(size.x, MAX_GRID[0]), min(size.y, MAX_GRID[1])


def trace_bytes(dims: BertDims, shapes: int) -> int:
    """Bytes of trace region that so many captured shapes take, by tt-metal's own figure for a program; an estimate."""
    return shapes * (dims.num_hidden_layers * PROGRAMS_PER_LAYER + PROGRAMS_AROUND) * TRACE_BYTES_PER_PROGRAM


def check_trace_region(device, dims: BertDims, shapes: int) -> None:
    """ValueError, with what to set, if the device was opened with too small a trace region for so many shapes."""
    view = ttnn.get_memory_view(device, ttnn.BufferType.TRACE)
    region, needed = view.total_bytes_per_bank * view.num_banks, trace_bytes(dims, shapes)
    if region < needed:
        raise ValueError(
            f"the trace region is {region} bytes; {shapes} shapes need about {needed}: open the device with "
            f"trace_region_size={needed}, or allow fewer shapes by max_seq_len or max_batch_size"
        )


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
