# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Seeded encoders for the steps: a device opened as the demos do, a runner on it, and the same weights in fp32."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import ttnn
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.device_params import L1_SMALL_SIZE, QUEUES, TRACE_REGION_SIZE
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner, core_grid
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Setting
from models.demos.wormhole.bge_large_en.tests.runner.small_model import TINY
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

VOCABULARY = 500  # of TINY and WIDE; ids of tests.runner.small_model.texts
WIDE = dict(num_hidden_layers=2, vocab_size=VOCABULARY)  # else BGE-large


@dataclass(frozen=True)
class Sizes:
    """Configs (changes to BGE-large's), lengths and counts of the steps, for a card or for a host that computes."""

    wide: dict  # of two layers, for checks of numbers
    deep: dict  # of 24
    long: int  # tokens
    short: int
    packed: int
    buckets: Buckets | None  # None for the default ones

    @classmethod
    def of(cls, setting: Setting) -> "Sizes":
        if setting.small:
            deep = {**TINY, "num_hidden_layers": 24}
            return cls(TINY, deep, 64, 32, 64, Buckets((32, 64), (1, 2, 8), packed=(64,)))
        return cls(WIDE, {}, 384, 32, 384, None)


@contextmanager
def opened(queues: int = QUEUES, traces: bool = True) -> Iterator[ttnn.Device]:
    """Device 0, closed at the end. Without `traces` it has no room for any, and steps are dispatched op by op."""
    device = ttnn.open_device(
        device_id=0,
        l1_small_size=L1_SMALL_SIZE,
        trace_region_size=TRACE_REGION_SIZE if traces else 0,
        num_command_queues=queues,
    )
    try:
        yield device
    finally:
        ttnn.close_device(device)


class Seeded:
    """Seeded weights of a config: for runners in any profile, and in fp32 (`reference`)."""

    def __init__(self, config: dict):
        self._model = seeded_bert(**config)
        self.dims = BertDims.from_hf(self._model.config)
        self.reference = ReferenceEncoder(self._model, "cls", normalize=False)

    @contextmanager
    def runner(
        self, device, profile: str, longest: int, buckets: Buckets | None = None, queues: int = QUEUES, batch: int = 8
    ) -> Iterator[EncoderRunner]:
        """buckets: None for the default ones up to `longest` tokens."""
        weights = Weights.from_state_dict(self._model.state_dict())
        precision, rows = profile_precision(profile, self.dims), min(batch, core_grid(device)[1])
        made = EncoderRunner(
            device, self.dims, weights, "cls", precision, rows, longest, buckets, num_command_queues=queues
        )
        try:
            yield made
        finally:
            made.close()
