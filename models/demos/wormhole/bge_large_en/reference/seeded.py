# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Seeded weights for an exact config, scaled so that pooling, every bias and every residual matter.

Measured on 24 layers: with one standard deviation everywhere all tokens of a sentence become alike, and mean and CLS
pooling can't be told apart. With these they can.
"""

import torch
from transformers import BertConfig, BertModel

# name ending -> standard deviation; layer norm weights are 1 +- 0.1
_DEVIATIONS = (
    ("query.weight", 0.06),
    ("key.weight", 0.06),
    ("attention.self.value.weight", 0.02),
    ("attention.output.dense.weight", 0.02),
    ("intermediate.dense.weight", 0.03),
    ("output.dense.weight", 0.01),
    ("embeddings.weight", 0.04),
    ("bias", 0.05),
)

BGE_LARGE_CONFIG = dict(
    vocab_size=30522,
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    hidden_act="gelu",
    max_position_embeddings=512,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)  # config.json of BAAI/bge-large-en-v1.5


def seeded_bert(seed: int = 0, **config) -> BertModel:
    """An fp32 BertModel (no pooler) of `config` (BGE-large where not given) with weights drawn from `seed`."""
    with torch.device("meta"):
        model = BertModel(BertConfig(**{**BGE_LARGE_CONFIG, **config}), add_pooling_layer=False)
    model = model.to_empty(device="cpu").eval()
    model.embeddings.position_ids = torch.arange(model.config.max_position_embeddings)[None]
    model.embeddings.token_type_ids = torch.zeros_like(model.embeddings.position_ids)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("LayerNorm.weight"):
                parameter.normal_(1.0, 0.1, generator=generator)
            else:
                deviation = next(value for ending, value in _DEVIATIONS if name.endswith(ending))
                parameter.normal_(0.0, deviation, generator=generator)
    return model
