# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Our part in Tenstorrent's own platforms, on stand-ins; test_backends.py has look-alikes of them, backends/ has them."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from vllm import envs, platforms  # noqa: E402

from models.demos.wormhole.bge_large_en import vllm_plugin  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin import companion, platform  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions  # noqa: E402


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
    alone = SimpleNamespace(requires_gathered_batch_dp=lambda: False)
    for other in (alone, SimpleNamespace(), platform.TTPoolingPlatform()):
        monkeypatch.setattr(platforms, "_current_platform", other)
        companion.configure_pooling(configuration(2))
    assert len(configured) == 4


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
            "validate_request": classmethod(lambda cls, processed_inputs, params: calls.append(params)),
        },
    )
    companion.attach(kind)
    first = vars(kind)["check_and_update_config"]
    companion.attach(kind)
    assert vars(kind)["check_and_update_config"] is first
    # vLLM 0.16 names what it gives, and gives the prompt too.
    kind.validate_request(processed_inputs="inputs", params="by name")
    generative = SimpleNamespace(model_config=SimpleNamespace(runner_type="generate", architectures=["BertModel"]))
    kind.check_and_update_config(generative)
    kind.validate_request("inputs", "sampling")
    assert calls == ["by name", generative, "sampling"]


def test_a_platform_that_sets_its_own_scheduler_gets_ours_back_before_the_engine_makes_one():
    """As vllm-tt-plugin does after it has called ours, in the API server and again in the engine."""
    scheduler = SimpleNamespace(scheduler_cls=None)
    config = SimpleNamespace(scheduler_config=scheduler, additional_config={})
    for options in (PoolingOptions(), PoolingOptions(batch_fill_wait_us=9)):  # of the first alone, which chose
        platform._choose_scheduler(config, options)
        assert scheduler.scheduler_cls == platform.SCHEDULER
        scheduler.scheduler_cls = "vllm_tt_plugin.scheduler.TTScheduler"
    json.dumps(config.additional_config)  # as vLLM does, for a hash of it
    worker = object.__new__(TTPoolingWorker)
    worker.vllm_config = config
    worker.use(SimpleNamespace(step_rows=8))
    assert scheduler.scheduler_cls == platform.SCHEDULER


@pytest.mark.parametrize("chosen", ["vllm_tt_plugin.scheduler.TTScheduler", None])
def test_a_scheduler_that_was_asked_for_stays(chosen):
    scheduler = SimpleNamespace(scheduler_cls=chosen)
    config = SimpleNamespace(scheduler_config=scheduler, additional_config={})
    platform._choose_scheduler(config, PoolingOptions(overlap_steps=chosen is not None))
    worker = object.__new__(TTPoolingWorker)
    worker.vllm_config = config
    worker.use(SimpleNamespace(step_rows=8))
    assert scheduler.scheduler_cls == chosen
