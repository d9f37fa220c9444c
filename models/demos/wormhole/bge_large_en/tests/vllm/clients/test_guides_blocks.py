# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The reference's blocks for LangChain and LlamaIndex against the server.

pytest -m clients
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, START_LIMIT_S, assert_like

pytestmark = pytest.mark.timeout(START_LIMIT_S + 900)

TEXTS = [
    "The cat sat on the mat and looked out of the window at the birds.",
    "Stock markets fell sharply on Monday after a weak report on jobs.",
    "Bread is made of flour, water, salt and yeast, and of patience.",
]
# What a user writes, as the guide has it, and what is then asked; `url` and `name` are the server's.
GUIDE = (Path(__file__).parents[3] / "demo" / "VLLM_REFERENCE.md").read_text(encoding="utf-8")
LANGCHAIN, LLAMA_INDEX = (
    block.replace('"BAAI/bge-large-en-v1.5"', "name").replace('"http://localhost:8000/v1"', "url")
    for block in re.findall(r"<!-- runs: clients -->\n```python\n(.*?)```", GUIDE, re.S)
)
LANGCHAIN += "answer = embeddings.embed_documents(texts), embeddings.embed_query(texts[0])"
LLAMA_INDEX += "answer = embedding.get_text_embedding_batch(texts), embedding.get_query_embedding(texts[0])"
LANGCHAIN_DEFAULT = """
import tiktoken
from langchain_openai import OpenAIEmbeddings

# Stands in for cl100k_base, which tiktoken would download: other ids than the model's for the same text.
encoding = tiktoken.Encoding("bytes", pat_str=".", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={})
tiktoken.encoding_for_model = tiktoken.get_encoding = lambda name: encoding
answer = OpenAIEmbeddings(model=name, base_url=url, api_key="unused").embed_documents(texts), None
"""


@pytest.fixture
def run(client_python, server):
    """Function from a user's code to what it made of TEXTS: vectors, and the vector of TEXTS[0] as a query."""

    def run(code: str):
        given = f"name, url, texts = {(NAME, server.url + '/v1', TEXTS)!r}\n"
        program = f"{given}{code}\nimport json; print(json.dumps(answer))"
        done = subprocess.run([client_python, "-I", "-c", program], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize(
    "code",
    [
        LANGCHAIN,
        LLAMA_INDEX,
        LLAMA_INDEX.replace("embeddings.openai ", "embeddings.openai_like ").replace("OpenAIE", "OpenAILikeE"),
    ],
    ids=["LangChain", "LlamaIndex", "LlamaIndex-like"],
)
def test_vectors_are_the_references(run, reference, code):
    vectors, query = run(code)
    expected = reference.encode(TEXTS)
    assert_like(torch.tensor(vectors), expected)
    assert_like(torch.tensor([query]), expected[:1])


def test_langchain_sends_foreign_token_ids_unless_told_not_to(run, reference):
    """Its default, right for OpenAI's own models, is silently wrong for any other: hence the option in the guide."""
    vectors, _ = run(LANGCHAIN_DEFAULT)
    cosines = torch.nn.functional.cosine_similarity(torch.tensor(vectors), reference.encode(TEXTS))
    assert cosines.max() < 0.9
