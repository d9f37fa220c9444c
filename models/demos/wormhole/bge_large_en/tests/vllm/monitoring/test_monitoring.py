# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The dashboard, the alerts and the scrape configuration of demo/monitoring, by Prometheus itself."""

import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.test_metrics import samples  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.server import (  # noqa: E402
    MAX_MODEL_LEN,
    NAME,
    Server,
    post,
    serving,
)

FOLDER = Path(__file__).parents[3] / "demo" / "monitoring"
INTERVAL_S = 0.5  # between two scrapes
# What the dashboard has to show.
ASKED = "requests latency queue steps busy padding texts failed refused warm-up engine runs".split()


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} on this machine: apt-get install prometheus")
    return found


def panels() -> list[dict]:
    return [p for p in json.loads((FOLDER / "dashboard.json").read_text())["panels"] if p["type"] != "row"]


def queries(seconds: int = 60) -> dict[str, str]:
    """Panel and legend -> its query with Grafana's variables filled in, over so many seconds."""
    return {
        f"{panel['title']}: {target['legendFormat']}": target["expr"]
        .replace("$__rate_interval", f"{seconds}s")
        .replace("$job", ".*")
        .replace("$instance", ".*")
        for panel in panels()
        for target in panel["targets"]
    }


def test_the_dashboard_has_what_an_operator_asks_for_and_nothing_overlaps():
    found = panels()
    titles = " ".join(panel["title"].lower() for panel in found)
    assert [word for word in ASKED if word not in titles] == []
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in found)
    assert len({panel["id"] for panel in found}) == len(found)
    places = [panel["gridPos"] for panel in found]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24


def test_promtool_takes_the_rules_and_each_alert_fires_on_what_it_is_for():
    promtool, tests = needs("promtool"), Path(__file__).with_name("alerts_test.yml")
    for command in (["check", "config", FOLDER / "prometheus.yml"], ["test", "rules", tests]):
        done = subprocess.run([promtool, *map(str, command)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    alerts = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text())
    assert len(alerts) == 9
    for name in alerts:  # one test in which it fires, one in which it does not
        assert len(re.findall(rf"alertname: {name}\b", tests.read_text())) == 2, name


@contextmanager
def prometheus(server: Server, folder: Path) -> Iterator[Callable[[str], list]]:
    """A Prometheus with our configuration, scraping the server; yields a function from a query to its result."""
    config = (FOLDER / "prometheus.yml").read_text()
    shutil.copy(FOLDER / "alerts.yml", folder)
    target, faster = urllib.parse.urlsplit(server.url).netloc, f"scrape_interval: {int(1000 * INTERVAL_S)}ms"
    assert "127.0.0.1:8000" in config and "scrape_interval: 15s" in config
    config = config.replace("127.0.0.1:8000", target).replace("scrape_interval: 15s", faster)
    (folder / "prometheus.yml").write_text(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [needs("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={address}"]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [*command, f"--storage.tsdb.path={folder / 'data'}"], stdout=log, stderr=subprocess.STDOUT
        )

    def ask(query: str) -> list:
        words = urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/query?{words}", timeout=30) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # until it is ready
                raise
            raise AssertionError(f"{query}: {error.read().decode()}") from None

    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if ask("up == 1"):
                    break
            except OSError:
                pass
            time.sleep(0.1)
        else:
            pytest.fail((folder / "prometheus.log").read_text()[-3000:])
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def load(server: Server) -> None:
    """Requests of one to nine texts, two at a time."""

    def ask(counts: tuple[int, ...]) -> None:
        for count in counts:
            assert post(server, "/v1/embeddings", {"model": NAME, "input": SENTENCES[:count]}).status == 200

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, ((1, 9, 2, 5), (7, 3, 8, 1))))


def assert_every_panel_has_data(server: Server, folder: Path, engines: int) -> None:
    with prometheus(server, folder) as ask:
        start = time.monotonic()
        load(server)
        time.sleep(2 * INTERVAL_S)
        found = {name: ask(query) for name, query in queries(math.ceil(time.monotonic() - start) + 1).items()}
        values = {
            name: {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in result}
            for name, result in found.items()
        }
        for name, series in values.items():
            print(name, [f"{value:.4g}" for value in list(series.values())[:6]])
        assert [name for name, series in values.items() if all(map(math.isnan, series.values()))] == []
        for name, series in values.items():
            if "engine {{engine}}" in name:
                assert {json.loads(labels)["engine"] for labels in series} == set(map(str, range(engines))), name
        ones = [value for name in values if "Padding" in name or "Busy" in name for value in values[name].values()]
        assert ones and all(math.isnan(value) or 0 <= value <= 1.2 for value in ones), values
        texts = sum(values["Texts by engine: engine {{engine}}"].values())
        assert texts > 0 and len(values["What the engines run on: "]) == engines
        (answered,) = (one for one in ask('sum(http_requests_total{handler="/v1/embeddings", status="2xx"})'))
        assert float(answered["value"][1]) > 0
        assert {one["metric"]["alertname"] for one in ask("ALERTS")} <= {"NotOnSilicon"}  # pending: it is emulated


@pytest.mark.server
def test_every_metric_of_the_dashboard_and_the_alerts_is_one_that_the_server_has(server):
    post(server, "/v1/embeddings", {"model": NAME, "input": "some text"})
    named = set(re.findall(r"(?:vllm:|http_)\w+", " ".join(queries().values()) + (FOLDER / "alerts.yml").read_text()))
    shown = {name for name, _ in samples(server)}
    assert len(named) > 12 and named - shown == set()


@pytest.mark.server
def test_every_panel_has_data_of_a_server_under_load(server, tmp_path):
    assert_every_panel_has_data(server, tmp_path, engines=1)


@pytest.mark.server
@pytest.mark.slow
def test_every_panel_has_data_of_each_of_two_engines(minilm, vllm_environment, tmp_path):
    needs("prometheus")
    flags = ["--model", str(minilm), "--served-model-name", NAME, "--max-model-len", str(MAX_MODEL_LEN)]
    flags += ["--data-parallel-size", "2", "--additional-config", '{"tt": {"max_device_batch": 4}}']
    with serving(flags, vllm_environment, tmp_path / "server.log") as server:
        assert_every_panel_has_data(server, tmp_path, engines=2)
