# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import json
import os
import sys
from types import SimpleNamespace

import pytest
import torch

from models.demos.wormhole.bge_large_en import vllm_plugin
from models.demos.wormhole.bge_large_en.runner.batch_plan import PLANNED_AT_ONCE
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked

pytest.importorskip("vllm")

from vllm.exceptions import VLLMValidationError  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.platform import TTPoolingPlatform, _spawn_beside_ttnn  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.unsupported import refuse_without_tokenizer  # noqa: E402

OURS = f"{vllm_plugin.__name__}.platform.TTPoolingPlatform"
BERT = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 30522, "max_position_embeddings": 512}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 512, "num_hidden_layers": 1}
MODERN = {"architectures": ["ModernBertModel"], "model_type": "modernbert", "vocab_size": 512}

# Each argument is one JSON object of command-line flags and environment; prints one JSON object for each.
CONFIGURE = """
import json, os, sys
from vllm.usage import usage_lib
from vllm.engine.arg_utils import AsyncEngineArgs, EngineArgs
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import make_arg_parser
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser

def configure(flags):
    if len(flags) == 3:  # nothing but the model: offline, as LLM(model=...)
        args = EngineArgs(model=flags[-1], skip_tokenizer_init=True, enable_prefix_caching=True)
        config = args.create_engine_config(UsageContext.LLM_CLASS)
    else:
        args = make_arg_parser(FlexibleArgumentParser()).parse_args(flags)
        config = AsyncEngineArgs.from_cli_args(args).create_engine_config(UsageContext.OPENAI_API_SERVER)
    scheduler = config.scheduler_config
    return {
        "platform": type(current_platform).__name__,
        "runner_type": config.model_config.runner_type,
        "pooling": config.model_config.pooler_config.seq_pooling_type,
        "dtype": str(config.model_config.dtype),
        "max_model_len": config.model_config.max_model_len,
        "max_num_seqs": scheduler.max_num_seqs,
        "max_num_batched_tokens": scheduler.max_num_batched_tokens,
        "chunked_prefill": scheduler.enable_chunked_prefill,
        "async_scheduling": scheduler.async_scheduling,
        "prefix_caching": config.cache_config.enable_prefix_caching,
        "scheduler_cls": scheduler.scheduler_cls,
        "worker_cls": config.parallel_config.worker_cls,
        "executor": config.parallel_config.distributed_executor_backend,
        "shutdown_timeout": config.shutdown_timeout,
        "cards": [current_platform.device_id_to_physical_device_id(i) for i in range(2)],
        "engine_starts_by": os.environ["VLLM_WORKER_MULTIPROC_METHOD"],
        "no_usage_stats": [os.environ["VLLM_NO_USAGE_STATS"], os.environ["DO_NOT_TRACK"]],
        "usage_stats": usage_lib.is_usage_stats_enabled(),
    }

for case in map(json.loads, sys.argv[1:]):
    os.environ.update(case["environment"])
    usage_lib._USAGE_STATS_ENABLED = None  # vLLM looks once in a process
    try:
        result = configure(case["flags"])
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    for name in case["environment"]:
        del os.environ[name]
    print("RESULT", json.dumps(result), flush=True)
"""


def write_checkpoint(folder, config: dict) -> str:
    """Configuration files only: vLLM reads no weights before the worker runs."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def write_sentence_encoder(folder, config: dict) -> str:
    """The files by which sentence-transformers says "take the CLS row, then normalise", as BGE does."""
    write_checkpoint(folder, config)
    (folder / "1_Pooling").mkdir()
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 512}))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return str(folder)


VLLMS_OWN = "vllm.v1.core.sched.scheduler.Scheduler"
FILL = ["--additional-config", '{"tt": {"batch_fill_wait_us": 2000}}']
TWO_ENGINES = ["BERT", "--data-parallel-size", "2"]
CASES = {  # checkpoint and flags; "NAME=value" before them goes into the environment
    "offline": ["BERT"],  # first: in a process that has parsed a command line every shutdown timeout is the user's
    "guide": ["BERT", "--tensor-parallel-size", "1", "--max-model-len", "384"],
    "reports": ["VLLM_NO_USAGE_STATS=0", "DO_NOT_TRACK=0", "BERT", "--max-model-len", "384"],
    "user": ["BERT", "--max-num-seqs", "5", "--max-num-batched-tokens", "600", "--shutdown-timeout", "3"],
    "at once": ["BERT", "--shutdown-timeout", "0"],
    "same pooling": ["BERT", "--pooler-config", '{"pooling_type": "CLS", "use_activation": false}'],
    "another pooling": ["BERT", "--pooler-config", '{"pooling_type": "MEAN"}'],
    "T3K": ["MESH_DEVICE=T3K", "BERT", "--max-model-len", "384"],
    "mesh": ["MESH_DEVICE=N151", "BERT", "--max-model-len", "384"],
    "cards": ["TT_VISIBLE_DEVICES=a,b", "BERT", "--max-model-len", "384"],
    "two engines": TWO_ENGINES,
    "two engines of two cards": ["TT_VISIBLE_DEVICES=0,1,2,3", *TWO_ENGINES],
    "two engines and three cards": ["TT_VISIBLE_DEVICES=0,1,2", *TWO_ENGINES],
    "fill": ["BERT", *FILL],
    "fill and another scheduler": ["BERT", *FILL, "--scheduler-cls", VLLMS_OWN],
    "one step after another": ["BERT", "--additional-config", '{"tt": {"overlap_steps": false}}'],
    "another scheduler": ["BERT", "--scheduler-cls", VLLMS_OWN],
    "chunked": ["BERT", "--enable-chunked-prefill", "--enable-prefix-caching", "--async-scheduling"],
    "too long": ["BERT", "--max-model-len", "513"],
    "tensor parallel": ["BERT", "--tensor-parallel-size", "2"],
    "pipeline parallel": ["BERT", "--pipeline-parallel-size", "3"],
    "lora": ["BERT", "--enable-lora"],
    "prompt embeds": ["BERT", "--enable-prompt-embeds"],
    "quantization": ["BERT", "--quantization", "fp8", "--dtype", "bfloat16"],
    "remote code": ["BERT", "--trust-remote-code"],
    "profiler": ["BERT", "--profiler-config", '{"profiler": "torch", "torch_profiler_dir": "traces"}'],
    "option": ["BERT", "--additional-config", '{"tt": {"max_device_batch": 0}}'],
    "generate": ["LLAMA"],
    "architecture": ["MODERN", "--runner", "pooling"],
    "spawned": ["VLLM_WORKER_MULTIPROC_METHOD=spawn", "BERT", "--max-model-len", "384"],  # last: it is unset then
}


@pytest.fixture(scope="module")
def configured(vllm_environment, tmp_path_factory) -> dict[str, dict]:
    """What vLLM's own command line makes of every case, in one process with the plugin."""
    folder = tmp_path_factory.mktemp("checkpoints")
    paths = {
        "BERT": write_sentence_encoder(folder / "bert", BERT),
        "LLAMA": write_checkpoint(folder / "llama", LLAMA),
        "MODERN": write_checkpoint(folder / "modernbert", MODERN),
    }
    arguments = []
    for words in CASES.values():
        environment = dict(word.split("=") for word in words if "=" in word and word[0] not in "-{")
        name, *rest = words[len(environment) :]
        flags = ["--skip-tokenizer-init", "--model", paths[name], *rest]
        arguments.append(json.dumps({"flags": flags, "environment": environment}))
    unset = ("VLLM_WORKER_MULTIPROC_METHOD", "MESH_DEVICE", "TT_VISIBLE_DEVICES", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")
    environment = {k: v for k, v in vllm_environment.items() if k not in unset}
    run = run_forked("configure", arguments, environment, folder, code=CONFIGURE)
    log, results = run.stdout + run.stderr, []
    for part in run.stdout.split("RESULT ")[1:]:
        results.append(json.loads(part.splitlines()[0]))
    assert len(results) == len(CASES), log[-6000:]
    return {**dict(zip(CASES, results, strict=True)), "log": log}


def test_guides_command_needs_no_further_flag(configured):
    assert configured["guide"] == {
        "platform": "TTPoolingPlatform",
        "runner_type": "pooling",
        "pooling": "CLS",
        "dtype": "torch.float32",
        "max_model_len": 384,
        "max_num_seqs": 64,
        "max_num_batched_tokens": 64 * 384,
        "chunked_prefill": False,
        "async_scheduling": False,
        "prefix_caching": False,
        "scheduler_cls": f"{vllm_plugin.__name__}.engine.flow_scheduler.FlowScheduler",
        "worker_cls": f"{vllm_plugin.__name__}.engine.worker.TTPoolingWorker",
        "executor": "uni",
        "shutdown_timeout": 20,
        "cards": [0, 1],
        "engine_starts_by": "fork",
        "no_usage_stats": ["1", "1"],
        "usage_stats": False,
    }


def test_users_values_are_kept_but_the_token_budget(configured):
    config = configured["user"]
    assert (config["max_num_seqs"], config["shutdown_timeout"]) == (5, 3)
    assert config["max_num_batched_tokens"] == 5 * 512
    assert "max_num_batched_tokens: 600 -> 2560, because an encoder takes each text whole" in configured["log"]


def test_splitting_of_requests_is_turned_off_and_said(configured):
    config = configured["chunked"]
    assert not (config["chunked_prefill"] or config["prefix_caching"] or config["async_scheduling"])
    for name in ("enable_chunked_prefill", "enable_prefix_caching", "async_scheduling"):
        assert f"{name}: True -> False, because an encoder takes each text whole" in configured["log"]


def test_offline_batches_hold_several_plans(configured):
    config = configured["offline"]
    assert config["max_num_seqs"] >= PLANNED_AT_ONCE
    assert config["max_num_batched_tokens"] == config["max_num_seqs"] * 512
    assert (config["shutdown_timeout"], config["prefix_caching"]) == (20, False)


def test_a_shutdown_timeout_of_nothing_is_the_users(configured):
    assert configured["at once"]["shutdown_timeout"] == 0


def test_the_checkpoints_own_pooling_may_be_said(configured):
    assert configured["same pooling"]["pooling"] == "CLS"


def test_a_larger_mesh_gets_larger_batches(configured):
    assert configured["T3K"]["max_num_seqs"] == 8 * 64


def test_each_engine_gets_its_share_of_the_cards(configured):
    assert configured["two engines"]["cards"] == ["0", "1"]
    assert configured["two engines of two cards"]["cards"] == ["0,1", "2,3"]


def test_the_worker_of_one_of_several_engines_needs_no_process(configured):
    assert configured["two engines"]["executor"] == "uni"


def test_use_is_not_reported_unless_asked_for(configured):
    for case in ("offline", "guide"):
        assert configured[case]["no_usage_stats"] == ["1", "1"] and configured[case]["usage_stats"] is False
    assert configured["reports"]["no_usage_stats"] == ["0", "0"] and configured["reports"]["usage_stats"] is True


def test_engines_are_forked_unless_the_user_says_otherwise(configured, monkeypatch):
    assert {configured[case]["engine_starts_by"] for case in ("offline", "guide", "two engines")} == {"fork"}
    assert configured["spawned"]["engine_starts_by"] == "spawn"
    monkeypatch.setenv("VLLM_WORKER_MULTIPROC_METHOD", "fork")
    monkeypatch.delitem(sys.modules, "ttnn", raising=False)
    _spawn_beside_ttnn()
    assert os.environ["VLLM_WORKER_MULTIPROC_METHOD"] == "fork"
    monkeypatch.setitem(sys.modules, "ttnn", None)
    _spawn_beside_ttnn()
    assert os.environ["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn"


@pytest.mark.parametrize(
    "case, scheduler",
    [
        ("fill", f"{vllm_plugin.__name__}.engine.batch_fill.BatchFillScheduler"),
        ("one step after another", None),
        ("another scheduler", VLLMS_OWN),
    ],
)
def test_who_schedules(configured, case, scheduler):
    assert configured[case]["scheduler_cls"] == scheduler


@pytest.mark.parametrize(
    "case, said",
    [
        ("too long", ["513", "512"]),
        ("tensor parallel", ["tensor_parallel_size is 2", "1 only"]),
        ("pipeline parallel", ["Pipeline parallelism is not supported"]),
        ("lora", ["lora_config is LoRAConfig", "None only"]),
        ("prompt embeds", ["enable_prompt_embeds is True", "False only"]),
        ("quantization", ["quantization is fp8", "None only"]),
        ("remote code", ["trust_remote_code is True", "False only"]),
        ("profiler", ["profiler is torch", "None only"]),
        ("option", ["max_device_batch", "is 0", "at least 1"]),
        ("another pooling", ["'MEAN'", "'CLS' only"]),
        ("mesh", ["MESH_DEVICE is 'N151'", "N150, N300"]),
        ("cards", ["TT_VISIBLE_DEVICES is 'a,b'", "card numbers"]),
        ("two engines and three cards", ["'0,1,2'", "3 cards", "a multiple of 2"]),
        ("fill and another scheduler", ["scheduler.Scheduler", "batch_fill_wait_us", "= 2000"]),
        ("generate", ["llama", "'generate'", "'pooling' only"]),
        ("architecture", ["modernbert", "rotary positions"]),
    ],
)
def test_refused_before_any_device_work(configured, case, said):
    error = configured[case].get("error", "no error")
    assert all(word in error for word in said), error


def test_a_folder_without_a_vocabulary_is_refused(tmp_path):
    config = SimpleNamespace(model=str(tmp_path), tokenizer=str(tmp_path), skip_tokenizer_init=False)
    with pytest.raises(ValueError, match="holds neither tokenizer.json nor vocab.txt"):
        refuse_without_tokenizer(config)
    refuse_without_tokenizer(SimpleNamespace(model="a/name-of-the-hub"))
    (tmp_path / "vocab.txt").touch()
    refuse_without_tokenizer(config)


def test_modelless_configuration_is_left_alone():
    TTPoolingPlatform.check_and_update_config(SimpleNamespace(model_config=None))


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.fixture
def vocabulary(monkeypatch):
    monkeypatch.setattr(TTPoolingPlatform, "_vocab_size", 100)


def test_valid_token_ids_pass(vocabulary):
    TTPoolingPlatform.validate_request({"type": "token", "prompt_token_ids": [0, 50, 99]}, None)


def test_no_token_ids_are_refused(vocabulary):
    with pytest.raises(VLLMValidationError, match="no tokens"):
        TTPoolingPlatform.validate_request({"type": "token", "prompt_token_ids": []}, None)


@pytest.mark.parametrize("bad", [-1, 100, 2**40, -(2**40)])
def test_token_id_outside_the_vocabulary_is_refused(vocabulary, bad):
    with pytest.raises(VLLMValidationError, match=f"token id {bad} .* 100 tokens"):
        TTPoolingPlatform.validate_request({"type": "token", "prompt_token_ids": [1, bad, 2]}, None)


def test_other_kinds_of_input_are_refused():
    with pytest.raises(VLLMValidationError, match="'embeds'"):
        TTPoolingPlatform.validate_request({"type": "embeds", "prompt_embeds": torch.zeros(2, 4)}, None)
