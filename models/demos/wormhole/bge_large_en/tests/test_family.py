# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGE small, base and large by the same code; MiniLM, with its real weights, is in quality/ and vllm/.

The exact widths of each, cut to two layers to keep it short, with seeded weights and CLS pooling.
"""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.metrics import centred_cosines, cosines
from models.demos.wormhole.bge_large_en.tests.seeded_folder import seeded_folder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

FAMILY = {  # hidden_size, num_attention_heads, intermediate_size of BAAI/bge-*-en-v1.5
    "small": (384, 12, 1536),
    "base": (768, 12, 3072),
    "large": (1024, 16, 4096),
}
TEXTS = SENTENCES[20:29]  # nine: a full step and a lone row


@pytest.mark.parametrize("size", ["small", "base", pytest.param("large", marks=pytest.mark.slow)])  # demo.py has large
def test_vectors_are_the_references(device, tmp_path, size):
    hidden, heads, intermediate = FAMILY[size]
    config = dict(hidden_size=hidden, num_attention_heads=heads, intermediate_size=intermediate, num_hidden_layers=2)
    folder = seeded_folder(tmp_path / size, **config)
    reference = ReferenceEncoder.from_pretrained(folder)
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64)
    ids = reference.tokenizer(TEXTS)["input_ids"]
    vectors, expected = torch.nn.functional.normalize(model.embed(ids), dim=-1), reference.encode(TEXTS)
    model.close()
    assert model.get_embedding_dim() == hidden and vectors.shape == (len(TEXTS), hidden)
    assert cosines(vectors, expected).min() >= 0.999
    # Texts have most of a direction in common: without their mean they are told apart.
    assert centred_cosines(vectors, expected).min() >= 0.99
