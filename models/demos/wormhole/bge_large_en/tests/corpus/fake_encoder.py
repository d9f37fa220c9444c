# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""embed_corpus with an encoder that computes nothing, for tests of all that is around it.

A text's vector is its token ids, summed up in eight ways, so that one that is lost, doubled or of another text is seen.
FAKE_SECONDS: that it takes for each unit; FAKE_POISON: a token id at which it kills its process.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence

import numpy as np

from models.demos.wormhole.bge_large_en.demo import embed_corpus
from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder


class FakeEncoder:
    def __init__(self, encoder: Encoder, folder: str):
        self.dim = encoder.dim

    def __call__(self, ids: Sequence[list[int]]) -> tuple[np.ndarray, int]:
        time.sleep(float(os.environ.get("FAKE_SECONDS", 0)))
        if any(int(os.environ.get("FAKE_POISON", -1)) in text for text in ids):
            os.kill(os.getpid(), signal.SIGKILL)
        return np.array([vector(text, self.dim) for text in ids], np.float32).reshape(-1, self.dim), sum(map(len, ids))


def vector(ids: Sequence[int], dim: int) -> list[float]:
    """(dim,) whole numbers that fp16 holds."""
    return [float(sum((place * way + 1) * token for place, token in enumerate(ids)) % 2003) for way in range(dim)]


if __name__ == "__main__":
    sys.exit(embed_corpus.main(make_encoder=FakeEncoder))
