# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The option `packing` reaches the shapes that a worker's model compiles, and a server's texts its dense rows."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

import torch  # noqa: E402

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder  # noqa: E402
from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.test_metrics import ask, samples, total  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, assert_like, serving  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.shapes import buckets  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions  # noqa: E402


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, None),
        ({"packing": "dense"}, default_buckets(384, 8, dense=True)),
        ({"packing": "dense", "max_device_batch": 2}, default_buckets(384, 2, dense=True)),
    ],
)
def test_shapes(device, options, expected):
    """Rows as many as the device has of cores, at most."""
    assert buckets(PoolingOptions(**options), SimpleNamespace(max_model_len=384), device) == expected


@pytest.mark.server
def test_a_server_packs_without_gaps(minilm, vllm_environment, tmp_path):
    """A list of short texts, several to a tile: their vectors are as in fp32."""
    options = {"packing": "dense", "max_device_batch": 2, "enable_model_warmup": False}
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", "128"]
    flags += ["--additional-config", json.dumps({"tt": options})]
    texts = SENTENCES[:24]
    with serving(flags, vllm_environment, tmp_path / "server.log") as server:
        vectors, counted = torch.tensor(ask(server, texts)), samples(server)
    assert_like(vectors, ReferenceEncoder.from_pretrained(minilm).encode(texts))
    packed = total(counted, "vllm:tt_texts_total", packed="true", model_name=NAME, engine="0")
    rows = total(counted, "vllm:tt_rows_total", model_name=NAME, engine="0")
    assert packed > 16 and rows < len(texts) / 2, (packed, rows)
