# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Device metrics: what an engine writes, and what collectors of prometheus_client and vLLM read of it."""

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from models.demos.wormhole.bge_large_en.runner.batch_plan import Place, Step
from models.demos.wormhole.bge_large_en.vllm_plugin import metrics
from models.demos.wormhole.bge_large_en.vllm_plugin.metrics import DeviceMetrics

PACKED = Step(8, 256, True, (Place(0, 0, 0), Place(1, 0, 32), Place(2, 5, 0)))
ALONE = Step(1, 32, False, (Place(0, 0, 0),))
SHAPE = {"batch": "8", "sequence_length": "256", "packed": "true"}


def shown(folder) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return registry


def labels(engine: int = 0, **more) -> dict:
    return {"model_name": "a model", "engine": str(engine), **more}


@pytest.fixture
def counted(tmp_path):
    made = DeviceMetrics(str(tmp_path), "a model", 0)
    yield made
    made.close()


def test_a_step_counts_once_in_its_shape(counted, tmp_path):
    counted.step(PACKED, 90, 0.03)
    counted.step(PACKED, 10, 0.03)
    counted.step(ALONE, 7, 0.03)
    value = shown(tmp_path).get_sample_value
    for name, expected in {"device_steps": 2, "texts": 6, "rows": 4, "tokens": 100, "computed_tokens": 4096}.items():
        assert value(f"vllm:tt_{name}_total", labels(**SHAPE)) == expected, name
    alone = labels(batch="1", sequence_length="32", packed="false")
    assert value("vllm:tt_tokens_total", alone) == 7 and value("vllm:tt_computed_tokens_total", alone) == 32


def test_step_times_are_a_prometheus_histogram(counted, tmp_path):
    for seconds in (0.0005, 0.005, 0.0051, 99.0):
        counted.step(PACKED, 1, seconds)
    value = shown(tmp_path).get_sample_value
    name = "vllm:tt_step_time_seconds"
    for limit, below in {"0.001": 1, "0.002": 1, "0.005": 2, "0.01": 3, "10.0": 3, "+Inf": 4}.items():
        assert value(f"{name}_bucket", labels(le=limit, **SHAPE)) == below, limit
    assert value(f"{name}_count", labels(**SHAPE)) == 4
    assert value(f"{name}_sum", labels(**SHAPE)) == pytest.approx(99.0106)


def test_failures_start_at_nothing_and_count_by_stage(counted, tmp_path):
    value = shown(tmp_path).get_sample_value
    assert value("vllm:tt_failures_total", labels(stage="health")) == 0
    counted.failure("step")
    counted.failure("step")
    assert value("vllm:tt_failures_total", labels(stage="step")) == 2
    assert value("vllm:tt_failures_total", labels(stage="health")) == 0


def test_warm_up_time(counted, tmp_path):
    counted.warm_up(12.5)
    assert shown(tmp_path).get_sample_value("vllm:tt_warm_up_time_seconds", labels()) == 12.5


def test_engines_count_apart_and_what_they_counted_outlives_them(counted, tmp_path):
    counted.step(PACKED, 1, 0.1)
    other = DeviceMetrics(str(tmp_path), "a model", 1)
    again = DeviceMetrics(str(tmp_path), "a model", 1)
    for writer in (other, again, other):
        writer.step(PACKED, 1, 0.1)
    other.close()
    other.close()
    other.step(PACKED, 1, 0.1)  # after closing: counts nothing, fails nothing
    value = shown(tmp_path).get_sample_value
    assert value("vllm:tt_device_steps_total", labels(0, **SHAPE)) == 1
    assert value("vllm:tt_device_steps_total", labels(1, **SHAPE)) == 3
    again.close()


def test_the_exposition_parses_and_says_what_each_is(counted, tmp_path):
    counted.step(PACKED, 1, 0.1)
    counted.warm_up(1.0)
    text = generate_latest(shown(tmp_path)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() == metrics.HELP.keys()
    assert all(families[name].documentation == text for name, text in metrics.HELP.items())
    kinds = {name.removeprefix("vllm:tt_"): family.type for name, family in families.items()}
    assert (kinds["device_steps"], kinds["step_time_seconds"]) == ("counter", "histogram")
    assert kinds["warm_up_time_seconds"] == "gauge"


def test_without_a_folder_nothing_is_counted():
    nowhere = DeviceMetrics(None, "a model", 0)
    nowhere.step(PACKED, 1, 0.1)
    nowhere.failure("step")
    nowhere.close()


def test_several_api_servers_share_vllms_own_folder():
    assert metrics.folder_to_share({"PROMETHEUS_MULTIPROC_DIR": "/vllms/own"}) == "/vllms/own"


def test_one_api_server_shows_a_folder_of_its_own():
    pytest.importorskip("vllm")
    from vllm.v1.metrics.prometheus import unregister_vllm_metrics
    from vllm.v1.metrics.reader import get_metrics_snapshot

    before = set(REGISTRY._collector_to_names)
    try:
        folder = metrics.folder_to_share({})
        assert metrics.folder_to_share({}) == folder
        counted = DeviceMetrics(folder, "a model", 0)
        counted.step(PACKED, 90, 0.03)
        unregister_vllm_metrics()  # as vLLM does when it makes its own
        assert REGISTRY.get_sample_value("vllm:tt_texts_total", labels(**SHAPE)) == 3
        read = {metric.name: metric for metric in get_metrics_snapshot() if metric.labels == labels(**SHAPE)}
        assert read["vllm:tt_tokens"].value == 90 and read["vllm:tt_step_time_seconds"].count == 1
        counted.close()
    finally:
        for collector in set(REGISTRY._collector_to_names) - before:
            REGISTRY.unregister(collector)
        metrics._collected_folder.cache_clear()
