# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGEForEmbedding as its callers use it, and what it refuses."""

import os
import subprocess
from unittest.mock import MagicMock

import pytest
import torch
from transformers import BertConfig

import ttnn
from models.demos.wormhole.bge_large_en.demo.checkpoints import BGE_LARGE
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.tests.emulation import LAUNCHER
from models.demos.wormhole.bge_large_en.tests.metrics import cosines
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder
from models.demos.wormhole.bge_large_en.tt.weights import Weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return seeded_folder(tmp_path_factory.mktemp("tiny") / "tiny", **{**TINY, "max_position_embeddings": 96})


@pytest.fixture
def model(device, folder):
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64)
    yield model
    model.close()
    model.close()


def test_three_callers(device, folder):
    """tt-media-server's constructor, tt-vllm-plugin's loader, the guide's loader: same vectors, any batch."""
    ids = torch.randint(0, 30522, (19, 60))
    mask = (torch.arange(60)[None] < torch.randint(1, 61, (19, 1))).long()
    expected = ReferenceEncoder.from_pretrained(folder).forward(ids, mask)
    config = BertConfig.from_pretrained(folder)

    def where(name):
        return folder

    media = BGEForEmbedding(
        device=device,
        model_location_generator=where,
        max_batch_size=8,
        max_seq_len=64,
        act_dtype=ttnn.bfloat16,
        weight_dtype=ttnn.bfloat8_b,
        model_name=BGE_LARGE,
    )
    loader = BGEForEmbedding.initialize_vllm_model(
        config, device, 8, max_seq_len=64, tt_data_parallel=1, optimizations=None, model_location_generator=where
    )
    guide = BGEForEmbedding.initialize_vllm_model(
        hf_config=config, mesh_device=device, max_batch_size=8, max_seq_len=64, model_location_generator=where
    )
    for model, attention_mask in ((media, mask), (loader, mask.float()), (guide, mask.bool())):
        vectors = model.forward(input_ids=ids, attention_mask=attention_mask)
        assert vectors.dtype == torch.float32 and cosines(vectors, expected).min() >= 0.999
        assert torch.allclose(vectors.norm(dim=-1), torch.ones(19), atol=1e-5)
        assert (model.get_embedding_dim(), model.get_max_seq_len(), model.get_max_batch_size()) == (128, 64, 8)
        model.close()


GOOD = torch.tensor([[101, 7592, 2088, 102]])


@pytest.mark.parametrize(
    "arguments, says",
    [
        (dict(input_ids=torch.ones(1, 65, dtype=torch.long)), "65 tokens; the limit is 64"),
        (dict(input_ids=torch.tensor([[101, 30522]])), "30522; the limit is 0 to 30521"),
        (dict(input_ids=torch.tensor([[101, -1]])), "-1; the limit"),
        (dict(input_ids=GOOD.float()), "integer tensor"),
        (dict(input_ids=GOOD[0]), "batch, length"),
        (dict(input_ids=GOOD, attention_mask=torch.tensor([[1, 0, 1, 1]])), "not right-padded"),
        (dict(input_ids=GOOD, attention_mask=torch.tensor([[1, 1, 2, 0]])), "has 2 in row 0"),
        (dict(input_ids=GOOD, attention_mask=torch.zeros(1, 4)), "no tokens"),
        (dict(input_ids=GOOD, attention_mask=torch.ones(1, 3)), "(1, 3)"),
        (dict(input_ids=torch.empty(1, 0, dtype=torch.long)), "no tokens"),
        (dict(input_ids=GOOD, token_type_ids=torch.full((1, 4), 2)), "token type 2"),
        (dict(input_ids=GOOD, position_ids=torch.full((1, 4), 96)), "position 96"),
    ],
)
def test_bad_input_is_named_and_the_next_is_served(model, arguments, says):
    before = model.forward(GOOD)
    with pytest.raises(ValueError) as refused:
        model.forward(**arguments)
    assert says in str(refused.value)
    assert torch.equal(model.forward(GOOD), before)


def test_padding_beyond_the_maximum_is_dropped(model):
    padded = torch.nn.functional.pad(GOOD, (0, 200))
    mask = torch.nn.functional.pad(torch.ones_like(GOOD), (0, 200))
    assert torch.equal(model.forward(padded, attention_mask=mask), model.forward(GOOD))


def test_warm_steps_add_no_program_and_no_memory(model, device):
    model.warm_up()
    programs = device.num_program_cache_entries()
    used = ttnn.get_memory_view(device, ttnn.BufferType.L1).total_bytes_allocated_per_bank
    model.forward(torch.randint(0, 30522, (17, 40)))
    assert device.num_program_cache_entries() == programs > 0
    assert ttnn.get_memory_view(device, ttnn.BufferType.L1).total_bytes_allocated_per_bank == used


def test_shapes_of_the_users_choice(device, folder):
    """Their lengths and batches are the only ones, with texts packed to tiles, without a gap or not at all."""
    ids = torch.randint(0, 30522, (30, 20))
    expected = ReferenceEncoder.from_pretrained(folder).forward(ids)
    for buckets, packed in (
        (Buckets((64,), (4,), packed=(64,)), True),
        (Buckets((32, 64), (8,), packed=(64, 96), dense=True), True),
        (Buckets((32, 64), (1, 8)), False),
    ):
        model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64, buckets=buckets)
        assert {shape[1:] for shape in model.runner.plans} == {shape[1:] for shape in buckets.shapes}
        assert any(step.packed for step in model.runner.planned(ids)) == packed
        assert cosines(model.forward(ids), expected).min() >= 0.999
        model.close()
    with pytest.raises(ValueError, match="buckets end at 32 tokens; max_seq_len is 64"):
        BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64, buckets=Buckets((32,), (8,)))


def test_a_closed_model_says_so(device, folder):
    model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64)
    model.close()
    with pytest.raises(RuntimeError, match="closed"):
        model.forward(GOOD)


@pytest.mark.parametrize(
    "limits, says",
    [
        (dict(max_batch_size=0), "max_batch_size is 0; at least 1"),
        (dict(max_batch_size=-8), "max_batch_size is -8; at least 1"),
        (dict(tt_data_parallel=0), "tt_data_parallel is 0; at least 1"),
        (dict(max_seq_len=0), "max_seq_len is 0; the checkpoint takes 1 to 96"),
        (dict(max_seq_len=97), "max_seq_len is 97; the checkpoint takes 1 to 96"),
    ],
)
def test_limits_that_make_no_sense_are_named(device, folder, limits, says):
    arguments = dict(max_batch_size=8, max_seq_len=64, model_location_generator=lambda name: folder)
    with pytest.raises(ValueError, match=says):
        BGEForEmbedding.initialize_vllm_model(BertConfig.from_pretrained(folder), device, **arguments | limits)


def test_lists_tensors_and_arrays_of_ids_are_the_same(model):
    ids = torch.tensor([[101, 7592, 2088, 102], [101, 2054, 2003, 102]])
    right = model.embed(ids.tolist())
    for given in (ids, ids.int(), ids.numpy(), list(ids), list(ids.numpy()), tuple(map(tuple, ids.tolist()))):
        assert torch.equal(model.embed(given), right)
    assert model.embed([]).shape == model.forward(ids[:0]).shape == (0, 128)


def test_missing_and_left_over_weights(folder):
    with pytest.raises(KeyError, match="encoder.layer.0.x"):
        Weights({}).under("encoder.layer.0").take("x", (1,))
    with pytest.raises(ValueError, match="a.weight has shape"):
        Weights({"a.weight": torch.zeros(2)}).take("a.weight", (3,))
    with pytest.raises(ValueError, match="odd.weight"):
        Weights.from_state_dict({"odd.weight": torch.zeros(2), "pooler.dense.bias": torch.zeros(2)}).finish()
    with pytest.raises(ValueError, match="bert.odd.weight and odd.weight"):
        Weights.from_state_dict({"odd.weight": torch.zeros(2), "bert.odd.weight": torch.ones(2)})


def test_checkpoint_that_can_not_be_had(device, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FileNotFoundError, match="no-such/checkpoint"):
        BGEForEmbedding(device=device, model_name="no-such/checkpoint")


def test_a_blackhole_is_refused_before_anything_is_read():
    device = MagicMock()
    device.arch.return_value = ttnn.Arch.BLACKHOLE
    with pytest.raises(ValueError, match="BLACKHOLE; the encoder's plans are for WORMHOLE_B0"):
        BGEForEmbedding(device=device, model_name="no-such/checkpoint")


GUIDE_SNIPPET = """
import torch
import ttnn
from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
import transformers

# Initialize device
device = ttnn.open_device(device_id=0)

# Load config
config = transformers.BertConfig.from_pretrained("BAAI/bge-large-en-v1.5")

# Initialize model
bge_model = BGEForEmbedding.initialize_vllm_model(
    hf_config=config,
    mesh_device=device,
    max_batch_size=8,
    max_seq_len=96,
)

# Generate embeddings
input_ids = torch.tensor([[101, 7592, 2088, 102]])  # Tokenized input
embeddings = bge_model.forward(input_ids=input_ids)
print("norm", round(embeddings.norm().item(), 4), tuple(embeddings.shape))
"""


def test_guide_snippet_through_the_launcher(folder, tmp_path):
    """Plain `import ttnn` and `open_device`; a local cache holds a small checkpoint under BGE-large's name."""
    repository = tmp_path / "hub" / "models--BAAI--bge-large-en-v1.5"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("seeded")
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / "seeded").symlink_to(folder)
    script = tmp_path / "snippet.py"
    script.write_text(GUIDE_SNIPPET)
    done = subprocess.run(
        [*LAUNCHER, str(script)],
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "norm 1.0 (1, 128)" in done.stdout
