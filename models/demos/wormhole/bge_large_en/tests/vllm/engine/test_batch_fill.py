# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's real scheduler with the batch-fill wait, in a process of its own; whether it pays: batch_fill_benchmark.py."""

import json

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.tests.vllm.test_platform import BERT, write_sentence_encoder

pytest.importorskip("vllm")

# Requests are counted in device steps of 4 rows that wait for WAIT seconds.
SCENARIO = """
import json, sys, time
from vllm.engine.arg_utils import EngineArgs
from vllm.pooling_params import PoolingParams
from vllm.v1.core.kv_cache_utils import resolve_kv_cache_block_sizes
from vllm.v1.kv_cache_interface import KVCacheConfig
from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT, ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus
from vllm.v1.structured_output import StructuredOutputManager
import torch

WAIT = 0.4
options = {"tt": {"batch_fill_wait_us": int(WAIT * 1e6), "max_device_batch": 4}}
args = EngineArgs(model=sys.argv[1], skip_tokenizer_init=True, additional_config=options, max_num_seqs=6)
config = args.create_engine_config()
config.cache_config.num_gpu_blocks = 1  # as EngineCore has it without a cache
cache = KVCacheConfig(num_blocks=1, kv_cache_tensors=[], kv_cache_groups=[])
size, hash_size = resolve_kv_cache_block_sizes(cache, config)
count = 0

def scheduler_of(max_num_seqs):
    config.scheduler_config.max_num_seqs = max_num_seqs
    return config.scheduler_config.get_scheduler_cls()(
        vllm_config=config, kv_cache_config=cache, structured_output_manager=StructuredOutputManager(config),
        block_size=size, hash_block_size=hash_size, log_stats=True,
    )

def add(n):
    global count
    for _ in range(n):
        count += 1
        scheduler.add_request(Request(str(count), [101, 102], None, PoolingParams(task="embed")))

def step():
    "Texts of one step, or 'held' if the front end is told nothing; as EngineCore.step does."
    output = scheduler.schedule()
    ids = list(output.num_scheduled_tokens)
    result = EMPTY_MODEL_RUNNER_OUTPUT
    if ids:
        index = {name: i for i, name in enumerate(ids)}
        result = ModelRunnerOutput(ids, index, pooler_output=[torch.ones(2)] * len(ids))
    told = scheduler.update_from_output(output, result)
    return len(ids) if ids or told else "held"

said, scheduler = {}, scheduler_of(6)
add(2); said["fewer than a step are held, and the engine goes round"] = [step(), step(), scheduler.has_requests()]
add(2); said["a full step goes at once"] = step()
add(9); said["so do more than a step takes, and the rest of them"] = [step(), step()]
said["what is finished is let go without a wait"] = [step(), scheduler.has_requests()]
add(1); first = step(); time.sleep(0.6 * WAIT); add(1); second = step(); time.sleep(0.6 * WAIT)
said["the first request's wait counts"] = [first, second, step()]
add(1); first = step(); scheduler.finish_requests(str(count), RequestStatus.FINISHED_ABORTED)
said["an aborted request is not waited for"] = [first, step(), scheduler.has_requests()]
add(1); said["a new wait begins with the next request"] = step(); time.sleep(1.1 * WAIT); said["and ends"] = step()
scheduler = scheduler_of(3)
add(3); said["nobody waits for more than vLLM schedules"] = step()
scheduler = scheduler_of(6)
add(8); outputs = []
for _ in range(2):  # without an answer
    outputs.append(scheduler.schedule()); scheduler.update_from_output(outputs[-1], EMPTY_MODEL_RUNNER_OUTPUT)
said["no more are under way than may run"] = [*(len(each.num_scheduled_tokens) for each in outputs), len(scheduler.running)]
print("SAID", json.dumps(said))
"""


def test_small_batches_wait_for_more(vllm_environment, tmp_path):
    model = write_sentence_encoder(tmp_path / "bert", BERT)
    run = run_forked("scenario", [model], vllm_environment, tmp_path, code=SCENARIO)
    assert "SAID " in run.stdout, run.stdout[-2000:] + run.stderr[-4000:]
    assert json.loads(run.stdout.split("SAID ")[1].splitlines()[0]) == {
        "fewer than a step are held, and the engine goes round": ["held", "held", True],
        "a full step goes at once": 4,
        "so do more than a step takes, and the rest of them": [6, 3],
        "what is finished is let go without a wait": [0, False],
        "the first request's wait counts": ["held", "held", 2],
        "an aborted request is not waited for": ["held", 0, False],
        "a new wait begins with the next request": "held",
        "and ends": 1,
        "nobody waits for more than vLLM schedules": 3,
        "no more are under way than may run": [6, 0, 6],
    }
