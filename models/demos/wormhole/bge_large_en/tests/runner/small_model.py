# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A small seeded encoder on the device, and texts for it."""

import functools
import random
from collections.abc import Sequence

import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
from models.demos.wormhole.bge_large_en.runner.batch_plan import Place
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

VOCABULARY = 500
_REST = dict(num_hidden_layers=2, vocab_size=VOCABULARY, max_position_embeddings=256)
TINY = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256, **_REST)
MINILM = dict(hidden_size=384, num_attention_heads=12, intermediate_size=1536, **_REST)
BASE = dict(hidden_size=768, num_attention_heads=12, intermediate_size=3072, **_REST)


@functools.cache
def _seeded(**config):
    return seeded_bert(**config)


def small_runner(device, pooling="cls", config=TINY, precision=None, batch=8, length=128, **options) -> EncoderRunner:
    """A runner with seeded weights of `config`; options as for EncoderRunner."""
    model = _seeded(**config)
    dims = BertDims.from_hf(model.config)
    weights = Weights.from_state_dict(model.state_dict())
    precision = precision or profile_precision("performance", dims)
    return EncoderRunner(device, dims, weights, pooling, precision, batch, length, **options)


def reference(pooling="cls", config=TINY) -> ReferenceEncoder:
    """fp32, with the weights of small_runner; not normalised."""
    return ReferenceEncoder(_seeded(**config), pooling, normalize=False)


def expected(encoder: ReferenceEncoder, rows: Sequence[Row]) -> torch.Tensor:
    """(n, H) fp32 of each row on its own."""
    return torch.cat(
        [encoder.forward(*(x if x is None else x[None] for x in (r.ids, None, r.types, r.positions))) for r in rows]
    )


def texts(lengths: Sequence[int], seed: int = 0) -> list[Row]:
    """Rows of random ids with these lengths."""
    generator = torch.Generator().manual_seed(seed)
    return [Row(torch.randint(0, VOCABULARY, (length,), generator=generator)) for length in lengths]


def random_lengths(count: int, longest: int, seed: int) -> list[int]:
    """Lengths of 1 to `longest`: as in real text most are short."""
    random_ = random.Random(seed)
    return [min(longest, 1 + int(random_.expovariate(4 / longest))) for _ in range(count)]


def run_at(runner: EncoderRunner, shape: tuple[int, int, bool], rows: Sequence[Row], at: Sequence[tuple[int, int]]):
    """(n, H): `rows` in one step of a shape, each at its (row, start), whatever the planner would do."""
    step = runner._step(shape)
    places = tuple(Place(text, row, start) for text, (row, start) in enumerate(at))
    pooled = step.collect(step.submit(list(rows), places))
    return pooled / torch.tensor([[len(row)] for row in rows]) if runner.pooling == "mean" else pooled
