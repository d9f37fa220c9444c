# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Properties of BGEForEmbedding.forward: any batch has the bits of its rows alone, anything else is a ValueError.

Many more examples: HYPOTHESIS_EXAMPLES=20 pytest …
"""

import functools

import pytest

pytest.importorskip("hypothesis")

import torch
from hypothesis import given
from hypothesis import strategies as st

import ttnn
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.tests.runner.examples import examples
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder

LONGEST, VOCABULARY = 128, TINY["vocab_size"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    config = {**TINY, "num_hidden_layers": 1}
    folder = seeded_folder(tmp_path_factory.mktemp("tiny") / "tiny", **config)
    device = ttnn.open_device(device_id=0)
    buckets = Buckets((32, 64, 128), (1, 8), packed=(128,))
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=LONGEST, buckets=buckets)
    # The same few texts come again and again, so that each is computed alone once.
    model.alone = functools.cache(lambda number, length: model.forward(text(number, length)[None])[0])
    yield model
    model.close()
    ttnn.close_device(device)


def text(number: int, length: int) -> torch.Tensor:
    return torch.randint(0, VOCABULARY, (length,), generator=torch.Generator().manual_seed(1000 * number + length))


lengths = st.sampled_from((1, 2, 5, 31, 32, 33, 63, 64, 65, 100, 128))
texts = st.lists(st.tuples(st.integers(0, 1), lengths), min_size=1, max_size=16)


@examples(15)
@given(
    texts,
    st.sampled_from((torch.int64, torch.int32)),
    st.sampled_from((torch.int64, torch.int32, torch.uint8, torch.bool, torch.float32, torch.bfloat16)),
    st.integers(0, 40),
    st.integers(0, VOCABULARY - 1),
)
def test_each_row_has_the_bits_of_its_text_alone(model, batch, dtype, mask_dtype, more, padding):
    width = max(length for _, length in batch) + more
    ids, mask = torch.full((len(batch), width), padding), torch.zeros(len(batch), width)
    for row, (number, length) in enumerate(batch):
        ids[row, :length], mask[row, :length] = text(number, length), 1
    found = model.forward(ids.to(dtype), attention_mask=mask.to(mask_dtype))
    assert torch.isfinite(found).all()
    assert torch.equal(found.view(torch.int32), torch.stack([model.alone(*one) for one in batch]).view(torch.int32))


def tensors(values: st.SearchStrategy) -> st.SearchStrategy:
    """Of any shape up to three dims, often (2, 3), and of any dtype."""
    shape = st.one_of(st.just((2, 3)), st.lists(st.integers(0, 4), max_size=3).map(tuple))
    dtypes = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool, torch.float32, torch.float16)
    dtypes += (torch.complex64,)

    def make(shape, dtype, values):
        count = torch.Size(shape).numel()
        return torch.tensor((values * count)[:count], dtype=torch.float64).reshape(shape).to(dtype)

    return st.builds(make, shape, st.sampled_from(dtypes), st.lists(values, min_size=1, max_size=6))


special_ids = st.sampled_from((0, 1, 101, 30521, 30522, -1, 2**31, 2**40))
anything = st.one_of(tensors(st.integers(-2, 2)), tensors(special_ids))
masks = st.one_of(st.none(), tensors(st.integers(0, 1)), tensors(st.sampled_from((0.0, 0.5, 1.0, float("nan"), -1.0))))


def test_anything_is_embedded_or_refused_with_a_value_error(model):
    @examples(200)
    @given(anything, masks, st.one_of(st.none(), anything), st.one_of(st.none(), anything))
    def tried(ids, mask, types, positions):
        try:
            found = model.forward(ids, mask, types, positions)
        except ValueError as error:
            assert len(str(error)) > 20
        else:
            assert found.shape == (len(ids), TINY["hidden_size"]) and torch.isfinite(found).all()

    before = model.forward(text(0, 5)[None])
    tried()
    assert torch.equal(model.forward(text(0, 5)[None]), before)


@examples(60)
@given(st.one_of(st.lists(st.one_of(st.integers(-1, 30522), st.text(max_size=2), st.none())), st.text(), st.binary()))
def test_lists_of_anything_too(model, row):
    good = type(row) is list and row and all(type(i) is int and 0 <= i < VOCABULARY for i in row)
    if good and len(row) <= LONGEST:
        assert model.embed([row]).shape == (1, TINY["hidden_size"])
    else:
        with pytest.raises(ValueError, match="row 0"):
            model.embed([row])
