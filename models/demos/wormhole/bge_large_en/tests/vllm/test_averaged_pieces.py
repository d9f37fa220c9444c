# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What averaged_pieces.py measures, and that averaged pieces find what a cut-off text has lost."""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.vllm.averaged_pieces import count, measure, of_stsb, ranks


def test_a_text_is_as_near_as_its_nearest_vector():
    texts = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8], [0.0, 1.0]]), torch.tensor([[0.8, 0.6]])]
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    assert ranks(queries, texts, [0, 1, 0]).tolist() == [1, 1, 3]


@pytest.mark.quality
@pytest.mark.timeout(1200)
def test_averages_find_what_a_cut_loses():
    folder = registry_minilm()
    if folder is None:
        pytest.skip("no installed package holds all-MiniLM-L6-v2")
    encoder = ReferenceEncoder.from_pretrained(folder)
    texts, queries = of_stsb(encoder.tokenizer, 40)
    for query in queries:
        assert 0 < query.ends <= count(encoder.tokenizer, texts[query.of])
    found = {(where, way): mean for where, _, way, _, mean in measure(encoder, texts, queries, 256)}
    print(found)
    assert found["behind it", "cut off"] < 0.2 < found["behind it", "average"] < found["behind it", "best piece"]
    assert found["kept by a cut", "average"] < found["kept by a cut", "cut off"], "which is what the average costs"
