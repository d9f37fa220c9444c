# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One shape on the device: its tensors, its trace where there is one, and the order of the commands of a step.

With two queues the io queue writes the inputs of the next step and reads the results of the last one while the compute
queue runs this one; with one queue the same commands follow each other:

    io       wait staging free -> write staging -> written
    compute  wait written -> copy staging to inputs -> staging free -> forward -> wait read -> copy to result -> done
    io       wait done -> read result -> read

A trace reads its inputs all the time it runs, so they can't be written meanwhile: hence the staging tensors. Every tensor
that outlives a step is allocated before the first capture, because a trace may write wherever nothing lay when it was
captured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import ttnn

from models.demos.wormhole.bge_large_en.runner.batch_plan import Place
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.packed_inputs import PackedInputs
from models.demos.wormhole.bge_large_en.runner.queues import COMPUTE, Queues
from models.demos.wormhole.bge_large_en.runner.step_inputs import RowInputs
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan
from models.demos.wormhole.bge_large_en.tt.pooling import PICKING, POOLING

RESULTS = 2  # result tensors, used in turn: one may be read while a step writes the other


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
        self._chips, self._size = device.get_num_devices(), dims.hidden_size
        self._composer = ttnn.ConcatMeshToTensor(device, dim=0)
        self._trace = None
        host = {name: host.tensor for name, host in self.inputs.host.items()}
        self._staging = {name: ttnn.allocate_tensor_on_device(tensor.spec, device) for name, tensor in host.items()}
        self._input = {name: self._allocate_input(name, tensor) for name, tensor in host.items()}
        for name, tensor in host.items():
            queues.write(tensor, self._staging[name])
        written = queues.record(queues.io)
        queues.wait(COMPUTE, written)
        for name in host:
            queues.copy(self._staging[name], self._input[name])
        self._output = self._results = None
        self.forget()

    def _allocate_input(self, name: str, tensor):
        memory = self.plan.mask_memory if name == "mask" else ttnn.DRAM_MEMORY_CONFIG
        return ttnn.allocate_tensor_on_device(tensor.shape, tensor.dtype, tensor.layout, self.device, memory)

    def forget(self) -> None:
        """Drop all events, when the device is idle: at the start, and after a step that failed."""
        self._staging_free, self._read, self._next = None, [None] * RESULTS, 0

    def submit(self, rows: Sequence[Row], places: Sequence[Place]) -> Pending:
        """Start a step with the texts `rows` at `places`; returns at once, or after the forward where there is no trace."""
        queues, changed = self.queues, self.inputs.fill(rows, places)
        queues.wait(queues.io, self._staging_free)
        for name in changed:
            queues.write(self.inputs.host[name].tensor, self._staging[name])
        queues.wait(COMPUTE, queues.record(queues.io))
        for name in changed:
            queues.copy(self._staging[name], self._input[name])
        self._staging_free = queues.record(COMPUTE)
        if self._trace is not None:
            queues.execute(self._trace)
        else:
            self._forward()
        result, self._next = self._next, (self._next + 1) % RESULTS
        queues.wait(COMPUTE, self._read[result])
        queues.copy(self._output, self._results[result])
        total = self._results[result].shape[0] * self._chips
        return Pending(result, self.inputs.slots(total, places), queues.record(COMPUTE))

    def collect(self, pending: Pending) -> torch.Tensor:
        """Wait for a step; its texts' rows (n, H) fp32, in the order in which they were submitted."""
        queues = self.queues
        queues.wait(queues.io, pending.done)
        host = queues.read(self._results[pending.result])
        read = self._read[pending.result] = queues.record(queues.io)
        queues.finish(read)
        rows = ttnn.to_torch(host, mesh_composer=self._composer)
        return rows.reshape(-1, self._size)[pending.slots].float()

    def compile(self) -> None:
        """Run once without texts, which compiles every program and allocates what a step returns."""
        if self._output is None:
            self._forward()
            self.collect(self.submit([], []))

    def capture(self) -> None:
        """Record the forward for replay."""
        trace = ttnn.begin_trace_capture(self.device, cq_id=COMPUTE)
        self._forward()
        ttnn.end_trace_capture(self.device, trace, cq_id=COMPUTE)
        self._trace = trace

    def close(self) -> None:
        """Release the trace and free the tensors; safe to call again."""
        if self._trace is not None:
            ttnn.release_trace(self.device, self._trace)
            self._trace = None
        tensors = [*self._staging.values(), *self._input.values(), *(self._results or []), self._output]
        self._staging, self._input, self._results, self._output = {}, {}, None, None
        for tensor in tensors:
            if tensor is not None:
                ttnn.deallocate(tensor)

    def _forward(self) -> None:
        inputs = self._input
        hidden = self.model(inputs["ids"], inputs["positions"], inputs["mask"], self.plan)
        pooled = self.pool(hidden, inputs["pick" if self.plan.packed else "mask"], self.plan)
        ttnn.deallocate(hidden)
        if self._output is None:
            empty = (pooled.shape, pooled.dtype, pooled.layout, self.device, ttnn.DRAM_MEMORY_CONFIG)
            self._output, *self._results = (ttnn.allocate_tensor_on_device(*empty) for _ in range(1 + RESULTS))
        self.queues.copy(pooled, self._output)
        ttnn.deallocate(pooled)
