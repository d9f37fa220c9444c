# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One warm step of the encoder, recorded: its ops, its input tensors and the L1 it takes. Weights are zeros."""

from dataclasses import dataclass

import ttnn
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
from models.demos.wormhole.bge_large_en.tests.perf.l1_graph import peak_l1
from models.demos.wormhole.bge_large_en.tests.perf.op_records import OpRecord, record_ops
from models.demos.wormhole.bge_large_en.tests.perf.zero_runner import full_rows, zero_runner

__all__ = ["Forward", "full_rows", "measure", "zero_runner"]

L1_LIMIT = 1_499_136  # bytes per core of a Wormhole


@dataclass(frozen=True)
class Forward:
    """ops: the records of one warm step; input_bytes: of each tensor written to the device for it; peak_l1_bytes: per
    core, see l1_graph.py; cache_entries: of the program cache after the first step
    of this shape and after the last."""

    ops: tuple[OpRecord, ...]
    input_bytes: tuple[int, ...]
    peak_l1_bytes: int
    cache_entries: tuple[int, int]


def measure(runner: EncoderRunner, batch: int, sequence: int) -> Forward:
    """Run steps of `batch` full rows on a runner of zero_runner, and say what a warm one does."""
    rows = full_rows(batch, sequence)
    runner.run(rows)
    first = runner.device.num_program_cache_entries()
    with record_ops() as recording:
        runner.run(rows)
    peak = _peak_l1(runner, rows)
    runner.run(rows)
    entries = (first, runner.device.num_program_cache_entries())
    return Forward(tuple(recording.ops), tuple(recording.host_copies), peak, entries)


def _peak_l1(runner: EncoderRunner, rows: list[Row]) -> int:
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NO_DISPATCH)
    try:
        runner.run(rows)
    finally:
        graph = ttnn.graph.end_graph_capture()
    return peak_l1(graph)
