# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The serving benchmark's double of the model, and, marked slow, the benchmark against its gate."""

import pytest
import torch

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.perf.serving import LOADS, run  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.perf.serving_workers import HostOnlyModel  # noqa: E402
from models.demos.wormhole.bge_large_en.tt.dims import BertDims  # noqa: E402

DIMS = BertDims(
    hidden_size=384,
    num_attention_heads=12,
    intermediate_size=1536,
    num_hidden_layers=6,
    vocab_size=100,
    max_position_embeddings=512,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)


def test_the_double_checks_plans_and_counts():
    steps = []
    model = HostOnlyModel(DIMS, 256, 8, lambda step, tokens, seconds: steps.append((len(step.places), tokens)))
    assert torch.equal(model.embed([[1, 2, 3]] * 19), torch.ones(19, 384))
    assert [sum(column) for column in zip(*steps)] == [19, 57]
    with pytest.raises(ValueError, match="token id 100"):
        model.embed([[1], [100]])


@pytest.mark.slow
@pytest.mark.server
def test_requests_per_second_beside_a_bare_worker():
    """On an idle machine: a ratio of two servers that share it with what else runs is as good as their turns are short."""
    ratios = {str(result.load): result.ratio for result in run()}
    assert len(ratios) == len(LOADS)
    assert min(ratios.values()) >= 0.97, ratios
