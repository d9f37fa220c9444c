# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the plugin does where vLLM is the 0.10 or the 0.16 of Tenstorrent's fork, or 0.33, on stand-ins for what is
different there; tests/vllm/backends has the fork itself."""

import asyncio
import dataclasses
import importlib.util
import io
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import torch

vllm = pytest.importorskip("vllm")

from starlette.datastructures import State  # noqa: E402
from vllm.platforms.interface import Platform  # noqa: E402
from vllm.renderers.base import BaseRenderer  # noqa: E402
from vllm.renderers.params import TokenizeParams  # noqa: E402
from vllm.transformers_utils import repo_utils  # noqa: E402
from vllm.v1 import outputs  # noqa: E402
from vllm.v1.core.sched import output  # noqa: E402
from vllm.v1.engine.utils import CoreEngineProcManager  # noqa: E402
from vllm.v1.worker import worker_base  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin import checkpoint_config, platform, versions  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pooled_outputs import to_runner_output  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import api_guard, request_limits  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.engine_ends import leave_them_to_who_stops  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.long_texts import bound_tokenizing  # noqa: E402


@dataclasses.dataclass
class OldRunnerOutput:
    """The fields of vLLM 0.10's ModelRunnerOutput that a pooling step must give."""

    req_ids: list
    req_id_to_index: dict
    sampled_token_ids: list
    spec_token_ids: list | None
    logprobs: object
    prompt_logprobs_dict: dict
    pooler_output: list
    finished_sending: set | None = None


@pytest.mark.parametrize("kind", [outputs.ModelRunnerOutput, OldRunnerOutput])
def test_runner_output_has_all_that_either_version_needs(monkeypatch, kind):
    monkeypatch.setattr(outputs, "ModelRunnerOutput", kind)
    answer = versions.runner_output(["a", "b"], vectors := [torch.ones(3), torch.zeros(3)])
    assert type(answer) is kind
    assert answer.req_ids == ["a", "b"] and answer.req_id_to_index == {"a": 0, "b": 1}
    assert answer.pooler_output == vectors
    # The scheduler of either version indexes these per request, unless they are empty.
    assert not answer.sampled_token_ids and not answer.prompt_logprobs_dict and answer.logprobs is None


def test_requests_that_cannot_ask_get_the_checkpoints_activation():
    request = SimpleNamespace(req_id="a", pooling_params=SimpleNamespace(dimensions=None))
    (vector,) = to_runner_output([request], torch.tensor([[3.0, 4.0]]), normalize=True).pooler_output
    torch.testing.assert_close(vector, torch.tensor([0.6, 0.8]))


def test_compilation_times_where_vllm_has_them_and_where_not(monkeypatch):
    assert versions.compilation_times(2.5) == worker_base.CompilationTimes(language_model=2.5, encoder=0.0)
    monkeypatch.delattr(worker_base, "CompilationTimes")
    assert versions.compilation_times(2.5) is None


def test_a_refusal_is_a_value_error_where_vllm_has_no_class_for_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm.exceptions", None)
    spec = importlib.util.spec_from_file_location("versions_of_the_fork", versions.__file__)
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)
    error = old.VLLMValidationError("no tokens", parameter="input")
    assert isinstance(error, ValueError) and str(error) == "no tokens" and error.parameter == "input"
    # There a scheduler that nobody asked for has a name, and a server's options are nowhere to be found.
    assert None in versions.OWN_SCHEDULERS and versions.TELLS_OPTIONS
    assert "vllm.v1.core.sched.scheduler.Scheduler" in old.OWN_SCHEDULERS and not old.TELLS_OPTIONS


def test_the_guard_of_keys_refuses_to_guess_them(monkeypatch):
    monkeypatch.setattr(api_guard, "TELLS_OPTIONS", False)
    with pytest.raises(RuntimeError, match="ApiKeyGuard can't know --api-key"):
        api_guard.ApiKeyGuard(None)


def test_limits_are_of_the_configuration_where_a_server_keeps_no_options(monkeypatch):
    monkeypatch.setattr(request_limits, "TELLS_OPTIONS", False)
    model = SimpleNamespace(get_vocab_size=lambda: 9, pooler_config=None)
    config = SimpleNamespace(additional_config={"tt": {"max_body_bytes": 77}}, model_config=model)
    options, limits = request_limits.options_and_limits(State({"vllm_config": config}))
    assert options.max_body_bytes == 77 and limits.vocab_size == 9


@dataclasses.dataclass
class OldStep:
    """The fields of vLLM 0.10's SchedulerOutput that have no default."""

    scheduled_new_reqs: list
    scheduled_cached_reqs: object
    num_scheduled_tokens: dict
    total_num_scheduled_tokens: int
    scheduled_spec_decode_tokens: dict
    scheduled_encoder_inputs: dict
    num_common_prefix_blocks: list
    finished_req_ids: set
    free_encoder_input_ids: list
    structured_output_request_ids: dict
    grammar_bitmask: object


@pytest.mark.parametrize("kind", [output.SchedulerOutput, OldStep])
def test_an_empty_step_where_vllm_makes_one_and_where_not(monkeypatch, kind):
    monkeypatch.setattr(output, "SchedulerOutput", kind)
    empty = versions.empty_step()
    assert type(empty) is kind and empty.total_num_scheduled_tokens == 0
    assert not hasattr(kind, "make_empty") or empty == kind.make_empty()
    assert empty.num_scheduled_tokens == {} and empty.finished_req_ids == set() and not empty.scheduled_new_reqs


def test_a_model_is_looked_up_with_its_configuration_where_vllm_takes_one(monkeypatch):
    asked = []
    new = SimpleNamespace(resolve_model_cls=lambda names, config: asked.append((names, config)) or ("class", "name"))
    old = SimpleNamespace(resolve_model_cls=lambda names: asked.append(names) or ("class", "name"))
    for registry in (new, old):
        monkeypatch.setattr(vllm, "ModelRegistry", registry)
        assert versions.registered_class(["TTBertModel"], "configuration") == "class"
    assert asked == [(["TTBertModel"], "configuration"), ["TTBertModel"]]


def test_an_engine_without_a_monitor_of_processes_is_left_alone(monkeypatch):
    monkeypatch.delattr(CoreEngineProcManager, "monitor_engine_liveness")
    leave_them_to_who_stops()
    assert not hasattr(CoreEngineProcManager, "monitor_engine_liveness")


@pytest.mark.parametrize(
    "architecture, task",
    [
        ("BertModel", "embed"),
        ("TTXLMRobertaModel", "embed"),
        ("BertForSequenceClassification", "classify"),
        ("TTXLMRobertaForSequenceClassification", "classify"),
    ],
)
def test_the_worker_answers_what_the_forks_engine_calls(architecture, task):
    worker = object.__new__(TTPoolingWorker)
    worker.model_config = SimpleNamespace(architectures=[architecture])
    assert worker.get_supported_pooling_tasks() == (task,)
    assert worker.initialize_cache(num_gpu_blocks=1, num_cpu_blocks=0) is None


# --- 0.16 ------------------------------------------------------------------------------------------------------------


def test_texts_keep_vllms_own_limit_where_its_server_tokenises_elsewhere(monkeypatch):
    monkeypatch.setattr(BaseRenderer, "get_async_tokenizer", None, raising=False)
    before = BaseRenderer._tokenize_prompt, TokenizeParams._text_len_check
    bound_tokenizing(100)
    assert (BaseRenderer._tokenize_prompt, TokenizeParams._text_len_check) == before


def test_an_engine_that_has_grammars_gets_a_steps_answer(monkeypatch):
    monkeypatch.setattr(TTPoolingWorker, "execute_model", lambda self, scheduled: f"answer to {scheduled}")
    assert object.__new__(TTPoolingWorker).execute_model_with_grammar("a step", None) == "answer to a step"


def test_a_folder_is_not_asked_of_the_hub(monkeypatch, tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    asked = []
    monkeypatch.setattr(repo_utils, "get_hf_file_to_dict", lambda name, *model: asked.append((name, *model)) or {})
    assert checkpoint_config._read("config_sentence_transformers.json", str(tmp_path), None) is None
    assert checkpoint_config._read("modules.json", str(tmp_path), None) == {}
    assert checkpoint_config._read("modules.json", "BAAI/bge-large-en-v1.5", "main") == {}
    assert asked == [("modules.json", str(tmp_path), None), ("modules.json", "BAAI/bge-large-en-v1.5", "main")]


@pytest.mark.parametrize("chosen_by", ["vLLM", "platform"])
def test_a_block_size_that_vllm_leaves_to_the_platform(monkeypatch, chosen_by):
    if chosen_by == "platform":
        monkeypatch.delattr(Platform, "update_block_size_for_backend")
    names = ("enable_chunked_prefill", "long_prefill_token_threshold", "async_scheduling", "max_num_batched_tokens")
    scheduler = SimpleNamespace(max_num_seqs=4, **dict.fromkeys(names, 0))
    cache = SimpleNamespace(enable_prefix_caching=False, block_size=None)
    model = SimpleNamespace(max_model_len=8)
    config = SimpleNamespace(scheduler_config=scheduler, cache_config=cache, model_config=model)
    platform._schedule_whole_requests(config)
    assert cache.block_size == {"vLLM": None, "platform": 16}[chosen_by]


# --- 0.33 ------------------------------------------------------------------------------------------------------------


class NoValueError(Exception):
    """What a refusal is since 0.33."""


def test_refusals_that_pydantic_would_not_catch_are_made_such(monkeypatch):
    names = [f"vllm.entrypoints.{kind}.base.protocol" for kind in ("pooling", "generate")]
    modules = [SimpleNamespace(VLLMValidationError=NoValueError) for _ in names]
    for name, module in zip(names, modules):
        monkeypatch.setitem(sys.modules, name, module)
    versions.refuse_as_values()
    found = [module.VLLMValidationError for module in modules]
    assert all(issubclass(kind, ValueError) and issubclass(kind, NoValueError) for kind in found)
    versions.refuse_as_values()
    assert [module.VLLMValidationError for module in modules] == found


def test_a_failed_requests_class_is_where_0_33_has_it(monkeypatch):
    from vllm import exceptions

    monkeypatch.setattr(exceptions, "GenerationError", NoValueError, raising=False)
    assert versions.generation_error() is NoValueError


def test_an_engine_input_is_a_prompt_or_has_one():
    for whole in ({"prompt_token_ids": [1]}, {"prompts": {"prompt_token_ids": [1]}, "params": "its own"}):
        assert versions.prompt_of(whole) == {"prompt_token_ids": [1]}
        other = versions.with_prompt(whole, {"prompt_token_ids": [2]})
        assert versions.prompt_of(other) == {"prompt_token_ids": [2]} and other.keys() == whole.keys()


def test_a_batch_file_is_read_counted_and_written_as_0_33_does(tmp_path):
    written, done = io.StringIO(), []

    @asynccontextmanager
    async def writer(path, folder):
        yield written

    async def answer(request, endpoint):
        return f"{request} by {endpoint['url']}"

    vllms = SimpleNamespace(batch_output_writer=writer, handle_endpoint_request=answer)
    tracker = SimpleNamespace(completed=lambda: done.append(1), pbar=lambda total: total)
    (tmp_path / "in").write_bytes(b"\xff\n{}\n")
    with (tmp_path / "in").open(encoding="utf-8") as opened:
        assert asyncio.run(versions.batch_bytes(vllms, "not read", opened)) == b"\xff\n{}\n"
    assert asyncio.run(versions.batch_bytes(vllms, "a pipe", io.StringIO("é\n"))) == "é\n".encode()
    assert asyncio.run(versions.batch_answer(vllms, "it", tracker, {"url": "/score"})) == "it by /score" and done == [1]
    assert versions.batch_progress(vllms, tracker, 7) == 7
    outputs = [SimpleNamespace(model_dump_json=lambda text=text: text) for text in "ab"]
    asyncio.run(versions.write_batch(vllms, "out", outputs, None))
    assert written.getvalue() == "a\nb\n"
