# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What each choice of format and arithmetic does to accuracy, one change at a time; a table in Markdown.

    python -m models.demos.wormhole.bge_large_en.tests.pcc.frontier [--layers 24] [--batch 2] [--tokens 128]

BGE-large with seeded weights against fp32, CLS rows: worst cosine and worst cosine with the batch's mean removed, with
exact goldens and with modelled fidelity (models/emulated_wormhole/fidelity.py). Emulated only; minutes.
"""

import argparse
import contextlib
from dataclasses import replace

from models.emulated_wormhole import activate, modelled_fidelity

MATMULS = ("qkv", "scores", "context", "output", "ff1", "ff2")
LINEARS = ("qkv", "output", "ff1", "ff2")


def variants(dims) -> dict:
    """Name -> Precision: the profiles, and each with one thing changed."""
    from models.demos.wormhole.bge_large_en.tt.precision import (
        BF8,
        BF16,
        GELUS,
        HIFI2,
        HIFI3,
        LOFI,
        SoftmaxPrecision,
        profile_precision,
    )

    performance, accuracy = (profile_precision(name, dims) for name in ("performance", "accuracy"))

    def change(base, names, **what):
        return replace(base, **{name: replace(getattr(base, name), **what) for name in names})

    found = {"performance": performance}
    for name in MATMULS:
        other = HIFI2 if getattr(performance, name).fidelity == LOFI else LOFI
        found[f"performance, {name} {other.name}"] = change(performance, [name], fidelity=other)
        sums = not getattr(performance, name).fp32
        if name != "scores":
            found[f"performance, {name} {'fp32' if sums else 'bf16'} sums"] = change(performance, [name], fp32=sums)
    found["performance, all LoFi"] = change(performance, MATMULS, fidelity=LOFI)
    found["performance, all HiFi2"] = change(performance, MATMULS, fidelity=HIFI2)
    for base, name in ((performance, "performance"), (accuracy, "accuracy")):
        found |= {f"{name}, GELU by {gelu}": replace(base, gelu=gelu) for gelu in GELUS if gelu != base.gelu}
        for label, softmax in (
            ("approximate softmax", SoftmaxPrecision(True)),
            ("exact softmax", SoftmaxPrecision(False)),
            ("exact softmax in fp32", SoftmaxPrecision(False, fp32=True)),
        ):
            if softmax != base.softmax:
                found[f"{name}, {label}"] = replace(base, softmax=softmax)
    found["performance, bf8 scores"] = change(performance, ["scores"], dtype=BF8)
    found["performance, bf16 scores"] = change(performance, ["scores"], dtype=BF16)
    found["performance, bf16 weights"] = change(performance, LINEARS, weights=BF16)
    found["performance, bf16 intermediate"] = change(performance, ["ff1"], dtype=BF16)
    found["performance, bf16 QKV"] = change(performance, ["qkv"], dtype=BF16)
    found["performance, bf8 context"] = change(performance, ["context"], dtype=BF8)
    found["performance, bf8 hidden"] = change(performance, ["context", "output", "ff2"], dtype=BF8)
    found["accuracy"] = accuracy
    found["accuracy, all HiFi3"] = change(accuracy, MATMULS, fidelity=HIFI3)
    for name in MATMULS:
        if name != "scores":
            sums = not getattr(accuracy, name).fp32
            found[f"accuracy, {name} {'fp32' if sums else 'bf16'} sums"] = change(accuracy, [name], fp32=sums)
    found["accuracy, bf8 weights"] = change(accuracy, LINEARS, weights=BF8)
    found["accuracy, bf8 weights in FF1 and FF2"] = change(accuracy, ["ff1", "ff2"], weights=BF8)
    found["accuracy, bf8 intermediate"] = change(accuracy, ["ff1"], dtype=BF8)
    found["accuracy, bf8 QKV and scores"] = change(accuracy, ["qkv", "scores"], dtype=BF8)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--only", nargs="+", help="variants by name")
    parser.add_argument("--exact", action="store_true", help="leave out modelled fidelity, which takes longest")
    options = parser.parse_args()
    target = activate("n150")
    import ttnn
    from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
    from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
    from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_padded
    from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
    from models.demos.wormhole.bge_large_en.tests.metrics import centred_cosines, cosines
    from models.demos.wormhole.bge_large_en.tests.seeded_batch import mixed_batch
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims
    from models.demos.wormhole.bge_large_en.tt.weights import Weights

    print(
        f"running on: {target}; {options.layers} layers, batch {options.batch}, {options.tokens} tokens\n", flush=True
    )
    device = ttnn.open_device(device_id=0)
    model = seeded_bert(num_hidden_layers=options.layers)
    dims = BertDims.from_hf(model.config)
    ids, mask = mixed_batch(options.batch, options.tokens, dims.vocab_size)
    expected = ReferenceEncoder(model, "cls", normalize=False).forward(ids, mask)
    print("| choice | goldens: cosine | centred | modelled: cosine | centred |\n| --- | --- | --- | --- | --- |")
    for name, precision in variants(dims).items():
        if options.only and name not in options.only:
            continue
        weights = Weights.from_state_dict(model.state_dict())
        runner = EncoderRunner(device, dims, weights, "cls", precision, options.batch, options.tokens)
        rows, cells = rows_from_padded(ids, mask, None, None, dims, options.tokens), []
        for mode in [contextlib.nullcontext()] + [modelled_fidelity()] * (not options.exact):
            with mode:
                found = runner.run(rows)
            cells += [f"{measure(found, expected).min():.5f}" for measure in (cosines, centred_cosines)]
        runner.close()
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    ttnn.close_device(device)


if __name__ == "__main__":
    main()
