# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What others recorded and published of the real checkpoints: data alone, by the model's name, each with its source.

Rows are pooled as the checkpoint says (BGE: CLS, MiniLM: mean), normalised, and without the query instruction.
"""

BGE_LARGE = "BAAI/bge-large-en-v1.5"
BGE_BASE = "BAAI/bge-base-en-v1.5"
BGE_SMALL = "BAAI/bge-small-en-v1.5"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"

# Model cards of BAAI/bge-*-en-v1.5: before queries of retrieval, never before documents nor for similarity.
_BGE_INSTRUCTION = "Represent this sentence for searching relevant passages: "
QUERY_INSTRUCTIONS = {BGE_LARGE: _BGE_INSTRUCTION, BGE_BASE: _BGE_INSTRUCTION, BGE_SMALL: _BGE_INSTRUCTION}

# qdrant/fastembed, tests/test_text_onnx_embeddings.py: the first five numbers, recorded to 1e-3.
HELLO_WORLD = "hello world"
FIRST_VALUES = {
    BGE_LARGE: [0.03434538, 0.03316108, 0.02191251, -0.03713358, -0.01577825],
    BGE_BASE: [0.01129394, 0.05493144, 0.02615099, 0.00328772, 0.02996045],
    BGE_SMALL: [0.01522374, -0.02271799, 0.00860278, -0.07424029, 0.00386434],
    MINILM: [-0.034477, 0.031023, 0.006735, 0.026109, -0.039362],
}
FIRST_VALUES_TOLERANCE = 1e-3

# huggingface/sentence-transformers, tests/sentence_transformer/test_pretrained.py: cosines, recorded to 0.01.
RED_PLANET_QUERY = "Which planet is known as the Red Planet?"
RED_PLANET_DOCUMENTS = [
    "Venus is often called Earth's twin because of its similar size and proximity.",
    "Mars, known for its reddish appearance, is often referred to as the Red Planet.",
    "Jupiter, the largest planet in our solar system, has a prominent red spot.",
    "Saturn, famous for its rings, is sometimes mistaken for the Red Planet.",
]
RED_PLANET_SIMILARITIES = {
    BGE_LARGE: [0.53004, 0.81202, 0.68899, 0.7095],
    BGE_BASE: [0.56823, 0.85511, 0.73461, 0.69612],
    BGE_SMALL: [0.60098, 0.8291, 0.77927, 0.70905],
    MINILM: [0.46469, 0.81146, 0.72792, 0.75019],
}
RED_PLANET_TOLERANCE = 0.01

# Anush008/fastembed-rs, tests/text-embeddings.rs: the sum of each vector's numbers, recorded to 0.01.
SUM_TEXTS = [
    "Hello, World!",
    "This is an example passage.",
    "fastembed-rs is licensed under Apache-2.0",
    "Some other short text here blah blah blah",
]
VECTOR_SUMS = {
    BGE_LARGE: [-0.19347441, -0.28394595, -0.1549195, -0.22201893],
    BGE_SMALL: [0.09881669, 0.15151203, 0.12057499, 0.13641948],
}
SUMS_TOLERANCE = 0.01

# Main scores of mteb tasks times 100: Spearman's correlation of cosines for STS, nDCG@10 for retrieval.
# BGE-large: embeddings-benchmark/results, mteb 1.18.0, revision d4aa6901; ArguAna from the model card.
# BGE-small and MiniLM: STS-B test as in the MTEB leaderboard.
MTEB_SCORES = {
    BGE_LARGE: {
        "STSBenchmark": 87.519,
        "STS12": 79.049,
        "STS13": 86.371,
        "STS14": 82.778,
        "STS15": 88.03,
        "STS16": 86.487,
        "SICK-R": 81.684,
        "ArguAna": 63.542,
        "SciFact": 74.607,
    },
    BGE_SMALL: {"STSBenchmark": 85.863},
    MINILM: {"STSBenchmark": 82.032},
}


def published_name(name: str) -> str | None:
    """The name above of a checkpoint: `name` itself, or the one that a folder called `name` ends in; None for another."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return next((known for known in FIRST_VALUES if name == known or last == known.rsplit("/", 1)[-1]), None)
