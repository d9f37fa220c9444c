# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A checkpoint is data: nothing that it brings is run, by the model or by vLLM's reading of it."""

import json
import pickle
import shutil

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.tt.weights import Weights

IDS = torch.tensor([[101, 7592, 2088, 102]])


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.fixture
def marker(tmp_path):
    """The file that code of the checkpoint makes when it is run."""
    return tmp_path / "was-run"


@pytest.fixture
def checkpoint(bge_small, tmp_path):
    return shutil.copytree(bge_small, tmp_path / "checkpoint")


def add_pickle(folder, marker) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(marker)))


def add_code(folder, marker) -> None:
    """As remote code is declared: for the config, the model and the tokenizer, and as sentence-transformers' modules."""
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    for name, classes in (
        ("config.json", {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]}),
        ("tokenizer_config.json", {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}),
    ):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": classes}))


def test_the_payload_works(tmp_path, marker):
    add_pickle(tmp_path, marker)
    pickle.loads((tmp_path / "pytorch_model.bin").read_bytes()).close()
    assert marker.exists()


def test_pickled_weights_are_refused_unread(device, checkpoint, marker):
    (checkpoint / "model.safetensors").unlink()
    add_pickle(checkpoint, marker)
    with pytest.raises(FileNotFoundError, match=r"holds no \*\.safetensors file; pickled weights are not read"):
        BGEForEmbedding(device=device, model_name=str(checkpoint), max_seq_len=64)
    assert not marker.exists()


def test_a_pickle_that_is_called_safetensors_is_refused_unread(checkpoint, marker):
    add_pickle(checkpoint, marker)
    (checkpoint / "pytorch_model.bin").replace(checkpoint / "model.safetensors")
    with pytest.raises(ValueError, match="can't be read as safetensors"):
        Weights.from_folder(checkpoint)
    assert not marker.exists()


def test_code_and_pickles_beside_the_weights_are_left_alone(device, bge_small, checkpoint, marker):
    add_pickle(checkpoint, marker)
    add_code(checkpoint, marker)
    rows = []
    for folder in (bge_small, checkpoint):
        model = BGEForEmbedding(device=device, model_name=str(folder), max_seq_len=64)
        rows.append(model.forward(IDS))
        model.close()
    assert torch.equal(*rows) and not marker.exists()


def test_vllm_reads_the_checkpoint_without_its_code(checkpoint, marker):
    """The config, the pooling and the tokenizer, as a server does at its start."""
    pytest.importorskip("vllm")
    from vllm.engine.arg_utils import EngineArgs
    from vllm.tokenizers import get_tokenizer

    add_code(checkpoint, marker)
    config = EngineArgs(model=str(checkpoint)).create_model_config()
    assert config.architectures == ["BertModel"] and config.trust_remote_code is False
    assert get_tokenizer(str(checkpoint)).encode("hello world") == [101, 7592, 2088, 102]
    assert not marker.exists()
