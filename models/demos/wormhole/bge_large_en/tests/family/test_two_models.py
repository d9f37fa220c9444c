# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Retrieve on one chip of an n300 and rerank on the other, in one process: each as if it were alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.tests.family.seeded_family import (
    TINY_XLMR,
    tiny_xlmr_tokenizer,
    write_cross_encoder,
    write_encoder,
)

REPOSITORY = Path(__file__).parents[6]
# Arguments: encoder, cross-encoder, file for what they compute.
BOTH = """
import sys
import torch
import ttnn
from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.runner.mesh import open_mesh

encoder, cross_encoder, file = sys.argv[1:]
mesh = open_mesh(l1_small_size=0, trace_region_size=0)
chips = mesh.create_submeshes(ttnn.MeshShape(1, 1))
retrieve = BGEForEmbedding(device=chips[0], model_name=encoder, max_seq_len=64)
rerank = BGEForSequenceClassification(device=chips[-1], model_name=cross_encoder, max_seq_len=64)
texts = [[0, *range(5, 5 + n), 2] for n in (3, 30, 11)]
said = {"chips": len(chips)}
for turn in range(2):  # each between two steps of the other
    said[f"rows {turn}"], said[f"scores {turn}"] = retrieve.embed(texts), rerank.head(rerank.embed(texts))
torch.save(said, file)
retrieve.close()
rerank.close()
for chip in chips:
    ttnn.close_mesh_device(chip)
ttnn.close_mesh_device(mesh)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder, tokenizer = tmp_path_factory.mktemp("two"), tiny_xlmr_tokenizer()
    return (
        write_encoder(folder / "encoder", tokenizer, **TINY_XLMR),
        write_cross_encoder(folder / "cross", tokenizer, **TINY_XLMR),
    )


def run(board: str, folders, file: Path) -> dict:
    environment = {**os.environ, "MESH_DEVICE": board, "EMULATED_WORMHOLE": "1", "PYTHONPATH": str(REPOSITORY)}
    for name in ("TT_VISIBLE_DEVICES", "TT_METAL_MOCK_CLUSTER_DESC_PATH"):
        environment.pop(name, None)
    script = file.with_suffix(".py")
    script.write_text(BOTH)
    command = [sys.executable, "-m", "models.emulated_wormhole", str(script), *map(str, folders), str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return torch.load(file)


def test_each_has_a_chip_of_an_n300(folders, tmp_path):
    pytest.importorskip("models.emulated_wormhole")
    two, one = run("N300", folders, tmp_path / "two"), run("N150", folders, tmp_path / "one")
    assert (two.pop("chips"), one.pop("chips")) == (2, 1)
    assert {name: torch.equal(value, one[name]) for name, value in two.items()} == dict.fromkeys(one, True)
    assert torch.equal(two["rows 0"], two["rows 1"]) and torch.equal(two["scores 0"], two["scores 1"])
