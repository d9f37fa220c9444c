# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Host time of a full step on 1, 8 and 32 chips, apart from what ttnn and the device take.

    python -m models.demos.wormhole.bge_large_en.tests.perf.mesh_cost [--lengths 384|paragraphs|…] [--json]

Lists of token ids, as vLLM has them, go through the runner of a mesh with 8 rows a chip. Milliseconds, the least of many
steps:

    ids    checked, and made tensors
    plan   of the texts found
    write  texts and masks put where the device is sent them from, chip by chip
    read   what the device returned put in the texts' order, in fp32
    ours   all of these
    ttnn   within ttnn meanwhile, on the emulated Wormhole: copies to and from the device, over PCIe on a card, are not
           made there, and the trace is not replayed. So this column is no measurement of a card's.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace

BOARDS = {"n150": 1, "T3K": 8, "TG": 32}  # chips
ROWS = 8  # of a chip
MODULE = "models.demos.wormhole.bge_large_en.tests.perf.mesh_cost"


@dataclass(frozen=True)
class Cost:
    chips: int
    texts: int
    ids: float
    plan: float
    write: float
    read: float
    ttnn: float

    @property
    def ours(self) -> float:
        return self.ids + self.plan + self.write + self.read


def measure(board: str, lengths: str, repeats: int = 60) -> Cost:
    """In a process that has emulated no other board. Of the texts' steps the first is timed."""
    from models.emulated_wormhole import activate

    activate(board)
    import torch

    import ttnn
    from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_lists
    from models.demos.wormhole.bge_large_en.runner.queues import Queues
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf.text_lengths import text_lengths
    from models.demos.wormhole.bge_large_en.tests.perf.zero_runner import zero_runner
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    class TimedQueues(Queues):
        """Adds up the time within. Replays nothing, as a mock can't."""

        seconds = 0.0

        def execute(self, trace) -> None:
            pass

    def timed(name: str):
        call = getattr(Queues, name)

        def method(self, *args):
            start = time.perf_counter()
            found = call(self, *args)
            self.seconds += time.perf_counter() - start
            return found

        return method

    for name in ("write", "copy", "read", "record", "wait", "finish"):
        setattr(TimedQueues, name, timed(name))
    torch.set_num_threads(1)  # as a worker's on a card
    chips = BOARDS[board]
    dims = replace(model_dims("large"), num_hidden_layers=1)
    mesh = ttnn.open_mesh_device(mesh_shape=ttnn.MeshShape(*((8, 4) if chips == 32 else (1, chips))))
    chance = torch.Generator().manual_seed(0)
    found = text_lengths(lengths)[: ROWS * chips]
    texts = [torch.randint(1000, dims.vocab_size, (length,), generator=chance).tolist() for length in found]
    parts: dict[str, list[float]] = {name: [] for name in ("ids", "plan", "write", "read", "ttnn")}
    queues, precision = TimedQueues(mesh), profile_precision("performance", dims)
    with zero_runner(mesh, dims, ROWS, max(found), precision, "cls", queues=queues) as runner:
        step = runner.planned(rows_from_lists(texts, dims, max(found)))[0]
        shape = runner._step(step.shape)
        shape._trace = object()
        for _ in range(repeats):
            times, inside = [time.perf_counter()], queues.seconds
            rows = rows_from_lists(texts, dims, max(found))
            times.append(time.perf_counter())
            step = runner.planned(rows)[0]
            times.append(time.perf_counter())
            runner.submit(rows, step)
            times.append(time.perf_counter() - (queues.seconds - inside))
            between = queues.seconds
            start = time.perf_counter()
            runner.collect()
            read = time.perf_counter() - start - (queues.seconds - between)
            for name, seconds in zip(parts, (*(b - a for a, b in zip(times, times[1:])), read)):
                parts[name].append(1e3 * seconds)
            parts["ttnn"].append(1e3 * (queues.seconds - inside))
        shape._trace = None
    ttnn.close_mesh_device(mesh)
    return Cost(chips, len(texts), **{name: round(min(taken), 3) for name, taken in parts.items()})


def measured(lengths: str) -> list[Cost]:
    """Of each board, in a process of its own."""
    costs = []
    for board in BOARDS:
        command = [sys.executable, "-m", MODULE, "--board", board, "--lengths", lengths]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{board} ended with status {done.returncode}:\n{done.stderr[-3000:]}")
        costs.append(Cost(**json.loads(done.stdout.splitlines()[-1])))
    return costs


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--lengths", default="384", help="of the texts: a number, stsb, paragraphs or a file of numbers"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    parser.add_argument("--board", choices=BOARDS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.board:
        print(json.dumps(asdict(measure(options.board, options.lengths))), flush=True)
        return
    costs = measured(options.lengths)
    if options.json:
        print(json.dumps({"boards": [{**asdict(cost), "ours": round(cost.ours, 3)} for cost in costs]}))
        return
    print(f"host milliseconds of a step, texts of {options.lengths} tokens, 8 rows a chip; ttnn on a mock device")
    print("chips texts     ids    plan   write    read    ours    ttnn")
    for cost in costs:
        figures = (cost.ids, cost.plan, cost.write, cost.read, cost.ours, cost.ttnn)
        print(f"{cost.chips:5} {cost.texts:5} " + " ".join(f"{figure:7.3f}" for figure in figures))


if __name__ == "__main__":
    main()
