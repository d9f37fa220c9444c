# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One shape on the device: its tensors, its trace where there is one, and the order of the commands of a step.

With two queues the io queue writes the inputs of the next step and reads the results of the last one while the compute
queue runs this one; with one queue the same commands follow each other:

    io       wait staging free -> write staging -> written
    compute  wait written -> copy staging to inputs -> staging free -> forward -> copy to result -> done
    io       wait done -> read result -> read
    host     wait read

A trace reads its inputs all the time it runs, so they can't be written meanwhile: hence the staging tensors. Every
tensor that outlives a step is allocated before the first capture, because a trace may write wherever nothing lay when
it was captured. On the host too a step allocates no input and no result: it writes and reads the same memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.batch_plan import Place
from models.demos.wormhole.bge_large_en.runner.host_tensor import HostTensor
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.packed_inputs import PackedInputs
from models.demos.wormhole.bge_large_en.runner.queues import COMPUTE, Queues
from models.demos.wormhole.bge_large_en.runner.step_inputs import RowInputs
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan
from models.demos.wormhole.bge_large_en.tt.pooling import PICKING, POOLING

RESULTS = 2  # result tensors, used in turn: one may be read while a step writes the other; so many steps may fly


@dataclass(frozen=True)
class Pending:
    """A step on its way. slots: of each text the row of the result that is its; done: event of the compute queue."""

    result: int
    slots: list[int]
    done: object


class ShapeStep:
    """The device side of one shape; plan.batch rows on each chip of the mesh."""

    def __init__(self, device, queues: Queues, model: BertModel, dims: BertDims, pooling: str, plan: ShapePlan):
        self.device, self.queues, self.model, self.plan = device, queues, model, plan
        self.pool = (PICKING if plan.packed else POOLING)[pooling]
        self.inputs = (PackedInputs if plan.packed else RowInputs)(device, dims, plan, pooling)
        self._size = dims.hidden_size
        self._trace = None
        host = {name: host.tensor for name, host in self.inputs.host.items()}
        self._staging = {name: ttnn.allocate_tensor_on_device(tensor.spec, device) for name, tensor in host.items()}
        self._input = {name: self._allocate_input(name, tensor) for name, tensor in host.items()}
        self._output = None
        self._results: list[ttnn.Tensor] = []
        self._host_results: list[ttnn.Tensor] = []
        self.forget()
        # The new tensors may lie where a step still on its way has tensors that the host freed once it was dispatched.
        self._staging_free = queues.record(COMPUTE)
        self._upload(list(host))

    def _allocate_input(self, name: str, tensor):
        memory = self.plan.mask_memory if name == "mask" else ttnn.DRAM_MEMORY_CONFIG
        return ttnn.allocate_tensor_on_device(tensor.shape, tensor.dtype, tensor.layout, self.device, memory)

    def forget(self) -> None:
        """Drop all events, after a step that failed, when the device is idle."""
        self._staging_free, self._next, self._flying = None, 0, 0

    def submit(self, rows: Sequence[Row], places: Sequence[Place]) -> Pending:
        """Start a step with the texts `rows` at `places`; returns at once, or without a trace after dispatching it."""
        assert self._flying < RESULTS, "a step would overwrite a result that was not collected"
        queues = self.queues
        self._upload(self.inputs.fill(rows, places))
        if self._trace is not None:
            queues.execute(self._trace)
        else:
            self._forward()
        result, self._next = self._next, (self._next + 1) % RESULTS
        queues.copy(self._output, self._results[result])
        total = sum(map(len, self._host_rows[result]))
        self._flying += 1
        return Pending(result, self.inputs.slots(total, places), queues.record(COMPUTE))

    def _upload(self, names: list[str]) -> None:
        """Host tensors to the input tensors, by way of the staging tensors."""
        queues = self.queues
        queues.wait(queues.io, self._staging_free)
        for name in names:
            queues.write(self.inputs.host[name].tensor, self._staging[name])
        queues.wait(COMPUTE, queues.record(queues.io))
        for name in names:
            queues.copy(self._staging[name], self._input[name])
        self._staging_free = queues.record(COMPUTE)

    def collect(self, pending: Pending) -> torch.Tensor:
        """Wait for a step; its texts' rows (n, H) fp32, in the order in which they were submitted."""
        queues, rows = self.queues, self._host_rows[pending.result]
        for raw in self._host_bytes[pending.result]:
            raw.fill(0xFF)  # NaN in both dtypes, so that a read that did not happen is never taken for the last one
        queues.wait(queues.io, pending.done)
        queues.read(self._results[pending.result], self._host_results[pending.result].tensor)
        queues.finish(queues.record(queues.io))
        self._flying -= 1
        slots = torch.from_numpy(np.array(pending.slots, dtype=np.int64))  # indexing by a list takes ten times as long
        return (torch.cat(rows) if len(rows) > 1 else rows[0]).index_select(0, slots).float()

    def compile(self) -> None:
        """Run once without texts, reading nothing: compiles every program and allocates what a step returns."""
        if self._output is None:
            self._forward()
            self.queues.finish(self.submit([], []).done)
            self._flying -= 1

    def capture(self) -> None:
        """Record the forward for replay."""
        self._trace = ttnn.begin_trace_capture(self.device, cq_id=COMPUTE)
        try:
            self._forward()
        finally:
            ttnn.end_trace_capture(self.device, self._trace, cq_id=COMPUTE)

    def close(self) -> None:
        """Release the trace and free the tensors; safe to call again."""
        tensors = [*self._staging.values(), *self._input.values(), *self._results, self._output]
        self._staging, self._input, self._results, self._output = {}, {}, [], None
        trace, self._trace = self._trace, None
        if trace is not None:
            ttnn.release_trace(self.device, trace)
        for tensor in tensors:
            if tensor is not None:
                ttnn.deallocate(tensor)

    def _forward(self) -> None:
        inputs = self._input
        pick = inputs.get("pick")
        hidden = self.model(inputs["ids"], inputs["positions"], inputs["mask"], self.plan, pick)
        pooled = self.pool(hidden, inputs["mask"] if pick is None else pick, self.plan)
        ttnn.deallocate(hidden)
        if self._output is None:
            self._allocate_results(pooled)
        self.queues.copy(pooled, self._output)
        ttnn.deallocate(pooled)

    def _allocate_results(self, pooled) -> None:
        """Tensors like `pooled`, row-major, that a step's result is copied to, and host tensors to read it to."""
        empty = (pooled.shape, pooled.dtype, pooled.layout, self.device, ttnn.DRAM_MEMORY_CONFIG)
        self._output, *self._results = (ttnn.allocate_tensor_on_device(*empty) for _ in range(1 + RESULTS))
        kind = torch.float32 if pooled.dtype == ttnn.float32 else torch.bfloat16
        shape = tuple(pooled.shape)
        hosts = [HostTensor(self.device, shape, pooled.dtype, pooled.layout, kind) for _ in range(RESULTS)]
        # Of each result and chip the rows (n, H), and their bytes.
        self._host_rows = [[view.view(-1, self._size) for view in host.views] for host in hosts]
        self._host_bytes = [[view.view(torch.uint8).numpy() for view in host.views] for host in hosts]
        self._host_results = hosts
