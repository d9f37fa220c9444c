# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Runs rows of token ids through the encoder, in the shapes that a batch plan gives, on every chip of a mesh."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import torch
from loguru import logger
from tqdm import tqdm

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, Step, default_buckets, remembered_plan
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.queues import Queues
from models.demos.wormhole.bge_large_en.runner.shape_step import Pending, ShapeStep
from models.demos.wormhole.bge_large_en.runner.step_cost import step_microseconds
from models.demos.wormhole.bge_large_en.runner.tracing import can_trace, shapes_held, trace_bytes, trace_region
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import CHAIN, SDPA, ShapePlan, mask_bytes, plan_shape
from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS
from models.demos.wormhole.bge_large_en.tt.precision import Precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

MAX_GRID = (8, 9)  # columns and rows of worker cores of a chip of a Galaxy, the largest
USUAL_GRID = (8, 8)  # of an n150, and of an n300 or T3K whose Ethernet cores dispatch (otherwise 8x7)
IN_FLIGHT = 2  # steps: one computes while the next one's inputs are written


class DeviceLost(RuntimeError):
    """The device did not become idle after a step failed; nothing runs on it any more."""


class EncoderRunner:
    """device: ttnn device or mesh; weights: consumed; pooling: "cls" or "mean"; max_batch: rows of a step per chip.

    buckets: shapes per chip; None for default_buckets, of which a device with a small trace region gets fewer. Past the
    core rows, batches use SDPA and are not packed. Every shape is planned here, so that one without a plan, or without
    room for its trace, is refused (ValueError) before weights are loaded. Calls from several threads take turns.
    num_command_queues: what the device was opened with, 1 or 2; queues: in their place.
    observer: called after each step with the step, its texts' tokens, and the seconds from writing to having read it.
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
        num_command_queues: int = 1,
        queues: Queues | None = None,
        observer: Callable[[Step, int, float], None] | None = None,
    ):
        if not 1 <= max_length <= dims.max_position_embeddings:
            raise ValueError(f"max_seq_len is {max_length}; the checkpoint takes 1 to {dims.max_position_embeddings}")
        if buckets is not None and buckets.sequences[-1] < max_length:
            raise ValueError(f"buckets end at {buckets.sequences[-1]} tokens; max_seq_len is {max_length}")
        grid, chips = core_grid(device), device.get_num_devices()
        if grid[0] < USUAL_GRID[0] or grid[1] < USUAL_GRID[1]:
            logger.warning(
                f"the core grid is {grid[0]}x{grid[1]}, less than {USUAL_GRID[0]}x{USUAL_GRID[1]}: a step takes at most "
                f"{grid[1]} rows. Of an n300, ttnn.DispatchCoreConfig(ttnn.DispatchCoreType.ETH) gives it all"
            )
        most = max_batch if buckets is None else buckets.batches[-1]
        # One kind of attention for all batches: a text's bits must not depend on which of them it lands in.
        attention = CHAIN if most <= grid[1] else SDPA
        self._traced, reason = can_trace(device)
        per_chip = buckets or default_buckets(max_length, max_batch, packed=None if attention == CHAIN else ())
        if self._traced:
            per_chip = _traceable(per_chip, trace_region(device), dims, grid, chosen=buckets is not None)
        self.device, self.dims, self.pooling, self.max_length = device, dims, pooling, max_length
        self.plans = plan_buckets(dims, per_chip, chips, grid, precision, attention, pooling, l1_bytes(device))
        self.buckets = replace(per_chip, batches=tuple(batch * chips for batch in per_chip.batches))
        self.cost = {shape: step_microseconds(dims, plan) for shape, plan in self.plans.items()}
        self._queues = queues or Queues(device, num_command_queues)
        self._model: BertModel | None = BertModel(weights, dims, device, precision, attention)
        self._steps: dict[tuple[int, int, bool], ShapeStep] = {}
        self._flying: list[tuple[ShapeStep, Pending, list[Row], Step, float]] = []  # oldest first
        self._lost: str | None = None
        self._turn = threading.RLock()
        self._observer = observer
        how = "as traces" if self._traced else "directly"
        logger.info(f"encoder steps run {how} on {self._queues.io + 1} command queue(s): {reason}")

    def run(self, rows: Sequence[Row]) -> torch.Tensor:
        """Rows -> (len(rows), H) fp32, pooled, not normalised, in the order of rows.

        RuntimeError, naming the rows, if a result is NaN or Inf, and after close(). Whatever a step raises is raised
        on, after the device has become idle; if it does not, this runner raises DeviceLost from then on.
        """
        with self._turn:
            self._check_alive()
            assert not self._flying, "run() before all steps that were submitted are collected"
            pooled = torch.full((len(rows), self.dims.hidden_size), float("nan"))
            try:
                self._pipeline(rows, self.planned(rows), pooled)
            finally:
                if self._flying:
                    self.settle(RuntimeError("interrupted between two steps"))
        bad = (~torch.isfinite(pooled).all(dim=1)).nonzero().flatten().tolist()
        if bad:
            raise RuntimeError(f"the device returned NaN or Inf for rows {bad} of {len(rows)}")
        return pooled

    def planned(self, rows: Sequence[Row]) -> list[Step]:
        """The device steps that run() takes for these rows."""
        return list(remembered_plan(tuple(map(len, rows)), self.buckets, self.cost.__getitem__))

    def _pipeline(self, rows: Sequence[Row], steps: list[Step], pooled: torch.Tensor) -> None:
        for step in [*steps, *[None] * (IN_FLIGHT - 1)]:
            if step is not None:
                self.submit(rows, step)
            if self._flying and (step is None or len(self._flying) == IN_FLIGHT):
                done, found = self.collect()
                pooled[torch.tensor([place.text for place in done.places])] = found

    def submit(self, rows: Sequence[Row], step: Step) -> None:
        """Start one of the steps planned for `rows`, of which IN_FLIGHT may be on their way; errors as of run()."""
        with self._working():
            shape, start = self._step(step.shape), time.perf_counter()
            texts = [rows[place.text] for place in step.places]
            self._flying.append((shape, shape.submit(texts, step.places), texts, step, start))

    def collect(self) -> tuple[Step, torch.Tensor]:
        """Wait for the oldest step on its way: its texts' rows (n, H), NaN and Inf too, in the order of its places."""
        with self._working():
            shape, pending, texts, step, start = self._flying.pop(0)
            pooled, tokens = shape.collect(pending), [len(text) for text in texts]
            if self._observer is not None:
                self._observer(step, sum(tokens), time.perf_counter() - start)
            if self.pooling == "mean":
                pooled /= torch.tensor(tokens, dtype=torch.float32)[:, None]
            return step, pooled

    @contextmanager
    def _working(self) -> Iterator[None]:
        """A turn; what is raised within, an interrupt too, is raised on when the device is idle."""
        with self._turn:
            self._check_alive()
            try:
                yield
            except BaseException as error:
                self.settle(error)
                raise

    def _check_alive(self) -> None:
        if self._lost is not None:
            raise DeviceLost(f"the device was lost earlier: {self._lost}")
        if self._model is None:
            raise RuntimeError("the runner is closed")

    def settle(self, error: BaseException) -> None:
        """Make the device idle after a failure, so that no later step meets what is left of any. DeviceLost if it fails."""
        try:
            self._queues.drain()
        except Exception as worse:
            self._lost = f"{error}; then {worse}"
            raise DeviceLost(f"the device did not become idle after a failed step: {self._lost}") from error
        self._flying.clear()
        for step in self._steps.values():
            step.forget()

    def warm_up(self, between: Callable[[], None] | None = None) -> None:
        """Compile, and where possible capture, every shape, so that no later step is slower than the next.

        between: called before each shape; what it raises ends the warm-up.
        """
        with self._turn:
            self._check_alive()
            start = time.perf_counter()
            self._make(list(self.plans), between)
        shapes = ", ".join(f"{b}x{s}{' packed' * packed}" for b, s, packed in self.plans)
        how, seconds = "captured" if self._traced else "compiled", time.perf_counter() - start
        logger.info(f"{how} {len(self.plans)} shapes in {seconds:.1f} s: {shapes}")

    def close(self) -> None:
        """Free traces, tensors and weights; safe to call again, and after a failure. Raises the first error, if any.

        On a lost device, where freeing can't but fail, errors are logged only.
        """
        with self._turn:
            with suppress(DeviceLost):
                if self._flying:
                    self.settle(RuntimeError("the runner closes"))
            steps, self._steps, self._model = self._steps, {}, None
            error = _close(steps.values())
        if error is not None and self._lost is None:
            raise error

    def _step(self, shape: tuple[int, int, bool]) -> ShapeStep:
        """The compiled step of a shape; with traces, all shapes are compiled and captured at the first call."""
        if shape not in self._steps:
            self._make(list(self.plans) if self._traced else [shape])
        return self._steps[shape]

    def _make(self, shapes: list[tuple[int, int, bool]], between: Callable[[], None] | None = None) -> None:
        """Make the steps of those `shapes` that have none yet."""
        shapes = [shape for shape in shapes if shape not in self._steps]
        progress = partial(tqdm, unit="shape", disable=None if len(shapes) > 1 else True)
        made: dict[tuple[int, int, bool], ShapeStep] = {}
        assert self._model is not None, "steps are made after close()"
        try:
            # All tensors first, then all captures: what is allocated while a trace exists may be overwritten by it.
            for shape in progress(shapes, desc="compile"):
                if between:
                    between()
                sizes = (self.dims, self.pooling, self.plans[shape])
                made[shape] = ShapeStep(self.device, self._queues, self._model, *sizes)
                made[shape].compile()
            for step in progress(made.values(), desc="capture") if self._traced else ():
                if between:
                    between()
                step.capture()
        except BaseException:
            _close(made.values())
            raise
        self._steps |= made


def _close(steps: Iterable[ShapeStep]) -> Exception | None:
    """Close all steps, whatever one of them raises; logs every error and returns the first."""
    errors = []
    for step in steps:
        try:
            step.close()
        except Exception as error:
            logger.warning(f"closing a shape failed: {error}")
            errors.append(error)
    return errors[0] if errors else None


def _traceable(per_chip: Buckets, region: int, dims: BertDims, grid: tuple[int, int], chosen: bool) -> Buckets:
    """The shapes that a trace region of `region` bytes holds. ValueError unless it holds one, or all if `chosen`."""
    held = shapes_held(region, dims, per_chip, grid, all_of_them=chosen)
    if held != per_chip:
        logger.warning(
            f"the trace region of {region} bytes holds {len(held.shapes)} of {len(per_chip.shapes)} shapes, so short "
            f"texts are padded more; for all open the device with trace_region_size="
            f"{trace_bytes(dims, per_chip.shapes, grid)}"
        )
    return held


def plan_buckets(
    dims: BertDims,
    per_chip: Buckets,
    chips: int,
    grid: tuple[int, int],
    precision: Precision,
    attention: str,
    pooling: str,
    l1: int = L1_BYTES,
) -> dict[tuple[int, int, bool], ShapePlan]:
    """(batch of all chips, sequence length, packed) -> plan of a chip, largest first. ValueError where there is none.

    l1: bytes per core. The masks of all packed shapes stay there, so every plan does without their bytes.
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
            pooled_rows=POOLED_ROWS[pooling],
            packed=packed,
            dense=packed and per_chip.dense,
            alike=longest if sequence <= longest else 0,
            reserved=reserved,
            l1=l1,
        )
        for batch, sequence, packed in per_chip.shapes
    }


def core_grid(device) -> tuple[int, int]:
    """(columns, rows) of worker cores that a step uses. ValueError for a device that is no Wormhole."""
    if device.arch() != ttnn.Arch.WORMHOLE_B0:
        raise ValueError(f"the device is a {device.arch().name}; the encoder's plans are for WORMHOLE_B0 only")
    size = device.compute_with_storage_grid_size()
    return min(size.x, MAX_GRID[0]), min(size.y, MAX_GRID[1])


def l1_bytes(device) -> int:
    """Bytes of L1 per core for tensors and circular buffers, as the device was opened (l1_small_size, worker_l1_size).

    ttnn.device.get_max_worker_l1_unreserved_size() is more, by the 70,656 that kernels take unless told otherwise.
    """
    return ttnn.get_memory_view(device, ttnn.BufferType.L1).total_bytes_per_bank
