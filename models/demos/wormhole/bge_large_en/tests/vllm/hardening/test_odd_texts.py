# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Every odd text has a right vector, the same alone and in company, or is refused with 400."""

import base64
import json

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("psutil")

import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.odd_texts import ODD_TEXTS
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.soak import SOAKED
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, assert_like, post

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

LONGEST = 256  # tokens; soak.flags has the same


@pytest.fixture(scope="module")
def reference(loaded_server) -> ReferenceEncoder:
    """Of the loaded server's checkpoint, in fp32."""
    return ReferenceEncoder.from_pretrained(loaded_server.model)


def ask(server, texts: list[str]) -> tuple[int, list[bytes] | str]:
    """The status, with the vectors or the message."""
    answer = post(server, "/v1/embeddings", {"model": SOAKED, "input": texts, "encoding_format": "base64"})
    found = json.load(answer)
    if answer.status == 200:
        return 200, [base64.b64decode(item["embedding"]) for item in found["data"]]
    return answer.status, found["error"]["message"]


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_text(loaded_server, reference, name):
    text, company = ODD_TEXTS[name], SENTENCES[:3]
    tokens = len(reference.tokenizer(text, truncation=False)["input_ids"])
    status, found = ask(loaded_server, [text])
    count(f"odd texts answered with {status}")
    if tokens > LONGEST:
        assert status == 400 and f"maximum context length is {LONGEST}" in found, found
    else:
        assert status == 200, found
        vector = torch.frombuffer(bytearray(found[0]), dtype=torch.float32)[None]
        assert torch.isfinite(vector).all()
        assert_like(vector, reference.encode([text]))
        assert ask(loaded_server, [*company, text, text]) == (200, ask(loaded_server, company)[1] + found * 2)
    assert loaded_server.healthy()
