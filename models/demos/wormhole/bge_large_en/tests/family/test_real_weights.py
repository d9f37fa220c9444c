# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A cross-encoder of MiniLM-L6's real encoder, with a seeded head as no package has a trained one: pairs of STS-B.

The ranks are of no use to anybody; they tell whether the device orders documents as fp32 does.
"""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

import ttnn
from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import bert_tokenizer

QUERIES, DOCUMENTS = 50, 10
LOGITS = 0.01  # in `accuracy`
LEAST = 4  # score of an STS-B pair whose second sentence the first is a query for, as in the derived retrieval task

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    minilm = registry_minilm()
    if minilm is None:
        pytest.skip("all-MiniLM-L6-v2 is not installed")
    folder = tmp_path_factory.mktemp("real") / "cross-encoder"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    head = {"pooler.dense": (384, 384), "classifier": (1, 384)}
    state = {f"bert.{name}": t for name, t in load_file(minilm / "model.safetensors").items() if "pooler" not in name}
    for name, size in head.items():
        prefix = "bert." if name.startswith("pooler") else ""
        state[f"{prefix}{name}.weight"] = torch.randn(size, generator=generator) / 384**0.5
        state[f"{prefix}{name}.bias"] = torch.zeros(size[0])
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((minilm / "config.json").read_text())
    config |= {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(minilm / name, folder)
    return folder


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


def test_logits_are_those_of_fp32_and_so_is_every_best_document(logits):
    wanted, found, alone = logits
    error, order = (found - wanted).abs().max().item(), wanted.argsort(dim=1)
    gaps = wanted.gather(1, order).diff(dim=1)
    swapped = gaps[found.gather(1, order).diff(dim=1) < 0]
    worst = swapped.max().item() if len(swapped) else 0.0
    same = int((found.argsort(dim=1) == order).all(dim=1).sum())
    print(
        f"worst logit error {error:.4f} of a spread of {wanted.std():.3f}; the order of {same} of {QUERIES} queries is the "
        f"same; documents that changed places are at most {worst:.4f} apart"
    )
    assert torch.equal(alone[0], found[0, :1])
    assert error < LOGITS and wanted.std() > 5 * LOGITS
    assert torch.equal(found.argmax(dim=1), wanted.argmax(dim=1))
    assert worst < LOGITS


@pytest.mark.xfail(strict=True, reason="41 of 50: neighbours whose logits are up to 0.0035 apart change places")
def test_every_document_has_its_place(logits):
    wanted, found, _ = logits
    assert torch.equal(found.argsort(dim=1), wanted.argsort(dim=1))
