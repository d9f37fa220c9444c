# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The real worker with a small model on boards of one and two chips; each board in a process of its own."""

import pytest
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.seeded_folder import TINY, seeded_folder
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked

pytest.importorskip("vllm")

LENGTHS = (3, 30, 64, 17, 33, 5, 12, 40, 9, 50, 2, 61)  # tokens: more texts than a step of one chip takes
# Arguments: checkpoint, file for the rows, dtypes. One worker after another, each with its rows in the file.
SERVE = """
import sys
import torch
from vllm.engine.arg_utils import EngineArgs
from vllm.pooling_params import PoolingParams
from vllm.v1.core.sched.output import NewRequestData, SchedulerOutput
from models.demos.wormhole.bge_large_en.vllm_plugin.options import STEP_ROWS_KEY
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

model, file, lengths, *dtypes = sys.argv[1:]
generator = torch.Generator().manual_seed(3)
texts = [torch.randint(200, 1000, (int(n),), generator=generator).tolist() for n in lengths.split(",")]
params = PoolingParams(task="embed", use_activation=False)
output = SchedulerOutput.make_empty()
output.scheduled_new_reqs = [NewRequestData(str(i), ids, [], None, params, ([],), 0, None) for i, ids in enumerate(texts)]
output.num_scheduled_tokens = {str(i): len(ids) for i, ids in enumerate(texts)}
said = {"texts": texts}
for dtype in dtypes:
    args = EngineArgs(model=model, skip_tokenizer_init=True, dtype=dtype, max_model_len=64,
                      additional_config={"tt": {"max_device_batch": 4}})
    config = args.create_engine_config()
    worker = TTPoolingWorker(config, local_rank=0, rank=0, distributed_init_method="")
    worker.init_device()
    worker.load_model()
    worker.compile_or_warm_up_model()
    said[dtype] = torch.stack(worker.execute_model(output).pooler_output)
    worker.flow.attached, found, answer = True, {}, worker.execute_model(output)
    while len(found) < len(texts):
        found |= dict(zip(answer.req_ids, answer.pooler_output))
        answer = worker.execute_model(SchedulerOutput.make_empty())
    said[f"{dtype}, overlapped"] = torch.stack([found[str(i)] for i in range(len(texts))])
    worker.shutdown()
    said["rows of a step"] = config.additional_config[STEP_ROWS_KEY]
    said["model dtype"] = str(config.model_config.dtype)
torch.save(said, file)
"""


def serve(board: str, model, file, environment, *dtypes: str) -> dict:
    environment = {**environment, "MESH_DEVICE": board}
    environment.pop("TT_VISIBLE_DEVICES", None)
    arguments = [str(model), str(file), ",".join(map(str, LENGTHS)), *dtypes]
    run = run_forked("serve", arguments, environment, file.parent, code=SERVE)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-4000:]
    return torch.load(file)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return seeded_folder(tmp_path_factory.mktemp("model") / "tiny", **{**TINY, "max_position_embeddings": 96})


@pytest.fixture(scope="module")
def one_chip(model, vllm_environment, tmp_path_factory) -> dict:
    return serve("N150", model, tmp_path_factory.mktemp("n150") / "rows", vllm_environment, "float32", "bfloat16")


def test_rows_are_right(one_chip, model):
    reference = ReferenceEncoder.from_pretrained(model)
    expected = torch.cat([reference.forward(torch.tensor([ids])) for ids in one_chip["texts"]])
    cosines = torch.nn.functional.cosine_similarity(one_chip["float32"], expected, dim=-1)
    assert cosines.min() >= 0.999, cosines


def test_weights_are_read_in_fp32_whatever_dtype_says(one_chip):
    assert one_chip["model dtype"] == "torch.bfloat16"
    assert torch.equal(one_chip["float32"], one_chip["bfloat16"])


def test_two_chips_take_twice_the_rows_and_give_the_same(one_chip, model, vllm_environment, tmp_path):
    two_chips = serve("N300", model, tmp_path / "rows", vllm_environment, "float32")
    assert (one_chip["rows of a step"], two_chips["rows of a step"]) == (4, 8)
    assert torch.equal(two_chips["float32"], one_chip["float32"])
    for rows in (one_chip, two_chips):
        assert torch.equal(rows["float32, overlapped"], one_chip["float32"])
