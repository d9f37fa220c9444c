# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cross-encoders of MiniLM-L6's real encoder, as no package has a trained one: fifty queries of STS-B, ten documents each.

`seeded` has a seeded head: its ranks are of no use to anybody. `trained` was fine-tuned here on STS-B's training part: it
puts the right document first, and its logits spread as a reranker's do, nine times as far.

Two logits that are each within a tolerance of fp32 may change places. An order may differ from fp32's between documents of
`seeded` whose fp32 logits are less than LOGITS apart, and nowhere else. The error of `trained` grew with its spread, so
there the tolerance of each logit is LOGITS of the spread, and that of two of them twice as much. How many whole orders
are the same, and what changed places, is printed (-s).
"""

import random
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

import ttnn
from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import bert_tokenizer

QUERIES, DOCUMENTS = 50, 10
LOGITS = 0.01  # in `accuracy`
LEAST = 4  # score of an STS-B pair whose second sentence the first is a query for, as in the derived retrieval task

STEPS = 16  # of training


@pytest.fixture(scope="module", params=["seeded", "trained"])
def folder(request, tmp_path_factory):
    minilm = registry_minilm()
    if minilm is None:
        pytest.skip("all-MiniLM-L6-v2 is not installed")
    folder = tmp_path_factory.mktemp(request.param) / "cross-encoder"
    config = AutoConfig.from_pretrained(minilm, num_labels=1)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.bert.load_state_dict(load_file(minilm / "model.safetensors"), strict=False)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in (model.bert.pooler.dense, model.classifier):
            layer.weight.normal_(0.0, layer.in_features**-0.5, generator=generator)
            layer.bias.zero_()
    if request.param == "trained":
        train(model, bert_tokenizer(minilm))
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(minilm / name, folder)
    return folder


def train(model, tokenizer) -> None:
    """On sentences that say the same, each beside one of the next nine of the corpus and one of all of it."""
    chosen, pairs = random.Random(0), stsb_test("train")
    corpus = [second for _, second, _ in pairs]
    alike = [(first, at) for at, (first, _, score) in enumerate(pairs) if score >= LEAST]
    model.bert.embeddings.requires_grad_(False)
    of_head = [*model.bert.pooler.parameters(), *model.classifier.parameters()]
    groups = [{"params": model.bert.encoder.parameters(), "lr": 5e-5}, {"params": of_head, "lr": 1e-3}]
    optimizer, loss = torch.optim.AdamW(groups, weight_decay=0.0), torch.nn.BCEWithLogitsLoss()
    for _ in range(STEPS):
        batch = chosen.sample(alike, 8)
        queries = [query for query, _ in batch for _ in range(3)]
        near = [corpus[(at + chosen.randint(1, DOCUMENTS - 1)) % len(corpus)] for _, at in batch]
        texts = [text for (_, at), other in zip(batch, near) for text in (corpus[at], other, chosen.choice(corpus))]
        logits = model(**tokenizer(queries, texts, padding=True, return_tensors="pt")).logits[:, 0]
        optimizer.zero_grad()
        loss(logits, torch.tensor([1.0, 0.0, 0.0] * len(batch))).backward()
        optimizer.step()


def fifty_queries() -> list[tuple[str, list[str]]]:
    """Of each first sentence whose second says the same: that one, and the nine after it in the corpus."""
    pairs = stsb_test()
    corpus = list(dict.fromkeys(second for _, second, _ in pairs))
    wanted = list({first: corpus.index(second) for first, second, score in pairs if score >= LEAST}.items())[:QUERIES]
    return [(query, [corpus[(at + i) % len(corpus)] for i in range(DOCUMENTS)]) for query, at in wanted]


@pytest.fixture(scope="module")
def logits(folder, device_of_a_module):
    """(queries, documents) of transformers in fp32 and of the device, and the first pair's alone."""
    tokenizer, tasks = bert_tokenizer(folder), fifty_queries()
    pairs = tokenizer([query for query, texts in tasks for _ in texts], [text for _, texts in tasks for text in texts])
    rows = [Row(torch.tensor(i), torch.tensor(t)) for i, t in zip(pairs["input_ids"], pairs["token_type_ids"])]
    theirs = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        wanted = [theirs(input_ids=r.ids[None], token_type_ids=r.types[None]).logits[0, 0] for r in rows]
    options = dict(model_name=str(folder), max_seq_len=256, optimizations="accuracy")
    model = BGEForSequenceClassification(device=device_of_a_module, **options)
    found, alone = model.head(model.embed(rows)), model.head(model.embed(rows[:1]))
    model.close()
    return torch.stack(wanted).view(QUERIES, DOCUMENTS), found.view(QUERIES, DOCUMENTS), alone


@pytest.fixture(scope="module")
def device_of_a_module():
    device = ttnn.open_device(device_id=0)
    yield device
    ttnn.close_device(device)


def changed_places(wanted: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """How far apart in `wanted` (queries, documents) any two documents are whose order in `found` is another."""
    apart, order = (logits[:, :, None] - logits[:, None, :] for logits in (wanted, found))
    return apart[(apart > 0) & (order <= 0)]


@pytest.mark.quality
def test_the_order_is_that_of_fp32(folder, logits):
    wanted, found, alone = logits
    swapped = changed_places(wanted, found)
    worst = swapped.max().item() if len(swapped) else 0.0
    same = int((found.argsort(dim=1) == wanted.argsort(dim=1)).all(dim=1).sum())
    right = int((wanted.argmax(dim=1) == 0).sum())
    error = (found - wanted).abs()
    print(
        f"\n{folder.parent.name}: logits off by {error.max():.4f}, {error.mean():.4f} in the mean, of a spread of "
        f"{wanted.std():.3f}; the right document is first for {right} of {QUERIES} queries; the whole order of {same} is "
        f"the same, and {len(swapped)} of {QUERIES * DOCUMENTS * (DOCUMENTS - 1) // 2} pairs of documents changed places, "
        f"at most {worst:.4f} apart"
    )
    assert torch.equal(alone[0], found[0, :1])
    assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))
    assert wanted.std() > 5 * LOGITS
    if "trained" in str(folder):
        assert worst < 2 * LOGITS * wanted.std() and right == QUERIES
    else:
        assert worst < LOGITS


@pytest.mark.quality
def test_logits_are_those_of_fp32(request, folder, logits):
    wanted, found, _ = logits
    if "trained" in str(folder):  # strict: when it is met, take this away
        reason = "off by 0.06 where logits spread by 2.5: the error is a share of the spread"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    assert (found - wanted).abs().max() < LOGITS


def test_documents_that_are_not_neighbours_are_seen_to_change_places():
    wanted = torch.tensor([[0.0, 0.004, 0.008, 0.012], [3.0, 2.0, 1.0, 0.0]])
    found = torch.tensor([[0.003, 0.002, 0.001, 0.0], [4.0, 3.0, 2.0, 1.0]])
    assert len(changed_places(wanted, wanted)) == 0 and len(changed_places(wanted, found)) == 6
    assert changed_places(wanted, found).max() == pytest.approx(0.012)
