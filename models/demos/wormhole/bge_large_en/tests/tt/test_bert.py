# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BertModel and its pooling on their own, without the runner that feeds them, against fp32."""

import pytest
import torch

import ttnn
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.reference.seeded import seeded_bert
from models.demos.wormhole.bge_large_en.tests.metrics import centred_cosines
from models.demos.wormhole.bge_large_en.tt.bert import BertModel
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS, POOLING
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

BATCH, SEQUENCE, MASKED = 4, 64, -1e5
CONFIG = dict(
    hidden_size=128,
    num_attention_heads=4,
    intermediate_size=256,
    num_hidden_layers=2,
    vocab_size=512,
    max_position_embeddings=64,
)


def upload(device, tensor: torch.Tensor, dtype, memory=ttnn.DRAM_MEMORY_CONFIG):
    return ttnn.from_torch(tensor, dtype, layout=ttnn.ROW_MAJOR_LAYOUT, device=device, memory_config=memory)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("profile", ["performance", "accuracy"])
def test_padded_texts_have_the_vectors_of_the_reference(device, profile, pooling):
    seeded = seeded_bert(**CONFIG)
    dims = BertDims.from_hf(seeded.config)
    precision = profile_precision(profile, dims)
    plan = plan_shape(dims, BATCH, SEQUENCE, (8, 8), precision, pooled_rows=POOLED_ROWS[pooling])
    model = BertModel(Weights.from_state_dict(seeded.state_dict()), dims, device, precision, plan.attention)

    lengths = torch.tensor([64, 33, 5, 1])
    mask = (torch.arange(SEQUENCE)[None] < lengths[:, None]).long()
    ids = torch.randint(0, dims.vocab_size, (BATCH, SEQUENCE), generator=torch.Generator().manual_seed(0))
    additive = ((1 - mask) * MASKED).to(torch.bfloat16).view(BATCH, 1, SEQUENCE // 32, 32)
    positions = torch.arange(SEQUENCE, dtype=torch.int32).expand(BATCH, -1).contiguous()
    inputs = [upload(device, tensor, ttnn.uint32) for tensor in (ids.int(), positions)]
    inputs.append(upload(device, additive, ttnn.bfloat16, plan.mask_memory))
    pooled = POOLING[pooling](model(*inputs, plan), inputs[2], plan)

    found = ttnn.to_torch(pooled).float().view(BATCH, -1)
    found = found / lengths[:, None] if pooling == "mean" else found
    expected = ReferenceEncoder(seeded, pooling, normalize=False).forward(ids, mask)
    assert centred_cosines(found, expected).min() > {"performance": 0.999, "accuracy": 0.9995}[profile]
