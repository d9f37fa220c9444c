# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One model over many chips: the bits of one chip, rows in order, and a partial batch on as many chips as it can fill.

In processes of their own, because ttnn takes its board once per process.
"""

import os
import subprocess
import sys

import pytest

from models.demos.wormhole.bge_large_en.tests.runner.small_model import TINY
from models.demos.wormhole.bge_large_en.tests.seeded_folder import seeded_folder
from models.emulated_wormhole import detect

pytestmark = pytest.mark.skipif(not detect().emulated, reason="a card or a simulator is there")

SCRIPT = """
import sys
import torch, ttnn
from transformers import BertConfig
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.emulated_wormhole import read

folder, shapes = sys.argv[1], [tuple(map(int, shape.split("x"))) for shape in sys.argv[2:]]
BUCKETS = Buckets((32, 64), (1, 2, 8), packed=(64,))
COUNTS = (1, 7, 8, 9, 63, 64, 65)
generator = torch.Generator().manual_seed(0)
lengths = torch.randint(1, 65, (65,), generator=generator)
ids = torch.randint(1, 500, (65, 64), generator=generator)
mask = (torch.arange(64)[None] < lengths[:, None]).long()

def opened(rows, columns, run):
    mesh = ttnn.open_mesh_device(mesh_shape=ttnn.MeshShape(rows, columns), num_command_queues=2)
    chips = rows * columns
    model = BGEForEmbedding.initialize_vllm_model(
        hf_config=BertConfig.from_pretrained(folder), mesh_device=mesh, max_batch_size=8 * chips, max_seq_len=64,
        tt_data_parallel=chips, model_location_generator=lambda name: folder, buckets=BUCKETS,
        num_command_queues=2,
    )
    assert model.get_max_batch_size() == 8 and model.runner.buckets.batches == (chips, 2 * chips, 8 * chips)
    try:
        return run(model, chips)
    finally:
        model.close()
        model.close()
        ttnn.close_mesh_device(mesh)

def embed(model, chips):
    return [model.forward(ids[:count], attention_mask=mask[:count]) for count in COUNTS]

def check(model, chips):
    assert any(step.packed for step in model.runner.planned([[1] * n for n in lengths.tolist()]))
    for count, one in zip(COUNTS, right):
        assert torch.equal(model.forward(ids[:count], attention_mask=mask[:count]), one), (count, chips)
    # One text more than chips, each in a row of its own: no chip has more than one row more than another.
    for count in (1, chips, chips + 1):
        model.forward(torch.ones(count, 5, dtype=torch.long))
        (step,) = model.runner.planned([[1] * 5] * count)
        on_chip = read(model.runner._step(step.shape)._input["ids"])
        rows = sorted(int((chip != 0).any(-1).sum()) for chip in on_chip)
        assert not step.packed and sum(rows) == count and rows[-1] - rows[0] <= 1, (count, rows)

right = opened(1, 1, embed)
assert all(torch.equal(one, right[-1][: len(one)]) for one in right)
for rows, columns in shapes:
    opened(rows, columns, check)
    print("same bits on", rows, "x", columns)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return seeded_folder(tmp_path_factory.mktemp("tiny") / "tiny", **TINY)


@pytest.mark.parametrize("board, shapes", [("n300", ["1x2"]), ("T3K", ["1x8", "2x4"])])
def test_same_bits_on_a_mesh(folder, tmp_path, board, shapes):
    script = tmp_path / "mesh.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "models.emulated_wormhole", "--board", board, str(script), str(folder), *shapes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("same bits on") == len(shapes)
