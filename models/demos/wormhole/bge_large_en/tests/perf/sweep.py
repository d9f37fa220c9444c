# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Plan every shape, and run what is planned on the mock device: legal or refused, and peak L1 per core.

    python -m models.demos.wormhole.bge_large_en.tests.perf.sweep [--hidden 1024] [--batch 8 16] [--seq 384] [--json]

Two layers, one of each kind, with every op checked, configured and allocated by ttnn; no values. Peak L1 is that of
live tensors and a program's circular buffers, in bytes, from ttnn's graph capture without dispatch. Emulated only.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from models.demos.wormhole.bge_large_en.tests.perf.stdout import own_stdout
from models.emulated_wormhole import activate, dispatch_only

HIDDEN = {384: (12, 1536), 768: (12, 3072), 1024: (16, 4096)}  # hidden size -> heads, intermediate size
BATCHES = tuple(range(1, 17))
SEQUENCES = (32, 64, 128, 256, 384, 512)
GRIDS = ((8, 8), (8, 7))


@dataclass(frozen=True)
class Swept:
    """One shape: its attention and peak L1 bytes, or why it was refused."""

    hidden: int
    batch: int
    sequence: int
    grid: tuple[int, int]
    profile: str
    pooling: str
    attention: str | None = None
    peak_l1: int | None = None
    refused: str | None = None


def shapes(hidden=tuple(HIDDEN), batches=BATCHES, sequences=SEQUENCES, grids=GRIDS) -> Iterator[tuple]:
    """(hidden, batch, sequence length, grid)."""
    for h in hidden:
        for grid in grids:
            for sequence in sequences:
                for batch in batches:
                    yield h, batch, sequence, grid


def sweep(device, wanted, profiles=("performance", "accuracy"), pooling: str = "cls") -> Iterator[Swept]:
    """Plan and run every wanted shape. What ttnn raises for a planned shape is not caught: no plan may fail there."""
    models = {}
    for hidden, batch, sequence, grid in wanted:
        for profile in profiles:
            yield _one(device, models, hidden, batch, sequence, grid, profile, pooling)


def _one(device, models: dict, hidden: int, batch: int, sequence: int, grid, profile: str, pooling: str) -> Swept:
    import ttnn
    from models.demos.wormhole.bge_large_en.tests.perf.l1_graph import peak_l1
    from models.demos.wormhole.bge_large_en.tt.bert import BertModel
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims
    from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
    from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS, POOLING
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    heads, ffn = HIDDEN[hidden]
    dims = BertDims(hidden, heads, ffn, 2, 64, 512, 2, 1e-12)
    precision, shape = profile_precision(profile, dims), (hidden, batch, sequence, grid, profile, pooling)
    try:
        plan = plan_shape(dims, batch, sequence, grid, precision, pooled_rows=POOLED_ROWS[pooling])
    except ValueError as refused:
        return Swept(*shape, refused=str(refused))
    with dispatch_only():
        key = (hidden, profile, plan.attention)
        if key not in models:
            models[key] = BertModel(_ZeroWeights(), dims, device, precision, plan.attention)
        ids = ttnn.from_torch(torch.zeros(batch, sequence, dtype=torch.int64), dtype=ttnn.uint32, device=device)
        mask = torch.zeros(batch, 1, sequence // 32, 32)
        mask = ttnn.from_torch(mask, dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT, device=device)

        def forward():
            out = models[key](ids, ids, mask, plan)
            pooled = POOLING[pooling](out, mask, plan)
            ttnn.deallocate(out)
            ttnn.deallocate(pooled)

        forward()  # for real: what does not fit raises
        ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NO_DISPATCH)
        forward()
        peak = peak_l1(ttnn.graph.end_graph_capture())
        ttnn.deallocate(ids)
        ttnn.deallocate(mask)
    return Swept(*shape, attention=plan.attention, peak_l1=peak)


class _ZeroWeights:
    """Weights of any name and shape, all zero."""

    def under(self, _name: str) -> "_ZeroWeights":
        return self

    def take(self, _name: str, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.zeros(shape)

    def finish(self) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="+", default=tuple(HIDDEN), choices=tuple(HIDDEN))
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--seq", type=int, nargs="+", default=SEQUENCES)
    parser.add_argument("--pooling", default="cls", choices=("cls", "mean"))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options, out = parser.parse_args(), own_stdout()
    target = activate("n150")
    import ttnn
    from models.demos.wormhole.bge_large_en.tt.blocking import L1_BYTES

    if not target.emulated:
        parser.error(f"this sweep measures L1 on the mock device only; this is {target}")
    if not options.json:
        print(f"running on: {target}; a step has {L1_BYTES} bytes of L1 per core", file=out)
    device = ttnn.open_device(device_id=0)
    for found in sweep(device, shapes(options.hidden, options.batch, options.seq), pooling=options.pooling):
        print(json.dumps(vars(found)) if options.json else line(found, L1_BYTES), file=out, flush=True)
    ttnn.close_device(device)


def line(found: Swept, limit: int) -> str:
    """One shape in the table; limit: bytes of L1 per core."""
    columns, rows = found.grid
    shape = f"{found.hidden:5d} {found.batch:3d} x {found.sequence:3d}  {columns}x{rows} {found.profile:12s}"
    if found.peak_l1 is None:
        return f"{shape} refused: {found.refused}"
    return f"{shape} {found.attention:6s} {found.peak_l1:9,d} B {found.peak_l1 / limit:5.1%}"


if __name__ == "__main__":
    main()
