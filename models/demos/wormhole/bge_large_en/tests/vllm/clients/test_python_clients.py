# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Clients for Python, each as its users begin with it; vectors and ranks are compared with the fp32 reference.

pytest -m clients
"""

import pytest

BEGIN = """
import json, os, sys
os.environ["ANONYMIZED_TELEMETRY"] = os.environ["MEM0_TELEMETRY"] = "False"
given = json.loads(sys.argv[1])
url, name, texts, query = given["url"], given["name"], given["texts"], given["query"]
"""
END = "\nprint(json.dumps(answer))"

LITELLM = """
import litellm
found = litellm.embedding(model="{provider}/" + name, input=texts, api_base=url + "/v1", api_key="unused")
answer = [item["embedding"] for item in found.data]
"""
VECTORS = {
    "openai": """
import openai
found = openai.OpenAI(base_url=url + "/v1", api_key="unused").embeddings.create(model=name, input=texts)
answer = [item.embedding for item in found.data]
""",
    "openai with dimensions": """
import openai
client = openai.OpenAI(base_url=url + "/v1", api_key="unused")
assert client.models.retrieve(name).id == name
answer = [item.embedding for item in client.embeddings.create(model=name, input=texts, dimensions=384).data]
""",
    "openai, async": """
import asyncio, openai
async def ask():
    async with openai.AsyncOpenAI(base_url=url + "/v1", api_key="unused") as client:
        found = await asyncio.gather(*(client.embeddings.create(model=name, input=text) for text in texts))
        return [item.data[0].embedding for item in found]
answer = asyncio.run(ask())
""",
    "LiteLLM, openai": LITELLM.format(provider="openai"),
    "LiteLLM, hosted_vllm": LITELLM.format(provider="hosted_vllm"),
    "LangChain": """
from langchain_openai import OpenAIEmbeddings
more = {"check_embedding_ctx_length": False, "dimensions": 384}
answer = OpenAIEmbeddings(model=name, base_url=url + "/v1", api_key="unused", **more).embed_documents(texts)
""",
    "LlamaIndex": """
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
answer = OpenAILikeEmbedding(model_name=name, api_base=url + "/v1", api_key="unused").get_text_embedding_batch(texts)
""",
    "Haystack, texts": """
from haystack.components.embedders import OpenAITextEmbedder
from haystack.utils import Secret
embedder = OpenAITextEmbedder(api_base_url=url + "/v1", api_key=Secret.from_token("unused"), model=name, dimensions=384)
answer = [embedder.run(text)["embedding"] for text in texts]
""",
    "Haystack, documents": """
from haystack import Document
from haystack.components.embedders import OpenAIDocumentEmbedder
from haystack.utils import Secret
embedder = OpenAIDocumentEmbedder(api_base_url=url + "/v1", api_key=Secret.from_token("unused"), model=name)
answer = [document.embedding for document in embedder.run([Document(content=text) for text in texts])["documents"]]
""",
    "mem0": """
from mem0.configs.embeddings.base import BaseEmbedderConfig
from mem0.embeddings.openai import OpenAIEmbedding
more = {"embedding_dims": 384, "openai_base_url": url + "/v1", "api_key": "unused"}
embedder = OpenAIEmbedding(BaseEmbedderConfig(model=name, **more))
answer = [list(embedder.embed(text, "add")) for text in texts]
""",
    "Chroma": """
import chromadb
from chromadb.utils.embedding_functions import OpenAIEmbeddingFunction
embed = OpenAIEmbeddingFunction(api_key="unused", api_base=url + "/v1", model_name=name)
collection = chromadb.EphemeralClient().create_collection("texts", embedding_function=embed)
collection.add(ids=[str(i) for i in range(len(texts))], documents=texts)
assert collection.query(query_texts=[texts[1]], n_results=1)["ids"] == [["1"]]
answer = collection.get(include=["embeddings"])["embeddings"].tolist()
""",
    "Cohere": """
import cohere
client = cohere.ClientV2(api_key="unused", base_url=url)
found = [
    client.embed(texts=texts, model=name, input_type=kind, embedding_types=["float"]).embeddings.float_
    for kind in ("search_document", "search_query", "classification", "clustering")
]
assert all(vectors == found[0] for vectors in found)  # this checkpoint has no prompts
answer = found[0]
""",
    "LangChain's CohereEmbeddings": """
from langchain_cohere import CohereEmbeddings
embeddings = CohereEmbeddings(cohere_api_key="unused", model=name, base_url=url)
answer = embeddings.embed_documents(texts)
assert embeddings.embed_query(texts[0]) == answer[0]
""",
}
RANKS = {
    "Cohere": """
import cohere
found = cohere.ClientV2(api_key="unused", base_url=url).rerank(model=name, query=query, documents=texts)
answer = [[item.index, item.relevance_score] for item in found.results]
""",
    "LangChain's CohereRerank": """
from langchain_cohere import CohereRerank
found = CohereRerank(cohere_api_key="unused", model=name, base_url=url).rerank(texts, query)
answer = [[item["index"], item["relevance_score"]] for item in found]
""",
    "LiteLLM": """
import litellm
found = litellm.rerank(model="hosted_vllm/" + name, query=query, documents=texts, api_base=url, api_key="unused")
answer = [[item["index"], item["relevance_score"]] for item in found.results]
""",
}


# Not among the pinned packages, whose hashes are of one set of versions.
LLAMA_INDEX = "llama-index-postprocessor-cohere-rerank==0.10.0"
LLAMA_INDEX_RANKS = """
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank
nodes = [NodeWithScore(node=TextNode(text=text)) for text in texts]
found = CohereRerank(api_key="unused", model=name, base_url=url).postprocess_nodes(nodes, query_str=query)
answer = [[texts.index(item.node.text), item.score] for item in found]
"""


@pytest.mark.parametrize("client", VECTORS)
def test_vectors(ask, assert_vectors, client_python, client):
    assert_vectors(ask(client_python, "-I", "-c", BEGIN + VECTORS[client] + END))


@pytest.mark.parametrize("client", RANKS)
def test_ranks(ask, assert_ranked, client_python, client):
    assert_ranked(ask(client_python, "-I", "-c", BEGIN + RANKS[client] + END))


@pytest.mark.parametrize("client", RANKS)
def test_scores_of_a_cross_encoder(ask_cross_encoder, assert_scored, client_python, client):
    assert_scored(ask_cross_encoder(client_python, "-I", "-c", BEGIN + RANKS[client] + END))


def test_llama_index_gets_the_scores_of_a_cross_encoder(ask_cross_encoder, assert_scored, python_with):
    assert_scored(ask_cross_encoder(python_with(LLAMA_INDEX), "-I", "-c", BEGIN + LLAMA_INDEX_RANKS + END))


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_a_litellm_that_sends_null(ask, assert_vectors, python_with, provider):
    """1.80.11: "encoding_format": null."""
    python = python_with("litellm==1.80.11")
    assert_vectors(ask(python, "-I", "-c", BEGIN + LITELLM.format(provider=provider) + END))
