# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The figures of a first card: the path of timed steps, with figures that mean nothing, and the fit to a report."""

from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.tests.first_card import __main__ as command
from models.demos.wormhole.bge_large_en.tests.first_card import fit, process, report, speed
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting, Skipped
from models.demos.wormhole.bge_large_en.tests.first_card.process import Outcome
from models.demos.wormhole.bge_large_en.tests.runner.small_model import small_runner


def test_timed_steps_on_a_device(device, monkeypatch, tmp_path):
    """The path that a card takes, here of an emulated one: the figures mean nothing, their form does."""
    monkeypatch.setattr(speed, "REPLAYS", 2)
    found, setting = Findings(tmp_path / "found.json"), Setting("silicon", 60, tmp_path)
    runner = small_runner(device, length=32, buckets=Buckets((32,), (1, 8)))
    for batch in (1, 8):
        speed._time_shape(found, setting, runner, (batch, 32, False), f"performance {batch}x32", 100.0 * batch)
    runner.close()
    assert [name.split(": ")[1] for name in found.measured] == [
        *("ms of a step dispatched", "ms from ids to vectors"),
        *("ms of a step dispatched", "sentences/s with inputs and results"),
    ]
    assert [(row["what"], row["estimated"]) for row in found.beside] == [
        ("performance 1x32", 100.0),
        ("performance 8x32", 800.0),
    ]
    eight = found.beside[1]
    assert eight["measured"] == pytest.approx(8e6 / eight["us"])
    assert [step.us for step in fit.measured(a_report(tmp_path, found.beside))] == [row["us"] for row in found.beside]


@pytest.mark.parametrize(
    "why, skipped", [("ReadDeviceProfiler requires a Tracy-enabled build", True), ("bus error", False)]
)
def test_op_times_where_the_profiler_is_not_built(monkeypatch, tmp_path, why, skipped):
    def estimate(*_):
        raise RuntimeError(why)

    monkeypatch.setattr(speed, "_estimate", estimate)
    with pytest.raises(Skipped if skipped else RuntimeError, match=why):
        speed.op_times(Findings(tmp_path / "found.json"), Setting("silicon", 60, tmp_path))
    monkeypatch.setattr(speed, "_estimate", lambda *_: {"measured_kernel_ms": 21.5})
    found = Findings(tmp_path / "found.json")
    speed.op_times(found, Setting("silicon", 60, tmp_path))
    assert len(found.measured) == 4 and set(found.measured.values()) == {21.5}


def test_power_of_a_soak(tmp_path):
    found = Findings(tmp_path / "found.json")
    speed._note_readings(found, [{"power": "60.0", "aiclk": 1000}, {"power": "100.0", "asic_temperature": ""}], 160.0)
    assert found.measured == {
        "power: mean, largest": [80.0, 100.0],
        "texts per joule": 2.0,
        "aiclk: mean, largest": [1000.0, 1000.0],
    }
    speed._note_readings(found, [], 160.0)
    assert found.measured["power"] == "not read: no tt-smi"


def a_report(folder: Path, rows: list[dict]) -> Path:
    report.write(folder, {"runs on": "silicon"}, [Outcome("throughput", process.PASSED, 1, "", {"beside": rows}, None)])
    return folder / report.JSON


@pytest.mark.parametrize(
    "text, says",
    [
        ("{", "is no report.json of this command"),
        ('{"steps": [{"found": {}}]}', "holds no timed steps"),
        ('{"steps": [{"found": {"beside": [{"what": "bytes of 3 traces", "us": 3.0}]}}]}', "holds no timed steps"),
    ],
)
def test_a_report_without_times_is_refused(tmp_path, capsys, text, says):
    (tmp_path / "report.json").write_text(text)
    assert command.main(["--fit", str(tmp_path / "report.json")]) == 2
    assert says in capsys.readouterr().err
    assert command.main(["--fit", str(tmp_path / "none.json")]) == 2


def test_the_time_model_follows_a_report(tmp_path, capfd):
    """A step that takes 1.3 times what the model says moves it towards that."""
    pytest.importorskip("models.emulated_wormhole")
    pytest.importorskip("scipy")
    at = dict(what="performance 8x128", measured=1.0, estimated=None, unit="sentences/s")
    assert command.main(["--fit", str(a_report(tmp_path, [{**at, "us": 8000.0}]))]) == 0
    before, _ = ratios(capfd.readouterr().out)
    us = 1.3 * 8000 / before
    assert command.main(["--fit", str(a_report(tmp_path, [{**at, "us": us}]))]) == 0
    before, after = ratios(out := capfd.readouterr().out)
    assert before == pytest.approx(1.3, abs=0.002) and 0.95 < after < before - 0.05
    assert "Range: " in out and "this report: performance 8x128" in out


def ratios(text: str) -> tuple[float, float]:
    """Of the last line."""
    before, after = text.strip().splitlines()[-1].split(" us ")[1].split("|")
    return float(before), float(after)
