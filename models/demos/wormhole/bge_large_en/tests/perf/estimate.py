# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What one step of the encoder costs: a lower bound per op, a calibrated range, and both against baseline and roofline.

    python -m models.demos.wormhole.bge_large_en.tests.perf.estimate --batch 8 --seq 384 --profile performance

Counts (programs, bytes, L1) are taken from the ops really called and hold on every target. Times are estimates: the
bound by the OpPerformanceModel rule (bound.py) is a LOWER BOUND on time that no silicon reaches; the calibrated range
(calibration.py) is fitted to published figures. On silicon measured kernel times are printed beside.
"""

import argparse
import json
import sys

from models.demos.wormhole.bge_large_en.tests.perf.stdout import own_stdout
from models.emulated_wormhole import activate, dispatch_only

KEYS = (
    "sentences_per_second",
    "fitted_sentences_per_second",
    "calibrated_sentences_per_second",
    "roofline_fraction",
    "programs_per_forward",
    "l1_bytes_moved",
    "launches_per_layer",
    "data_movement_launches_per_layer",
    "dram_bytes",
    "input_tensors",
    "input_bytes",
    "peak_l1_bytes",
)


def summary(forward, dims, batch: int, sequence: int, calibration) -> dict:
    """The object of --json, under KEYS and "baseline", and the launches split by kind.

    forward: of forward.measure. sentences_per_second is the upper bound that goes with the lower bound on time;
    fitted_sentences_per_second is by the fitted prices,
    calibrated_sentences_per_second (low, high) around it; bytes are per forward, but peak_l1_bytes per core and input_bytes
    per step.
    """
    from models.demos.wormhole.bge_large_en.runner import kernel_work as work
    from models.demos.wormhole.bge_large_en.tests.perf import baseline, bound
    from models.demos.wormhole.bge_large_en.tests.perf.op_records import HEADS, MOVEMENT

    ops = forward.ops
    seconds = sum(op.ideal_ns for op in ops) / 1e9
    total = work.add(*(op.work for op in ops))
    least, most = calibration.range_us(total)
    layer = middle_layer(ops)
    launches = {kind: sum(op.programs for op in ops if op.kind == kind) for kind in (HEADS, MOVEMENT)}
    programs = sum(op.programs for op in ops)
    recorded = baseline.baseline(dims.hidden_size, dims.num_hidden_layers, batch, sequence)
    return {
        "sentences_per_second": batch / seconds,
        "fitted_sentences_per_second": batch * 1e6 / calibration.microseconds(total),
        "calibrated_sentences_per_second": [batch * 1e6 / most, batch * 1e6 / least],
        "roofline_fraction": batch / seconds / bound.roofline(dims, sequence),
        "programs_per_forward": programs,
        "compute_programs": programs - sum(launches.values()),
        "head_programs": launches[HEADS],
        "data_movement_programs": launches[MOVEMENT],
        "l1_bytes_moved": sum(op.l1_bytes_moved for op in ops),
        "launches_per_layer": sum(op.programs for op in layer),
        "data_movement_launches_per_layer": sum(op.programs for op in layer if op.kind == MOVEMENT),
        "dram_bytes": sum(op.dram_bytes for op in ops),
        "input_tensors": len(forward.input_bytes),
        "input_bytes": sum(forward.input_bytes),
        "peak_l1_bytes": forward.peak_l1_bytes,
        "baseline": recorded and {key: recorded.get(key) for key in KEYS},
    }


def middle_layer(ops) -> list:
    """The ops of one layer in the middle of the encoder: from after one softmax to the next, in which all come once.

    Empty for an encoder of fewer than three layers, whose last one may be pruned.
    """
    from models.demos.wormhole.bge_large_en.tests.perf.op_records import ATTENTION, SOFTMAX

    at = [index for index, op in enumerate(ops) if op.kind in (SOFTMAX, ATTENTION)]
    if len(at) < 3:
        return []
    middle = (len(at) - 1) // 2
    return list(ops[at[middle - 1] + 1 : at[middle] + 1])


def op_table(ops, measured: list[float] | None = None) -> str:
    """Equal ops together, in the order of their first call; measured: kernel ns of each op, or None."""
    groups: dict = {}
    for index, op in enumerate(ops):
        key = (op.name, op.shape, op.fidelity, op.fp32, op.cores, op.dram_bytes, op.programs)
        groups.setdefault(key, []).append(index)
    heading = ("op", "output, or MxKxN", "calls", "programs", "cores", "GFLOP", "fidelity", "DRAM MB", "ideal us >=")
    rows = [heading + (("measured us",) if measured else ())]
    for (name, shape, fidelity, fp32, cores, dram, programs), indices in groups.items():
        op, count = ops[indices[0]], len(indices)
        arithmetic = f"{fidelity}{' fp32' if fp32 else ''}" if fidelity else "-"
        row = (name.removeprefix("ttnn."), shape, count, programs * count, cores, f"{op.flops * count / 1e9:.2f}")
        row += (arithmetic, f"{dram * count / 1e6:.2f}", f"{op.ideal_ns * count / 1e3:.1f}")
        rows.append(row + ((f"{sum(measured[i] for i in indices) / 1e3:.1f}",) if measured else ()))
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(str(cell).ljust(w) if i < 2 else str(cell).rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        for row in rows
    )


def report(result: dict, ops, dims, batch: int, sequence: int, calibration, measured: list[float] | None) -> str:
    """The text of the command, after its first line."""
    from models.demos.wormhole.bge_large_en.runner import kernel_work as work
    from models.demos.wormhole.bge_large_en.tests.perf import bound
    from models.demos.wormhole.bge_large_en.tests.perf import calibration as fitting

    total = work.add(*(op.work for op in ops))
    low, high = result["calibrated_sentences_per_second"]
    middle = result["fitted_sentences_per_second"]
    shares = {unit: calibration.prices[unit] * amount for unit, amount in total.items()}
    lines = [op_table(ops, measured), ""]
    if measured:
        lines.append(
            f"measured: {sum(measured) / 1e6:.2f} ms in kernels, {batch / sum(measured) * 1e9:.0f} sentences/s"
        )
    lines += [
        f"lower bound: {batch / result['sentences_per_second'] * 1e3:.2f} ms, at most "
        f"{result['sentences_per_second']:.0f} sentences/s (OpPerformanceModel rule: no launches, SFPU, NoC, packing)",
        f"roofline: {bound.roofline(dims, sequence):.0f} sentences/s (all FLOPs of the unpruned model at LoFi on 64 "
        f"cores); the bound is {result['roofline_fraction']:.3f} of it, past 1 where the last layer is pruned",
        f"programs: {result['programs_per_forward']} = {result['compute_programs']} compute + {result['head_programs']}"
        f" heads + {result['data_movement_programs']} data movement; a middle layer {result['launches_per_layer']}, of "
        f"them {result['data_movement_launches_per_layer']} data movement",
        f"inputs of a step: {result['input_tensors']} tensors, {result['input_bytes']} bytes",
        f"peak L1 per core: {result['peak_l1_bytes']} bytes",
        f"L1 written by data movement: {result['l1_bytes_moved'] / 1e6:.2f} MB",
        f"DRAM read and written: {result['dram_bytes'] / 1e6:.1f} MB",
        "",
        _against_baseline(result, sequence),
        "",
        f"calibrated estimate: {low:.0f} to {high:.0f} sentences/s, {middle:.0f} by the fitted prices (traced)",
        "  of its time: "
        + ", ".join(f"{unit} {us / 1e3:.2f} ms" for unit, us in sorted(shares.items(), key=lambda s: -s[1])),
        "",
        fitting.describe(calibration),
        "",
        "All times but measured ones are estimates; the ideal times and the bound are lower bounds.",
    ]
    return "\n".join(lines)


def _against_baseline(result: dict, sequence: int) -> str:
    recorded = result["baseline"]
    if recorded is None:
        return "baseline: recorded for BGE-large, 24 layers, batch 8, 384 and 512 tokens only"
    lines = [f"against tt-metal's own encoder at {sequence} tokens (baseline.py), ratio here / there:"]
    for key, value in recorded.items():
        if value:
            lines.append(f"  {key:34s} {result[key]:14,.3f} / {value:14,.3f} = {result[key] / value:.4f}")
    return "\n".join(lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--batch", type=int, default=8, help="sentences of a step, per chip")
    parser.add_argument("--seq", type=int, default=384, help="tokens of each, a multiple of 32 up to 512")
    parser.add_argument("--profile", default="performance", help="performance or accuracy")
    parser.add_argument("--pooling", choices=("cls", "mean"), default="cls")
    parser.add_argument("--model", choices=("large", "base", "small", "minilm"), default="large")
    parser.add_argument("--layers", type=int, default=None, help="another depth than the model's")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options, out = parse(arguments), own_stdout()
    target = activate()
    log = sys.stderr if options.json else out
    print(f"running on: {target.describe()}; times below are estimates, bounds are lower bounds", file=log)
    import ttnn
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf import calibration, forward, profiler
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims = model_dims(options.model, options.layers)
    precision = profile_precision(options.profile, dims)
    with dispatch_only():
        device = ttnn.open_device(device_id=0)
    measured = None
    try:
        runner = forward.zero_runner(device, dims, options.batch, options.seq, precision, options.pooling)
        with runner as encoder:
            found = forward.measure(encoder, options.batch, options.seq)
            reason = profiler.why_not(target.kind)
            if reason is None:
                rows = forward.full_rows(options.batch, options.seq)
                measured = profiler.measured_ns(target.kind, device, lambda: encoder.run(rows), found.ops)
    finally:
        ttnn.close_device(device)
    fitted = calibration.calibrate()
    result = summary(found, dims, options.batch, options.seq, fitted)
    if options.json:
        if measured:
            result["measured_kernel_ms"] = sum(measured) / 1e6
        print(json.dumps(result), file=out, flush=True)
        return
    print(report(result, found.ops, dims, options.batch, options.seq, fitted, measured), file=out, flush=True)
    if reason:
        print(f"not measured: {reason}", file=out, flush=True)


if __name__ == "__main__":
    main()
