# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The steps that bge.md reports, each measured once: its plan, its ops with their estimates, and its L1 by op."""

from dataclasses import dataclass

SEQUENCES, BATCH, GRID = (384, 512), 8, (8, 8)
OPS = "QKV, split heads, Q K^T, softmax, times V, join heads, output, norm 1, FF1, FF2, norm 2".split(", ")


@dataclass(frozen=True)
class Op:
    """One program of a middle layer. l1_tensors, l1_buffers: bytes per core live as it runs, its own included."""

    label: str
    shape: str
    ideal_us: float
    calibrated_us: float
    l1_tensors: int
    l1_buffers: int


@dataclass(frozen=True)
class Case:
    """One profile at one length. summary: of estimate.summary; unit_us: calibrated microseconds by unit of work."""

    profile: str
    sequence: int
    plan: object
    ops: tuple[Op, ...]
    summary: dict
    ideal_ms: float
    fitted_ms: float
    unit_us: dict


def layer_of(items: list, name_of) -> list:
    """The eleven items of a layer in the middle, from its QKV linear on."""
    heads = [i for i, item in enumerate(items) if name_of(item).endswith("create_qkv_heads")]
    start, end = heads[len(heads) // 2] - 1, heads[len(heads) // 2 + 1] - 1
    assert end - start == len(OPS), [name_of(item) for item in items[start:end]]
    return items[start:end]


def estimate(device, dims, precision, sequence: int, with_l1: bool = True):
    """(forward.Forward, graph captured without dispatch or None) of a warm step."""
    import ttnn
    from models.demos.wormhole.bge_large_en.tests.perf import forward

    with forward.zero_runner(device, dims, BATCH, sequence, precision, "cls") as runner:
        found, graph = forward.measure(runner, BATCH, sequence), None
        if with_l1:
            ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NO_DISPATCH)
            runner.run(forward.full_rows(BATCH, sequence))
            graph = ttnn.graph.end_graph_capture()
    return found, graph


def case(device, profile: str, sequence: int, fitted) -> Case:
    from models.demos.wormhole.bge_large_en.runner import kernel_work as work
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf import estimate as estimates
    from models.demos.wormhole.bge_large_en.tests.perf.l1_graph import l1_by_call
    from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
    from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims = model_dims("large")
    precision = profile_precision(profile, dims)
    found, graph = estimate(device, dims, precision, sequence)
    layer = layer_of(list(found.ops), lambda op: op.name)
    usage = layer_of([call for call in l1_by_call(graph) if call.name != "ttnn.deallocate"], lambda call: call.name)
    ops = tuple(
        Op(label, op.shape, op.ideal_ns / 1e3, fitted.microseconds(op.work), l1.tensors, l1.buffers)
        for label, op, l1 in zip(OPS, layer, usage)
    )
    total = work.add(*(op.work for op in found.ops))
    return Case(
        profile,
        sequence,
        plan_shape(dims, BATCH, sequence, GRID, precision, pooled_rows=POOLED_ROWS["cls"]),
        ops,
        estimates.summary(found, dims, BATCH, sequence, fitted),
        sum(op.ideal_ns for op in found.ops) / 1e6,
        fitted.microseconds(total) / 1e3,
        {unit: fitted.prices[unit] * amount for unit, amount in total.items()},
    )
