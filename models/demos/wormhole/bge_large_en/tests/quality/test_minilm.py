# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real all-MiniLM-L6-v2 weights: 100 sentences, the STS benchmark."""

import contextlib

import pytest

pytest.importorskip("scipy")

import torch
from scipy.stats import spearmanr

from models.demos.wormhole.bge_large_en.demo.checkpoints import MINILM, choose, registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.demo.dataset_evaluation import evaluate, load_tasks
from models.demos.wormhole.bge_large_en.demo.evaluation.report import table
from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES
from models.emulated_wormhole import modelled_fidelity

MAX_TOKENS = 256
STSB_LARGEST_DROP = 0.0005  # of Spearman's correlation
LARGEST_DROP = {"performance": 0.001, "accuracy": 0.0005}  # of Spearman's correlation, with modelled fidelity


@contextlib.contextmanager
def encoder(device, **options):
    """Function from texts to (N, 384) fp32 unit rows; options of BGEForEmbedding."""
    folder = registry_minilm()
    if folder is None:
        pytest.skip("no installed package holds all-MiniLM-L6-v2")
    with TextEncoder(device, folder, MAX_TOKENS, **options) as found:
        yield found.encode


@pytest.fixture
def embed(device):
    with encoder(device) as rows:
        yield rows


def spearman(vectors: torch.Tensor, texts: list[str], pairs) -> float:
    """Rank correlation of the vectors' similarities with the pairs' scores; a vector per text."""
    where = {text: i for i, text in enumerate(texts)}
    similar = [(vectors[where[a]] @ vectors[where[b]]).item() for a, b, _ in pairs]
    return spearmanr(similar, [score for _, _, score in pairs]).statistic


def test_100_sentences(embed):
    expected = ReferenceEncoder.from_pretrained(registry_minilm()).encode(SENTENCES, max_length=MAX_TOKENS)
    found = cosines(embed(SENTENCES), expected)
    print(f"worst cosine of {len(SENTENCES)} sentences: {found.min():.5f}")
    assert len(SENTENCES) >= 100 and found.min() >= 0.999


def test_same_bits_alone_and_together(embed):
    """Real weights, where sums over tokens are not exact: rows of their own, of one and of many, and packed rows."""
    texts = SENTENCES[60:]
    assert torch.equal(embed(texts), torch.cat([embed([text]) for text in texts]))


@pytest.mark.quality
@pytest.mark.timeout(3600)
def test_stsb_gate(device):
    """The whole STS benchmark and the retrieval derived from it through mteb, in both profiles, beside fp32."""
    pytest.importorskip("mteb")
    if registry_minilm() is None:
        pytest.skip("no installed package holds all-MiniLM-L6-v2")
    tasks = load_tasks(["STSBenchmark", "SciFact"], offline=True)
    scores, _ = evaluate(device, choose(MINILM), tasks, profiles=PROFILES)
    print(f"\n{table(scores)}")
    for score in (score for score in scores if score.published is not None):
        assert abs(score.reference - score.published) <= 0.01, "fp32 is not what was published"
        assert score.to_reference >= -100 * STSB_LARGEST_DROP, f"{score.profile}: {score.to_reference:+.4f} to fp32"
    assert sum(score.published is not None for score in scores) == len(PROFILES)


@pytest.mark.quality
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("profile", PROFILES)
def test_modelled_fidelity(device, profile):
    """The first 1,000 distinct sentences of STS-B, and the pairs that they cover."""
    texts = list(dict.fromkeys(text for pair in stsb_test() for text in pair[:2]))[:1000]
    pairs = [pair for pair in stsb_test() if {pair[0], pair[1]} <= set(texts)]
    with encoder(device, optimizations=profile) as rows, modelled_fidelity():
        vectors = rows(texts)
    expected = ReferenceEncoder.from_pretrained(registry_minilm()).encode(texts, max_length=MAX_TOKENS)
    worst, exact = cosines(vectors, expected).min().item(), spearman(expected, texts, pairs)
    score = spearman(vectors, texts, pairs)
    # A row of the table in tech_reports/BGE/bge.md.
    cells = (profile, len(texts), f"{worst:.5f}", len(pairs), f"{score:.5f}", f"{exact:.5f}", f"{exact - score:+.5f}")
    print(f"\n| minilm | {' | '.join(map(str, cells))} |")
    assert worst >= 0.999
    assert exact - score <= LARGEST_DROP[profile]


@pytest.mark.quality
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("modelled", [False, True], ids=["goldens", "modelled"])
def test_dense_placements(device, profile, modelled):
    """What a text's neighbours do to its vector in dense rows, and that aligned ones leave it alone."""
    texts, half = SENTENCES, len(SENTENCES) // 2
    worst = {}
    for dense in (False, True):
        with encoder(device, optimizations=profile, buckets=default_buckets(MAX_TOKENS, 8, dense=dense)) as rows:
            with modelled_fidelity() if modelled else contextlib.nullcontext():
                placed = [rows(texts), rows(texts[half:] + texts[:half]).roll(half, 0), rows(texts[::-1]).flip(0)]
        worst[dense] = min(cosines(a, b).min().item() for a in placed for b in placed)
        bits = all(torch.equal(placed[0], other) for other in placed)
        assert bits != dense
    # A row of the table in tech_reports/BGE/bge.md.
    print(f"\n| {profile} | {'modelled' if modelled else 'goldens'} | {worst[True]:.6f} |")
    assert worst[True] >= 0.999
