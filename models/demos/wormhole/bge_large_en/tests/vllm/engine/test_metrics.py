# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Device metrics: what an engine writes, and what collectors of prometheus_client and vLLM read of it."""

import json
import urllib.request
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from models.demos.wormhole.bge_large_en.runner.batch_plan import Place, Step  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, Server  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine import metrics  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics  # noqa: E402

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


def test_what_the_engine_runs_on(counted, tmp_path):
    counted.info(target="emulated", profile="accuracy")
    assert shown(tmp_path).get_sample_value("vllm:tt_engine_info", labels(target="emulated", profile="accuracy")) == 1


def test_steps_that_overlap_are_busy_once(counted, tmp_path, monkeypatch):
    """Of two queues: 0 to 4 and 3 to 6; then 9 to 10."""
    for now, seconds in ((1004, 4.0), (1006, 3.0), (1010, 1.0)):
        monkeypatch.setattr(metrics.time, "perf_counter", lambda now=now: now)
        counted.step(PACKED, 1, seconds)
    assert shown(tmp_path).get_sample_value("vllm:tt_busy_seconds_total", labels()) == 7


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
    counted.info(target="silicon")
    text = generate_latest(shown(tmp_path)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() == metrics.HELP.keys()
    assert all(families[name].documentation == text for name, text in metrics.HELP.items())
    kinds = {name.removeprefix("vllm:tt_"): family.type for name, family in families.items()}
    assert (kinds["device_steps"], kinds["step_time_seconds"]) == ("counter", "histogram")
    assert kinds["warm_up_time_seconds"] == "gauge"


@pytest.mark.parametrize("folder", [None, "/of/another/host"])
def test_without_a_folder_nothing_is_counted(folder):
    nowhere = DeviceMetrics(folder, "a model", 0)
    nowhere.step(PACKED, 1, 0.1)
    nowhere.failure("step")
    nowhere.close()


def test_several_api_servers_share_vllms_own_folder():
    assert metrics.folder_to_share({"PROMETHEUS_MULTIPROC_DIR": "/vllms/own"}) == "/vllms/own"


def test_an_engine_counts_where_it_was_told_to_and_else_where_vllm_counts(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/vllms/own")
    given = {"tt": {}}
    config = SimpleNamespace(additional_config=given)
    assert metrics.shared_folder(config) == "/vllms/own"  # nobody told it
    metrics.share_folder(config)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/of/another/time")
    metrics.share_folder(config)
    assert metrics.shared_folder(config) == "/vllms/own"
    assert given == {"tt": {}} and config.additional_config["tt"] == {}


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


# --- of a real server ------------------------------------------------------------------------------------------------


def samples(server: Server) -> dict[tuple, float]:
    """(sample name, label, label, …) -> value, of what /metrics says."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def total(found: dict[tuple, float], name: str, **labels: str) -> float:
    """Sum over all samples of that name with (at least) these labels."""
    return sum(v for (sample, of), v in found.items() if sample == name and labels.items() <= dict(of).items())


def ask(server: Server, texts: list) -> list[list[float]]:
    """The vectors of texts or lists of token ids."""
    body = json.dumps({"model": NAME, "input": texts}).encode()
    asked = urllib.request.Request(f"{server.url}/v1/embeddings", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=300) as answer:
        vectors = [item["embedding"] for item in json.load(answer)["data"]]
    assert len(vectors) == len(texts)
    return vectors


@pytest.fixture(scope="module")
def server(minilm, vllm_environment, tmp_path_factory):
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", "64"]
    flags += ["--additional-config", '{"tt": {"batch_fill_wait_us": 5000, "max_device_batch": 4}}']
    running = Server(flags, vllm_environment, tmp_path_factory.mktemp("server") / "server.log")
    try:
        running.wait_until_healthy()
        yield running
    finally:
        status = running.stop()
    log = running.log.read_text()
    assert status == 0 and "force killing" not in log, running.tail()
    assert log.count("Closed the device in") == 1, running.tail()


@pytest.mark.server
def test_server_counts_what_it_is_asked(server):
    names = ("device_steps", "texts", "rows", "tokens", "computed_tokens")
    mine = {"model_name": NAME, "engine": "0"}
    before = samples(server)
    ask(server, [[101, 7592, 102]])
    ask(server, [[101, *[7592] * 58, 102]] * 5)  # 60 tokens: a step of 4 rows and one of 1
    after = samples(server)
    counted = {name: total(after, f"vllm:tt_{name}_total", **mine) for name in names}
    counted = {name: n - total(before, f"vllm:tt_{name}_total", **mine) for name, n in counted.items()}
    assert counted == {"device_steps": 3, "texts": 6, "rows": 6, "tokens": 303, "computed_tokens": 32 + 5 * 64}
    full = {"batch": "4", "sequence_length": "64", "packed": "false", **mine}
    assert total(after, "vllm:tt_texts_total", **full) - total(before, "vllm:tt_texts_total", **full) == 4
    steps = total(after, "vllm:tt_device_steps_total", **mine)
    assert total(after, "vllm:tt_step_time_seconds_count", **mine) == steps
    assert total(after, "vllm:tt_step_time_seconds_sum", **mine) > 0
    assert total(after, "vllm:tt_warm_up_time_seconds", **mine) > 0
    assert (
        0 < total(after, "vllm:tt_busy_seconds_total", **mine) <= total(after, "vllm:tt_step_time_seconds_sum", **mine)
    )
    runs_on = {"target": "emulated", "chips": "1", "profile": "performance", "packing": "aligned"}
    assert total(after, "vllm:tt_engine_info", **mine, **runs_on) == 1
    assert ("vllm:tt_failures_total", frozenset({**mine, "stage": "step"}.items())) in after
    assert total(after, "vllm:tt_failures_total") == 0


@pytest.mark.server
def test_server_measures_how_long_requests_wait_for_a_step(server):
    """vLLM's own histogram; a lone text waits here for batch_fill_wait_us."""
    before = samples(server)
    for _ in range(3):
        ask(server, [[101, 7592, 102]])
    after = samples(server)
    waits, waited = (
        total(after, f"vllm:request_queue_time_seconds_{kind}")
        - total(before, f"vllm:request_queue_time_seconds_{kind}")
        for kind in ("count", "sum")
    )
    assert waits == 3 and waited >= 3 * 0.005
