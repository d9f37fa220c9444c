# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's real scheduler, in a process of its own, over a worker that answers requests of any step."""

import json

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.tests.vllm.test_platform import BERT, write_sentence_encoder

pytest.importorskip("vllm")

# At most 4 requests run.
SCENARIO = """
import json, sys
from types import SimpleNamespace
from unittest.mock import MagicMock
from vllm.engine.arg_utils import EngineArgs
from vllm.pooling_params import PoolingParams
from vllm.v1.core.kv_cache_utils import resolve_kv_cache_block_sizes
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus
from vllm.v1.structured_output import StructuredOutputManager
import torch
from models.demos.wormhole.bge_large_en.vllm_plugin.options import FLOW_KEY

config = EngineArgs(model=sys.argv[1], skip_tokenizer_init=True, max_num_seqs=4).create_engine_config()
config.cache_config.num_gpu_blocks = 1  # as EngineCore has it without a cache
cache = KVCacheConfig(num_blocks=1, kv_cache_tensors=[], kv_cache_groups=[])
size, hash_size = resolve_kv_cache_block_sizes(cache, config)
flow = SimpleNamespace(attached=False, busy=False, takes=lambda waiting: True, pace=MagicMock())
config.additional_config = {**config.additional_config, FLOW_KEY: flow}
scheduler = config.scheduler_config.get_scheduler_cls()(
    vllm_config=config, kv_cache_config=cache, structured_output_manager=StructuredOutputManager(config),
    block_size=size, hash_block_size=hash_size, log_stats=True,
)

def add(*names):
    for name in names:
        scheduler.add_request(Request(name, [101, 102], None, PoolingParams(task="embed")))

def step(*done):
    "Of an engine's step: what was scheduled, what the front end is told, and whether the engine's loop goes on at once."
    output = scheduler.schedule()
    names = list(output.num_scheduled_tokens)
    result = ModelRunnerOutput(list(done), {name: i for i, name in enumerate(done)}, pooler_output=[torch.ones(2)] * len(done))
    told = scheduler.update_from_output(output, result)
    ended = sorted(one.request_id for each in told.values() for one in each.outputs)
    return names, ended, bool(output.total_num_scheduled_tokens)

said = {"attached": flow.attached}
add(*"abcdef"); said["as many as may run"] = step()
said["arrivals are told"] = flow.pace.arrived.call_count
said["no more while they do"] = step()
flow.busy = True; said["those that are done, in any order"] = step("d", "b"); flow.busy = False
said["others take their place"] = step("c")
scheduler.finish_requests("a", RequestStatus.FINISHED_ABORTED)
said["one that nobody waits for is no answer"] = step("a", "e")
add("g"); flow.takes = lambda waiting: waiting > 1
said["held back until it is time"] = step()
add("h"); said["and then"] = step()
said["until the last"] = step(*"fgh"), scheduler.has_unfinished_requests()
print("SAID", json.dumps(said))
"""


def test_answers_are_of_any_step(vllm_environment, tmp_path):
    model = write_sentence_encoder(tmp_path / "bert", BERT)
    run = run_forked("scenario", [model], vllm_environment, tmp_path, code=SCENARIO)
    assert "SAID " in run.stdout, run.stdout[-2000:] + run.stderr[-4000:]
    assert json.loads(run.stdout.split("SAID ")[1].splitlines()[0]) == {
        "attached": True,
        "as many as may run": [["a", "b", "c", "d"], [], True],
        "arrivals are told": 6,
        "no more while they do": [[], [], False],
        "those that are done, in any order": [[], ["b", "d"], True],
        "others take their place": [["e", "f"], ["c"], True],
        "one that nobody waits for is no answer": [[], ["e"], False],
        "held back until it is time": [[], [], False],
        "and then": [["g", "h"], [], True],
        "until the last": [[[], ["f", "g", "h"], False], False],
    }
