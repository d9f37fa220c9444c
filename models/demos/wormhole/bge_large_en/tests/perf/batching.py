# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the batch plan makes of real texts: steps, padding efficiency, estimated device time, host time per step.

    python -m models.demos.wormhole.bge_large_en.tests.perf.batching --lengths stsb --waiting 64

Texts are taken `--waiting` at a time. Padding efficiency is tokens of texts over tokens computed. Device time is an
ESTIMATE for BGE-large on one chip (runner/step_cost.py), over the same for batches of 8 padded to 384 tokens, as
tt-metal's server does it; attention over whole packed rows is part of it. Host time is measured, with a device that
does nothing, beside padding the same texts with numpy in the same run; it depends on the machine.
"""

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Sequence

from models.demos.wormhole.bge_large_en.tests.perf.text_lengths import text_lengths
from models.emulated_wormhole import activate, dispatch_only

PADDED_BATCH, PADDED_LENGTH = 8, 384
MAX_BATCH = 8
PACKINGS = ("aligned", "dense", "none")
LAYERS = 2  # of the model on the device that does nothing; the host does the same for any depth of a trace
TIMED_STEPS = 200
HOST_PHASES = ("planning", "staging", "dispatch", "readback")


class IdleQueues:
    """Queues of a device that does nothing: no call reaches ttnn."""

    io = 1

    def _nothing(self, *_):
        return None

    write = copy = execute = read = record = wait = finish = drain = _nothing


def buckets_for(lengths: Sequence[int], packing: str):
    """The default shapes, up to 384 tokens or to the longest text."""
    from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets

    longest = max(PADDED_LENGTH, *lengths)
    return default_buckets(longest, MAX_BATCH, packed=() if packing == "none" else None, dense=packing == "dense")


def summary(lengths: Sequence[int], waiting: int, packing: str, dims) -> dict:
    """The object of --json but for host times; dims: of the model that the device times are of."""
    from models.demos.wormhole.bge_large_en.runner.batch_plan import plan_steps
    from models.demos.wormhole.bge_large_en.tests.perf.plan_cost import bucket_costs
    from models.demos.wormhole.bge_large_en.tt.dims import TILE

    buckets = buckets_for(lengths, packing)
    cost = bucket_costs(dims, buckets)
    groups = [lengths[start : start + waiting] for start in range(0, len(lengths), waiting)]
    steps = [step for group in groups for step in plan_steps(group, buckets, cost)]
    padded = buckets.sequences[-1] if max(lengths) > PADDED_LENGTH else PADDED_LENGTH
    always = sum(-(-len(group) // PADDED_BATCH) for group in groups) * cost((PADDED_BATCH, padded, False))
    estimated = sum(cost(step.shape) for step in steps)
    computed = sum(step.batch * step.sequence for step in steps)
    shapes: dict[str, int] = {}
    for step in steps:
        name = f"{step.batch}x{step.sequence}{' packed' * step.packed}"
        shapes[name] = shapes.get(name, 0) + 1
    return {
        "texts": len(lengths),
        "waiting": waiting,
        "packing": packing,
        "tokens": sum(lengths),
        "computed_tokens": computed,
        "padding_efficiency": sum(lengths) / computed,
        "tile_aligned_limit": sum(lengths) / sum(-(-length // TILE) * TILE for length in lengths),
        "steps": len(steps),
        "steps_by_shape": shapes,
        "estimated_device_seconds": estimated / 1e6,
        "always_padded_to": [PADDED_BATCH, padded],
        "always_pad_device_seconds": always / 1e6,
        "ratio_to_always_pad": always / estimated,
    }


def host_times(device, lengths: Sequence[int], waiting: int, packing: str) -> dict:
    """Median milliseconds of a step by phase, on a device that does nothing, and of numpy padding of its texts."""
    import torch

    from models.demos.wormhole.bge_large_en.runner.inputs import Row
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf.forward import zero_runner
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims = model_dims("large", LAYERS)
    precision, buckets = profile_precision("performance", dims), buckets_for(lengths, packing)
    with zero_runner(device, dims, MAX_BATCH, buckets.sequences[-1], precision, "cls", buckets=buckets) as runner:
        generator = torch.Generator().manual_seed(0)
        taken: dict[str, list[float]] = {phase: [] for phase in (*HOST_PHASES, "numpy_padding")}
        for start in range(0, len(lengths), waiting):
            group = [
                Row(torch.randint(0, dims.vocab_size, (length,), generator=generator))
                for length in lengths[start : start + waiting]
            ]
            began = time.perf_counter()
            steps = runner.planned(group)
            taken["planning"].append((time.perf_counter() - began) / len(steps))
            for step in steps:
                _time_step(runner, step, [group[place.text] for place in step.places], taken)
            if len(taken["staging"]) >= TIMED_STEPS:
                break
    return {name: 1e3 * statistics.median(seconds) for name, seconds in taken.items()}


def _time_step(runner, step, rows, taken: dict[str, list[float]]) -> None:
    shape, queues = runner._step(step.shape), runner._queues
    texts = [row.ids.tolist() for row in rows]
    shape.queues, shape._trace = IdleQueues(), object()  # a trace to replay, on a device that does nothing
    fill = shape.inputs.fill
    try:
        began = time.perf_counter()
        changed = fill(rows, step.places)
        filled = time.perf_counter()
        shape.inputs.fill = lambda *_: changed
        pending = shape.submit(rows, step.places)
        submitted = time.perf_counter()
        shape.collect(pending)
        collected = time.perf_counter()
        pad_with_numpy(texts, step.batch, step.sequence)
        padded = time.perf_counter()
    finally:
        shape.queues, shape._trace, shape.inputs.fill = queues, None, fill
    taken["staging"].append(filled - began)
    taken["dispatch"].append(submitted - filled)
    taken["readback"].append(collected - submitted)
    taken["numpy_padding"].append(padded - collected)


def pad_with_numpy(texts: Sequence[Sequence[int]], batch: int, sequence: int):
    """ids and attention mask, (n, S) int64 each, of at least `batch` texts: what any server's padding costs."""
    import numpy as np

    ids = np.zeros((max(batch, len(texts)), sequence), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def report(result: dict) -> str:
    """The text of the command, after its first line."""
    batch, padded = result["always_padded_to"]
    shapes = ", ".join(f"{count} of {name}" for name, count in result["steps_by_shape"].items())
    host = result["host_ms_per_step"]
    beyond = sum(host[phase] for phase in HOST_PHASES if phase != "dispatch")
    return "\n".join(
        [
            f"texts: {result['texts']}, {result['waiting']} waiting at a time; packing: {result['packing']}",
            f"steps: {result['steps']}: {shapes}",
            f"padding efficiency: {result['padding_efficiency']:.3f} = {result['tokens']} tokens of "
            f"{result['computed_tokens']} computed (at most {result['tile_aligned_limit']:.3f} on whole tiles)",
            f"device time, estimated: {result['estimated_device_seconds']:.3f} s; always padded to {batch}x{padded}: "
            f"{result['always_pad_device_seconds']:.3f} s, ratio {result['ratio_to_always_pad']:.2f}",
            "host time per step on a device that does nothing, ms, median: "
            + ", ".join(f"{phase} {host[phase]:.3f}" for phase in HOST_PHASES),
            f"  beyond dispatch {beyond:.3f}; numpy padding of the same texts {host['numpy_padding']:.3f}",
        ]
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lengths", default="stsb", help="stsb, paragraphs, a number of tokens, or a file of numbers")
    parser.add_argument("--waiting", type=int, default=64, help="texts that are planned together")
    parser.add_argument("--packing", choices=PACKINGS, default="aligned", help="of texts in shared rows")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    options = parser.parse_args(arguments)
    if options.waiting < 1:
        parser.error(f"--waiting is {options.waiting}; at least 1 is needed")
    return options


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    try:
        lengths = text_lengths(options.lengths)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"batching: {error}")
    target = activate()
    log = sys.stderr if options.json else sys.stdout
    print(f"running on: {target.describe()}; device times are estimates, host times are of this machine", file=log)
    # ttnn prints its configuration to stdout as it is imported.
    with contextlib.redirect_stdout(sys.stderr):
        import ttnn
        from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims

        dims = model_dims("large")
        result = summary(lengths, options.waiting, options.packing, dims)
        with dispatch_only():
            device = ttnn.open_device(device_id=0)
            try:
                host = host_times(device, lengths, options.waiting, options.packing)
            finally:
                ttnn.close_device(device)
    result["host_ms_per_step"] = host
    print(json.dumps(result) if options.json else report(result))


if __name__ == "__main__":
    main()
