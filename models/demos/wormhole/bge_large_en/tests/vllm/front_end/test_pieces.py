# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How a long text is cut and averaged, what is refused at the start; test_bge_server.py asks a server."""

import importlib.util
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm")

from vllm.entrypoints.pooling.embed.io_processor import EmbedIOProcessor  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.pieces import averaged, check_pieces, cut  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import prompt_of  # noqa: E402

CLS, SEP = 101, 102


@pytest.mark.parametrize("longest", [3, 4, 8, 64])
@pytest.mark.parametrize("special", [True, False])
def test_pieces_are_the_text(longest, special):
    """All of it, once, in order; none longer than the model; the special tokens that the whole has, and no others."""
    head, tail = ([CLS], [SEP]) if special else ([], [])
    for tokens in (1, longest - 2, longest - 1, longest, longest + 1, 2 * longest - 4, 2 * longest - 3, 500):
        inner = list(range(1000, 1000 + tokens))
        pieces = cut(head + inner + tail, longest, CLS, SEP)
        assert max(map(len, pieces)) <= longest and all(len(piece) == longest for piece in pieces[:-1])
        if special:
            assert all(piece[0] == CLS and piece[-1] == SEP for piece in pieces)
            pieces = [piece[1:-1] for piece in pieces]
        assert [i for piece in pieces for i in piece] == inner and all(pieces)


def test_the_average_is_weighted_by_tokens():
    vectors = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])]
    assert torch.equal(averaged(vectors, [3, 1], normalize=False), torch.tensor([0.75, 0.25]))
    norm = torch.tensor([0.75, 0.25]).norm()
    torch.testing.assert_close(averaged(vectors, [3, 1], normalize=True), torch.tensor([0.75, 0.25]) / norm)
    (alone,) = torch.rand(1, 7)
    assert averaged([alone], [5], normalize=True) is alone


def model_config(architecture: str = "BertModel", longest: int = 64, **pooler) -> SimpleNamespace:
    fields = {"enable_chunked_processing": True, "max_embed_len": None, **pooler}
    return SimpleNamespace(architectures=[architecture], max_model_len=longest, pooler_config=SimpleNamespace(**fields))


def test_the_limit_is_that_of_ids_where_none_is_given():
    for given, found in ((None, 8192), (100_000, 100_000)):
        config = model_config(max_embed_len=given)
        check_pieces(config, 8192)
        assert config.pooler_config.max_embed_len == found
    off = model_config(enable_chunked_processing=False)
    check_pieces(off, 8192)
    assert off.pooler_config.max_embed_len is None


@pytest.mark.parametrize(
    "config, said",
    [
        (model_config(max_embed_len=0), "max_embed_len is 0; allowed: at least 1"),
        (model_config(max_embed_len=65, enable_chunked_processing=False), "max_embed_len is 65; .* 64"),
        (model_config("BertForSequenceClassification"), "enable_chunked_processing is True; .* cross-encoder"),
        (model_config(longest=2), "max_model_len is 2; .* at least 3"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(config, said):
    with pytest.raises(ValueError, match=said):
        check_pieces(config, 8192)


def test_vllm_itself_leaves_the_special_tokens_out(monkeypatch):
    """What is mended: its pieces but the first have no [CLS]. Once they have, `pieces` may go."""
    spec = importlib.util.find_spec("vllm.entrypoints.pooling.embed.io_processor")
    fresh = importlib.util.module_from_spec(spec)
    fresh.__package__ = "vllm.entrypoints.pooling.embed"
    spec.loader.exec_module(fresh)
    processor = SimpleNamespace(model_config=SimpleNamespace(max_model_len=4))
    whole = {"type": "token", "prompt_token_ids": [CLS, 1, 2, 3, 4, SEP]}
    if NEWER:
        whole = {"prompts": whole, "params": None, "lora_requests": None, "priorities": 0}
    ctx = SimpleNamespace(engine_inputs=[whole], request_id="x")
    processor.enable_chunked_processing = True
    cut_by_vllm = "maybe_pre_process_chunked" if NEWER else "_pre_process_chunked"
    getattr(fresh.EmbedIOProcessor, cut_by_vllm)(processor, ctx)
    assert fresh.EmbedIOProcessor is not EmbedIOProcessor
    assert [prompt_of(each)["prompt_token_ids"] for each in ctx.engine_inputs] == [[CLS, 1, 2, 3], [4, SEP]]
