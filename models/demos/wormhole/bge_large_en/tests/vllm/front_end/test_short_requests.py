# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Where vLLM's routes that pool read and answer: short requests in the event loop's thread, others in another."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.short_requests import (  # noqa: E402
    FEW_VECTORS,
    SHORT_BYTES,
    work_in_place,
)

base = pytest.importorskip("vllm.entrypoints.pooling.base.serving")


@pytest.fixture
def serving(monkeypatch):
    """vLLM's, over a front end that is not there; it says in which thread it works."""
    monkeypatch.setattr(base.PoolingBaseServing, "__init__", base.PoolingBaseServing.__init__)
    work_in_place()
    work_in_place()

    class Serving(base.PoolingBaseServing):
        def _preprocessing(self, io_processor, ctx):
            return threading.current_thread()

        def _postprocessing(self, io_processor, ctx):
            if ctx.final_res_batch == ["wrong"]:
                raise ValueError("no such result")
            return threading.current_thread()

        get_io_processor = _build_response = None

    with ThreadPoolExecutor(1) as executor:
        client = SimpleNamespace(renderer=SimpleNamespace(_executor=executor), vllm_config=None)
        models = SimpleNamespace(model_config=SimpleNamespace(max_model_len=8), processor=None, engine_client=client)
        models.renderer, models.io_processor, models.input_processor = client.renderer, None, None
        yield Serving(client, models, request_logger=None, chat_template_config=MagicMock())


def context(length: str | None = None, answers: list | None = None):
    headers = {} if length is None else {"content-length": length}
    return SimpleNamespace(raw_request=SimpleNamespace(headers=headers), final_res_batch=answers)


async def here(work, ctx) -> bool:
    return await work(None, ctx) is threading.current_thread()


@pytest.mark.skipif(NEWER, reason="vLLM 0.33 reads requests elsewhere")
@pytest.mark.parametrize(
    "ctx, in_place",
    [
        (context(str(SHORT_BYTES)), True),
        (context(str(SHORT_BYTES + 1)), False),
        (context("9" * 30), False),
        (context("-1"), False),
        (context(), False),
        (SimpleNamespace(raw_request=None), False),
    ],
    ids=["short", "longer", "much longer", "strange", "not known", "of a batch file"],
)
def test_reading(serving, ctx, in_place):
    assert asyncio.run(here(serving._preprocessing_async, ctx)) is in_place


@pytest.mark.parametrize(
    "answers, in_place", [([0], True), ([0] * FEW_VECTORS, True), ([0] * (FEW_VECTORS + 1), False), (None, False)]
)
def test_answering(serving, answers, in_place):
    assert asyncio.run(here(serving._postprocessing_async, context(answers=answers))) is in_place


MADE = """
import sys
from vllm.engine.arg_utils import EngineArgs
from vllm.entrypoints.pooling.base.serving import PoolingBaseServing

EngineArgs(model=sys.argv[1], skip_tokenizer_init=True).create_engine_config()
print("BY", PoolingBaseServing.__init__.__code__.co_filename)
"""


def test_it_is_the_platform_that_has_them_do_it(vllm_environment, minilm, tmp_path):
    run = run_forked("made", [str(minilm)], vllm_environment, tmp_path, code=MADE)
    assert "BY " in run.stdout and "short_requests.py" in run.stdout, run.stdout[-2000:] + run.stderr[-2000:]


def test_an_error_is_raised_on(serving):
    with pytest.raises(ValueError, match="no such result"):
        asyncio.run(serving._postprocessing_async(None, context(answers=["wrong"])))
