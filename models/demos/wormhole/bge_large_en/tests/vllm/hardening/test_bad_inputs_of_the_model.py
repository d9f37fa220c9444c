# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The rows of the table that make sense without a server, against BGEForEmbedding's forward and embed."""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count

GOOD = torch.tensor([[101, 7592, 2088, 102]])
FLOATS = torch.tensor([[101.0, float("nan"), 102.0]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return seeded_folder(tmp_path_factory.mktemp("tiny") / "tiny", **TINY)


@pytest.fixture(scope="module")
def model(device_of_module, folder):
    model = BGEForEmbedding(device=device_of_module, model_name=str(folder), max_seq_len=512)
    yield model
    model.close()


@pytest.fixture(scope="module")
def device_of_module():
    import ttnn

    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


@pytest.fixture(scope="module")
def before(model):
    return model.forward(GOOD)


EMBED_ROWS = [  # lists of token ids, as the vLLM worker hands them over
    ([[]], "row 0 has no tokens"),
    ([[101, 102], []], "row 1 has no tokens"),
    ([[101] * 513], "row 0 has 513 tokens; the limit is 512"),
    ([[101], [101] * 6000], "row 1 has 6000 tokens; the limit is 512"),
    *(([[101, bad, 102]], f"token id {bad}; the limit is 0 to 30521") for bad in (-1, -(2**40), 30522, 2**40)),
    ([[101, 2**70]], "row 0 is not a list of token ids"),
    ([[101, -(2**70)]], "row 0 is not a list of token ids"),
    ([[101, 102.0]], "token ids are a flat list of int"),
    ([[101, float("nan")]], "token ids are a flat list of int"),
    ([[True, False]], "token ids are a flat list of int"),
    ([[101, None]], "row 0 is not a list of token ids"),
    ([[101, "x"]], "row 0 is not a list of token ids"),
    ([["a"]], "row 0 is not a list of token ids"),
    (["text"], "row 0 is not a list of token ids"),
    ([None], "row 0 is not a list of token ids"),
    ([[[101]]], "2 dims; token ids are a flat list"),
    ([[101], [[101], [102]]], "row 1 has dtype"),
    ([[[101], [102, 103]]], "row 0 is not a list of token ids"),
    ([101, 102], "0 dims; token ids are a flat list"),
]

FORWARD_ROWS = [
    (dict(input_ids=torch.ones(1, 513, dtype=torch.long)), "513 tokens; the limit is 512"),
    (dict(input_ids=torch.ones(3, 6000, dtype=torch.long)), "6000 tokens; the limit is 512"),
    (dict(input_ids=torch.full((1, 3), -1)), "-1; the limit is 0 to 30521"),
    (dict(input_ids=torch.full((9, 3), 30522)), "30522; the limit is 0 to 30521"),
    (dict(input_ids=torch.full((1, 1), 2**62)), "the limit is 0 to 30521"),
    (dict(input_ids=FLOATS), "integer tensor is needed"),
    (dict(input_ids=torch.ones(1, 3, dtype=torch.bool)), "integer tensor is needed"),
    (dict(input_ids=torch.empty(2, 0, dtype=torch.long)), "no tokens"),
    (dict(input_ids=torch.ones(1, 1, 1, dtype=torch.long)), "(batch, length)"),
    (dict(input_ids=[[101, 102]]), "integer tensor is needed"),
    (dict(input_ids="text"), "integer tensor is needed"),
    (dict(input_ids=None), "integer tensor is needed"),
    (dict(input_ids=GOOD, attention_mask=torch.tensor([[1, 1, float("nan"), 0]])), "has nan in row 0"),
    (dict(input_ids=GOOD, attention_mask=torch.tensor([[1, 1, 1, -1]])), "has -1 in row 0"),
    (dict(input_ids=GOOD, attention_mask=torch.zeros(1, 4)), "no tokens"),
    (dict(input_ids=GOOD, attention_mask=torch.ones(2, 4)), "(2, 4)"),
    (dict(input_ids=GOOD, token_type_ids=torch.full((1, 4), -1)), "token type -1"),
    (dict(input_ids=GOOD, position_ids=torch.full((1, 4), 512)), "position 512; the limit is 0 to 511"),
]


@pytest.mark.parametrize("token_ids, says", EMBED_ROWS, ids=[repr(row)[:40] for row, _ in EMBED_ROWS])
def test_embed_refuses_and_the_next_is_right(model, before, token_ids, says):
    with pytest.raises(ValueError) as refused:
        model.embed(token_ids)
    assert says in str(refused.value)
    assert torch.equal(model.forward(GOOD), before)
    count("bad inputs tried against BGEForEmbedding")


@pytest.mark.parametrize("arguments, says", FORWARD_ROWS, ids=[says for _, says in FORWARD_ROWS])
def test_forward_refuses_and_the_next_is_right(model, before, arguments, says):
    with pytest.raises(ValueError) as refused:
        model.forward(**arguments)
    assert says in str(refused.value)
    assert torch.equal(model.forward(GOOD), before)
    count("bad inputs tried against BGEForEmbedding")


def test_odd_ids_are_embedded(model, folder):
    """One token, only special tokens, the same token, 512 of them: finite, right, and the same bits alone."""
    rows = [[0], [101], [102, 101], [30521], [101, 102], [100] * 3, [0] * 512, [2088] * 512, [101, 102]]
    together = model.embed(rows)
    assert together.isfinite().all() and torch.equal(together[4], together[8])
    reference = ReferenceEncoder.from_pretrained(folder)
    for ids, vector in zip(rows, together, strict=True):
        assert torch.equal(model.embed([ids])[0], vector)
        assert cosines(vector[None], reference.forward(torch.tensor([ids]))).min() >= 0.999
    count("odd but legal inputs tried against BGEForEmbedding", len(rows))


def test_nothing_is_no_rows(model):
    assert model.embed([]).shape == (0, 128)
