# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One shape of each distinct geometry of the family against transformers, with seeded weights; the report's table.

Widths, token types, positions and pooling are the checkpoint's; two layers and 1,000 words, which are no other programs.
`-s` prints the table's rows.
"""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tests.family.checkpoints import GEOMETRIES
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    seeded_model,
    write_cross_encoder,
    write_encoder,
)
from models.demos.wormhole.bge_large_en.tests.metrics import cosines

LENGTHS = (64, 50, 33, 32, 21, 9, 3)
VOCABULARY, LAYERS = 1000, 2
COSINE = {"performance": 0.998, "accuracy": 0.999}
LOGIT = {"performance": 0.05, "accuracy": 0.01}


def parameters():
    for geometry in GEOMETRIES:
        quick = geometry[1] == 384 or geometry[:2] == ("xlm-roberta", 768)
        marks = [] if quick else [pytest.mark.slow]
        yield pytest.param(geometry, marks=marks, id="-".join(map(str, geometry)) + "pair" * (not geometry[2]))


def texts(types: int) -> list[Row]:
    """Random ids past the special ones; with token types, the second half of a text is of type 1."""
    generator = torch.Generator().manual_seed(0)
    ids = [torch.randint(3, VOCABULARY, (n,), generator=generator) for n in LENGTHS]
    return [Row(i, (torch.arange(len(i)) >= len(i) // 2).long() if types > 1 else None) for i in ids]


def expected(model, rows: list[Row], of) -> torch.Tensor:
    with torch.no_grad():
        inputs = [
            dict(input_ids=r.ids[None], **({} if r.types is None else {"token_type_ids": r.types[None]})) for r in rows
        ]
        return torch.cat([of(model(**given)) for given in inputs])


@pytest.mark.parametrize("geometry", list(parameters()))
def test_a_geometry_is_that_of_transformers(device, tmp_path, geometry):
    _, _, pooling = geometry
    config = {**GEOMETRIES[geometry].config, "num_hidden_layers": LAYERS, "vocab_size": VOCABULARY}
    rows = texts(config["type_vocab_size"])
    if pooling:
        write_encoder(tmp_path / "model", None, pooling, **config)
        pool = ReferenceEncoder(seeded_model(**config), pooling, False)
        wanted = expected(pool.model, rows, lambda out: pool.pool(out.last_hidden_state, torch.ones(out[0].shape[:2])))
    else:
        write_cross_encoder(tmp_path / "model", None, **config)
        wanted = expected(seeded_model(labels=1, **config), rows, lambda out: out.logits)
    for profile in ("performance", "accuracy"):
        made = BGEForEmbedding if pooling else BGEForSequenceClassification
        model = made(device=device, model_name=str(tmp_path / "model"), max_seq_len=64, optimizations=profile)
        found = model.embed(rows)
        found = found if pooling else model.head(found)
        model.close()
        if pooling:
            worst = cosines(found, wanted).min().item()
            print(f"| {geometry} | {profile} | cosine {worst:.5f} |")
            assert worst > COSINE[profile]
        else:
            worst = (found - wanted).abs().max().item()
            print(f"| {geometry} | {profile} | logit {worst:.4f} of a spread of {wanted.std():.3f} |")
            assert worst < LOGIT[profile] and wanted.std() > 5 * LOGIT["accuracy"]
