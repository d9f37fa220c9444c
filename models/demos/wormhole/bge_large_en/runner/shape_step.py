# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One compiled (batch, sequence length) shape on the device: its input tensors, and its trace where there is one."""

from collections.abc import Sequence

import torch
import ttnn

from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import TILE, BertDims
from models.demos.wormhole.bge_large_en.tt.plan import ShapePlan
from models.demos.wormhole.bge_large_en.tt.pooling import POOLING

MASKED = -1e5  # added to the scores of padding: its exp is 0 in every format, and unlike -inf bf16 arithmetic keeps it


class ShapeStep:
    """The device side of one shape. Rows are spread over the chips of the mesh, plan.batch to each.

    The input tensors live as long as this does. A step writes ids and mask; positions only when a row brings its own, or the last step's did.
    """

    def __init__(self, device, model: BertModel, dims: BertDims, pooling: str, plan: ShapePlan):
        self.device, self.model, self.plan = device, model, plan
        self.vocab_size = dims.vocab_size
        self.pool = POOLING[pooling]
        self.rows = plan.batch * device.get_num_devices()
        self._mapper = ttnn.ShardTensorToMesh(device, dim=0) if device.get_num_devices() > 1 else None
        self._composer = ttnn.ConcatMeshToTensor(device, dim=0)
        self._positions_changed = False
        self.compiled = False
        self._trace = self._output = None
        host = {**self._stage([]), "positions": self._positions([])}
        self._inputs = {name: ttnn.allocate_tensor_on_device(tensor.spec, device) for name, tensor in host.items()}
        self._write(host)

    def run(self, rows: Sequence[Row]) -> torch.Tensor:
        """At most `self.rows` rows of at most plan.sequence tokens -> (len(rows), H) fp32, pooled, not normalised."""
        host = self._stage(rows)
        changed = any(row.positions is not None for row in rows)
        if changed or self._positions_changed:
            host["positions"] = self._positions(rows)
        self._positions_changed = changed
        self._write(host)
        if self._trace is not None:
            ttnn.execute_trace(self.device, self._trace, cq_id=0, blocking=False)
            return self._read(self._output)[: len(rows)]
        output = self._forward()
        pooled = self._read(output)
        ttnn.deallocate(output)
        return pooled[: len(rows)]

    def compile(self, trace: bool) -> None:
        """Run once, which compiles every program, and with `trace` record the forward for replay."""
        if self.compiled:
            return
        self.run([])
        self.compiled = True
        if trace:
            self._capture()

    def _capture(self) -> None:
        trace = ttnn.begin_trace_capture(self.device, cq_id=0)
        self._output = self._forward()
        ttnn.end_trace_capture(self.device, trace, cq_id=0)
        self._trace = trace

    def close(self) -> None:
        """Release the trace and free the tensors; safe to call again."""
        if self._trace is not None:
            ttnn.release_trace(self.device, self._trace)
            ttnn.deallocate(self._output)
            self._trace = self._output = None
        for tensor in self._inputs.values():
            ttnn.deallocate(tensor)
        self._inputs = {}

    def _forward(self):
        inputs = self._inputs
        hidden = self.model(inputs["ids"], inputs["positions"], inputs["mask"], self.plan)
        pooled = self.pool(hidden, inputs["mask"], self.plan)
        ttnn.deallocate(hidden)
        return pooled

    def _stage(self, rows: Sequence[Row]) -> dict[str, ttnn.Tensor]:
        """Host tensors of a step: ids (R, S) uint32, mask (R, 1, S/32, 32) bf16."""
        sequence = self.plan.sequence
        ids = torch.zeros(self.rows, sequence, dtype=torch.int64)
        # Rows without a text keep one visible token, so that no softmax runs over nothing.
        lengths = torch.ones(self.rows, 1, dtype=torch.int64)
        for i, row in enumerate(rows):
            lengths[i] = len(row)
            # The table of embeddings has one block of vocab_size rows per token type.
            ids[i, : len(row)] = row.ids if row.types is None else row.ids + row.types * self.vocab_size
        visible = torch.arange(sequence)[None] < lengths
        mask = torch.where(visible, 0.0, MASKED).reshape(self.rows, 1, sequence // TILE, TILE)
        return {"ids": self._to_host(ids, ttnn.uint32), "mask": self._to_host(mask, ttnn.bfloat16)}

    def _positions(self, rows: Sequence[Row]) -> ttnn.Tensor:
        positions = torch.arange(self.plan.sequence).repeat(self.rows, 1)
        for i, row in enumerate(rows):
            if row.positions is not None:
                positions[i, : len(row)] = row.positions
        return self._to_host(positions, ttnn.uint32)

    def _to_host(self, tensor: torch.Tensor, dtype, layout=ttnn.ROW_MAJOR_LAYOUT) -> ttnn.Tensor:
        return ttnn.from_torch(tensor, dtype=dtype, layout=layout, mesh_mapper=self._mapper)

    def _write(self, host: dict[str, ttnn.Tensor]) -> None:
        for name, tensor in host.items():
            ttnn.copy_host_to_device_tensor(tensor, self._inputs[name], cq_id=0)

    def _read(self, output) -> torch.Tensor:
        pooled = ttnn.to_torch(output, mesh_composer=self._composer)
        return pooled.float().reshape(self.rows, -1)
