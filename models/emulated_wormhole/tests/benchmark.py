# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What emulation costs: the time of an emulated step over that of fp32 torch on the same padded tokens.

    python -m models.emulated_wormhole.tests.benchmark

The steps are those of the BERT encoder in models/demos/wormhole/bge_large_en, with seeded weights. It pools by the mean,
so that every token goes through every layer on both sides. Both run in this process with the same threads and take
turns; other work on the machine makes the ratios worse, because emulation needs more memory bandwidth.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from models.emulated_wormhole import activate

MINILM = dict(num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536)
LARGE_LAYER = dict(num_hidden_layers=1, hidden_size=1024, num_attention_heads=16, intermediate_size=4096)
VOCABULARY = 1000  # of no weight in a step, but in the time to make the weights


@dataclass(frozen=True)
class Case:
    name: str
    config: dict
    batch: int
    tokens: int
    profile: str


CASES = [
    Case(name, config, 8, tokens, profile)
    for name, config, tokens in (("MiniLM", MINILM, 256), ("one BGE-large layer", LARGE_LAYER, 384))
    for profile in ("performance", "accuracy")
]


@dataclass(frozen=True)
class Result:
    """Medians in seconds; ratio of the medians, and of single rounds the least and the largest."""

    name: str
    profile: str
    batch: int
    tokens: int
    emulated: float
    reference: float
    ratio: float
    least: float
    largest: float


def measure(device, case: Case, rounds: int) -> Result:
    from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
    from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
    from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
    from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_padded
    from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
    from models.demos.wormhole.bge_large_en.tests.seeded_batch import mixed_batch
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision
    from models.demos.wormhole.bge_large_en.tt.weights import Weights

    model = seeded_bert(vocab_size=VOCABULARY, **case.config)
    reference = ReferenceEncoder(model, "mean", normalize=False)
    dims, weights = BertDims.from_hf(model.config), Weights.from_state_dict(model.state_dict())
    precision, buckets = profile_precision(case.profile, dims), Buckets((case.tokens,), (case.batch,), packed=())
    runner = EncoderRunner(device, dims, weights, "mean", precision, case.batch, case.tokens, buckets)
    ids, mask = mixed_batch(case.batch, case.tokens, VOCABULARY)
    rows = rows_from_padded(ids, mask, None, None, dims, case.tokens)
    assert len(runner.planned(rows)) == 1, "the reference's batch is one step"
    runner.warm_up()
    times = [(seconds(lambda: runner.run(rows)), seconds(lambda: reference.forward(ids, mask))) for _ in range(rounds)]
    runner.close()
    emulated, plain = map(statistics.median, zip(*times))
    ratios = [ours / theirs for ours, theirs in times]
    shape = (case.batch, case.tokens, emulated, plain)
    return Result(case.name, case.profile, *shape, emulated / plain, min(ratios), max(ratios))


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else on stdout")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side, in turn; default 5")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; at least 1 is needed")
    target = activate()
    if not target.emulated:
        sys.exit(f"nothing is emulated here: {target.describe()}")
    from models.demos.wormhole.bge_large_en.tests.perf.stdout import own_stdout

    out = own_stdout()
    import torch

    import ttnn

    device = ttnn.open_device(device_id=0)
    results = []
    for case in CASES:
        results.append(measure(device, case, options.rounds))
        if not options.json:
            print(line(results[-1]), file=out, flush=True)
    ttnn.close_device(device)
    if options.json:
        found = {"threads": torch.get_num_threads(), "rounds": options.rounds, "results": [asdict(r) for r in results]}
        print(json.dumps(found), file=out, flush=True)


def line(result: Result) -> str:
    case = f"{result.name}, {result.batch} x {result.tokens}, {result.profile}"
    times = f"emulated {result.emulated * 1e3:.0f} ms, fp32 torch {result.reference * 1e3:.0f} ms"
    return f"{case}: {times}, ratio {result.ratio:.2f} ({result.least:.2f} to {result.largest:.2f})"


if __name__ == "__main__":
    main()
