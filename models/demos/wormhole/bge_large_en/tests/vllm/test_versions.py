# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the plugin does where vLLM is the 0.10 of Tenstorrent's fork, or 0.33, on stand-ins for what is different there."""

import asyncio
import dataclasses
import importlib.util
import io
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm")

from vllm import envs, platforms  # noqa: E402
from vllm.v1 import outputs  # noqa: E402
from vllm.v1.worker import worker_base  # noqa: E402

from models.demos.wormhole.bge_large_en import vllm_plugin  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin import companion, versions  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pooled_outputs import to_runner_output  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402


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


def test_our_platform_steps_back_where_tenstorrents_is_built_in(monkeypatch):
    monkeypatch.setattr(envs, "VLLM_PLUGINS", ["tt_bge"], raising=False)
    assert vllm_plugin.platform_plugin() == vllm_plugin.PLATFORM_CLASS
    monkeypatch.setitem(platforms.builtin_platform_plugins, "tt", lambda: "vllm.platforms.tt.TTPlatform")
    assert vllm_plugin.platform_plugin() is None


def configuration(replicas: int) -> SimpleNamespace:
    return SimpleNamespace(parallel_config=SimpleNamespace(data_parallel_size=replicas))


def test_the_v0_engine_is_refused(monkeypatch):
    monkeypatch.setattr(envs, "VLLM_USE_V1", False, raising=False)
    with pytest.raises(ValueError, match="VLLM_USE_V1 is 0 or not set.* set VLLM_USE_V1=1"):
        companion.configure_pooling(configuration(1))


def test_replicas_that_exchange_tokens_are_refused(monkeypatch):
    configured = []
    monkeypatch.setattr(companion.TTPoolingPlatform, "check_and_update_config", configured.append)
    gathers = SimpleNamespace(requires_gathered_batch_dp=lambda: True)
    monkeypatch.setattr(platforms, "_current_platform", gathers)
    with pytest.raises(ValueError, match="data_parallel_size is 2; .* with 1 only"):
        companion.configure_pooling(configuration(2))
    companion.configure_pooling(configuration(1))
    monkeypatch.setattr(platforms, "_current_platform", SimpleNamespace())
    companion.configure_pooling(configuration(2))
    assert len(configured) == 2


def test_only_the_official_plugins_platform_is_touched():
    other = type("TTPlatform", (), {"__module__": "tt_vllm_plugin.platform"})
    before = dict(vars(other))
    companion.attach(other)
    assert dict(vars(other)) == before


def test_attaching_twice_wraps_once():
    calls = []
    kind = type(
        "TTPlatform",
        (),
        {
            "__module__": "vllm_tt_plugin.platform",
            "check_and_update_config": classmethod(lambda cls, config: calls.append(config)),
            "validate_request": classmethod(lambda cls, inputs, params: calls.append(params)),
        },
    )
    companion.attach(kind)
    first = vars(kind)["check_and_update_config"]
    companion.attach(kind)
    assert vars(kind)["check_and_update_config"] is first
    generative = SimpleNamespace(model_config=SimpleNamespace(runner_type="generate", architectures=["BertModel"]))
    kind.check_and_update_config(generative)
    kind.validate_request("inputs", "sampling")
    assert calls == [generative, "sampling"]


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
