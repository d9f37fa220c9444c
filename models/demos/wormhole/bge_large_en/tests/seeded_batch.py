# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A seeded batch of mixed lengths, and the seeded model on both sides."""

import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.weights import Weights


def mixed_batch(batch: int, length: int, vocab_size: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask (B, S) int64, right-padded: the first row is full, the last has an eighth of the tokens."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.linspace(length, max(3, length // 8), batch).long()
    mask = (torch.arange(length)[None] < lengths[:, None]).long()
    return torch.randint(0, vocab_size, (batch, length), generator=generator) * mask, mask


def seeded_pair(device, pooling: str, precision, max_batch: int, max_length: int, **config):
    """(runner on the device, reference) with the same seeded weights; config as for seeded_bert."""
    model = seeded_bert(**config)
    reference = ReferenceEncoder(model, pooling, normalize=False)
    weights = Weights.from_state_dict(model.state_dict())
    dims = BertDims.from_hf(model.config)
    return EncoderRunner(device, dims, weights, pooling, precision, max_batch, max_length), reference
