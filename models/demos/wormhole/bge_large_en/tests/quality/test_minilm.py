# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real all-MiniLM-L6-v2 weights: recorded vectors and similarities, 100 sentences, the STS benchmark."""

import pytest
import torch
from scipy.stats import spearmanr
from transformers import AutoTokenizer

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

# First values of "hello world": qdrant/fastembed tests/test_text_onnx_embeddings.py, here to 0.01.
HELLO_WORLD = [-0.034477, 0.031023, 0.006735, 0.026109, -0.039362]
# sentence-transformers tests/sentence_transformer/test_pretrained.py
QUERY = "Which planet is known as the Red Planet?"
DOCUMENTS = [
    "Venus is often called Earth's twin because of its similar size and proximity.",
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
    "Jupiter, the largest planet in our solar system, has a prominent red spot.",
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
]
SIMILARITIES = [0.46469, 0.81146, 0.72792, 0.75019]
STSB_SPEARMAN = 0.8203  # published 0.82032, measured in fp32 0.8203


@pytest.fixture
def embed(device):
    """Function from texts to (N, 384) fp32 unit rows."""
    folder = registry_minilm()
    if folder is None:
        pytest.skip("no installed package holds all-MiniLM-L6-v2")
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=256)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def rows(texts: list[str]) -> torch.Tensor:
        batch = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        return model.forward(batch["input_ids"], attention_mask=batch["attention_mask"])

    yield rows
    model.close()


def test_recorded_values(embed):
    vectors = embed(["hello world", QUERY, *DOCUMENTS])
    assert torch.allclose(vectors[0, :5], torch.tensor(HELLO_WORLD), atol=0.01)
    assert torch.allclose(vectors[2:] @ vectors[1], torch.tensor(SIMILARITIES), atol=0.01)


def test_100_sentences(embed):
    expected = ReferenceEncoder.from_pretrained(registry_minilm()).encode(SENTENCES, max_length=256)
    found = cosines(embed(SENTENCES), expected)
    print(f"worst cosine of {len(SENTENCES)} sentences: {found.min():.5f}")
    assert len(SENTENCES) >= 100 and found.min() >= 0.999


@pytest.mark.quality
def test_stsb_spearman(embed):
    pairs = stsb_test()
    texts = sorted({text for pair in pairs for text in pair[:2]})
    where = {text: i for i, text in enumerate(texts)}
    vectors = embed(texts)
    similar = [(vectors[where[a]] @ vectors[where[b]]).item() for a, b, _ in pairs]
    score = spearmanr(similar, [pair[2] for pair in pairs]).statistic
    print(f"STS-B test Spearman {score:.5f} over {len(pairs)} pairs; fp32 {STSB_SPEARMAN}")
    assert abs(score - STSB_SPEARMAN) <= 0.001
