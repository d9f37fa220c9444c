# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The command for the first card, with doubles of steps that hang, die and fail; no device is opened."""

import json
import sys
import time
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.runner import target
from models.demos.wormhole.bge_large_en.tests.first_card import __main__ as command
from models.demos.wormhole.bge_large_en.tests.first_card import facts, process, report
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting, Skipped
from models.demos.wormhole.bge_large_en.tests.first_card.process import Outcome, run
from models.demos.wormhole.bge_large_en.tests.first_card.steps import BY_NAME, HERE, STEPS

NOTES = f"""
import os, signal, subprocess, sys, time
from pathlib import Path
from {HERE}.findings import Findings
found = Findings(Path(sys.argv[1]))
found.note("cosine", 0.5)
"""
DOUBLES = {
    "passes": "found.done = True; found.save()",
    "skips": "found.skipped, found.done = 'no tt-smi', True; found.save()",
    "fails": "found.expect(False, 'NaN in row 3'); found.done = True; found.save(); sys.exit(1)",
    "hangs": "time.sleep(600)",
    "hangs deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "leaves a child": "subprocess.Popen(['sleep', '601']); time.sleep(600)",
    "aborts": "print('TT_FATAL: bad'); sys.stdout.flush(); os.abort()",
    "ends early": "print('segfault-ish'); sys.stdout.flush(); os._exit(0)",
}


def double(tmp_path: Path, what: str, seconds: float = 30) -> Outcome:
    result = tmp_path / f"{what.replace(' ', '-')}.json"
    return run("softmax", [sys.executable, "-c", NOTES + DOUBLES[what], str(result)], result, seconds)


@pytest.mark.parametrize(
    "what, verdict, says",
    [
        ("passes", process.PASSED, ""),
        ("skips", process.SKIPPED, "no tt-smi"),
        ("fails", process.FAILED, "NaN in row 3"),
        ("aborts", process.DIED, "killed by SIGABRT; its log ends with: TT_FATAL: bad"),
        ("ends early", process.DIED, "ended with status 0 and no result; its log ends with: segfault-ish"),
    ],
)
def test_verdicts(tmp_path, what, verdict, says):
    outcome = double(tmp_path, what)
    assert (outcome.verdict, outcome.message) == (verdict, says)
    assert outcome.found["measured"] == {"cosine": 0.5}, "what it had found before is kept"
    assert outcome.lost_device == (verdict == process.DIED)


@pytest.mark.parametrize("what", ["hangs", "hangs deaf", "leaves a child"])
def test_a_step_that_hangs_is_ended_with_all_it_started(tmp_path, monkeypatch, what):
    monkeypatch.setattr(process, "GRACE_S", 2)
    started = []
    popen = process.subprocess.Popen
    monkeypatch.setattr(process.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    start = time.monotonic()
    outcome = double(tmp_path, what, seconds=8)
    assert outcome.verdict == process.HUNG and outcome.message == "no end after 8 s, and killed"
    assert 8 <= time.monotonic() - start < 25 and outcome.found["measured"] == {"cosine": 0.5}
    group = started[0].pid
    alive = [stat for stat in Path("/proc").glob("[0-9]*/stat") if _group(stat) == group]
    assert not alive, "a process of the step is left"


def _group(stat: Path) -> int | None:
    """Process group of one that runs, None for one that is gone or a zombie."""
    try:
        state, _, group = stat.read_text().rsplit(")", 1)[1].split()[:3]
    except OSError:
        return None
    return None if state == "Z" else int(group)


class Steps:
    """Stands for run(): verdicts by name, all others pass. `calls`: (name, seconds)."""

    def __init__(self, **verdicts: str):
        self.verdicts, self.calls = verdicts, []

    def __call__(self, name, step, seconds) -> Outcome:
        self.calls.append((name, seconds))
        verdict = self.verdicts.get(name.replace("-", "_"), process.PASSED)
        return Outcome(name, verdict, 1.0, "" if verdict == process.PASSED else f"it {verdict}", {}, f"{name}.log")


def went(steps: Steps, minutes: float = 60, reset: str | None = None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    command.go(STEPS, minutes, steps, outcomes, lambda: None, reset)
    return outcomes


def test_goes_on_after_a_failure_and_after_a_hang_that_the_device_survives():
    steps = Steps(softmax="failed", one_row="hung")
    outcomes = went(steps)
    assert [outcome.name for outcome in outcomes] == [step.name for step in STEPS]
    assert [outcome.verdict for outcome in outcomes].count(process.PASSED) == len(STEPS) - 2
    assert outcomes[2].message == "it hung; the device opens again: yes"
    assert [name for name, _ in steps.calls][2:4] == ["one-row", "after-one-row"]


def test_nothing_opens_a_device_that_is_gone_but_what_needs_none_runs():
    steps = Steps(traces="died", after_traces="hung")
    outcomes = {outcome.name: outcome for outcome in went(steps)}
    assert outcomes["traces"].message == "it died; the device opens again: no, it hung"
    not_run = [name for name, outcome in outcomes.items() if outcome.verdict == process.NOT_RUN]
    assert not_run == ["layers", "buckets", "throughput", "op-times", "soak", "server"]
    assert (
        outcomes["layers"].message
        == "the device does not open since traces: reset it (tt-smi -r), then --only the rest"
    )
    assert outcomes["estimates"].verdict == process.PASSED


def test_reset_runs_before_the_device_is_opened_again(tmp_path):
    mark = tmp_path / "reset"
    outcomes = went(Steps(traces="hung"), reset=f"touch {mark}")
    assert mark.exists() and "ended with status 0; the device opens again: yes" in outcomes[4].message


def test_each_step_gets_its_share_of_the_minutes():
    assert sum(step.minutes for step in STEPS) <= 60
    steps = Steps()
    went(steps, minutes=30)
    assert steps.calls[0] == ("board", 60.0) and dict(steps.calls)["soak"] == 300.0
    assert all(outcome.message == "the 0.0001 minutes are over" for outcome in went(Steps(), minutes=0.0001))


def test_report(tmp_path):
    found = {
        "measured": {"worst cosine": 0.5},
        "beside": [dict(what="performance 8x384", measured=300.0, estimated=250.0, unit="sentences/s", us=26667.0)],
        "done": True,
    }
    outcomes = [
        Outcome("softmax", process.FAILED, 3, "NaN | in row 3", found, "softmax.log"),
        Outcome("traces", process.HUNG, 300, "no end after 300 s", {}, "traces.log"),
        Outcome("soak", process.NOT_RUN, message="the device does not open since traces"),
        Outcome("op-times", process.SKIPPED, 1, "no profiler", {}, "op-times.log"),
    ]
    about = {
        **facts.collect("emulated"),
        "runs on": "silicon",
        "boards": [{"board_type": "n150", "firmwares": {"fw": "1"}}],
    }
    report.write(tmp_path, about, outcomes)
    text, content = (tmp_path / "report.md").read_text(), json.loads((tmp_path / "report.json").read_text())
    assert content["timed"] and [step["verdict"] for step in content["steps"]] == [
        "failed",
        "hung",
        "not run",
        "skipped",
    ]
    assert content["steps"][0]["found"] == {name: found[name] for name in ("measured", "beside")}
    assert "| softmax | failed | 3 | NaN \\| in row 3 |" in text and "- worst cosine: 0.5" in text
    assert "| performance 8x384 | 300 sentences/s | 250 sentences/s | 1.200 |" in text
    assert "- traces: reset the card (tt-smi -r); the stacks are in its log; again with --only traces" in text
    assert "board_type n150, firmwares fw 1" in text and "- versions: ttnn " in text
    assert "This text, report.json, and the logs softmax.log, traces.log." in text and "nothing was timed" not in text


def test_readings_of_the_board(monkeypatch):
    said = {
        "device_info": [
            {
                "board_info": {"board_type": "n150 L", "board_id": "0100018611902010"},
                "firmwares": {"fw_bundle_version": "18.7.0"},
                "telemetry": {"power": "45.0", "aiclk": "1000"},
            }
        ]
    }
    monkeypatch.setattr(facts, "_output", lambda *command: "Detected chips\n" + json.dumps(said))
    (board,) = facts.boards()
    assert board["telemetry"]["power"] == "45.0" and "0100018611902010" not in str(board)
    monkeypatch.setattr(facts, "_output", lambda *command: None)
    assert facts.boards() == []


def test_a_failed_part_does_not_end_a_step(tmp_path):
    found = Findings(tmp_path / "found.json")
    with found.part("first"):
        raise RuntimeError("TT_FATAL: no\nbacktrace")
    with found.part("second"):
        found.note("cosine", 0.25)
    with pytest.raises(Skipped), found.part("third"):
        raise Skipped("nothing to see")
    kept = json.loads((tmp_path / "found.json").read_text())
    assert kept["problems"] == ["first: RuntimeError: TT_FATAL: no"] and kept["measured"] == {"cosine": 0.25}


def test_every_step_can_be_called_and_says_what_it_is_for():
    import importlib

    for step in STEPS:
        module, function = step.run.split(":")
        assert callable(getattr(importlib.import_module(f"{HERE}.{module}"), function)), step
        assert step.why and step.help and BY_NAME[step.name] is step


@pytest.mark.parametrize("kind, timed", [("silicon", True), ("simulator", False), ("emulated", False)])
def test_only_silicon_is_timed(tmp_path, kind, timed):
    assert Setting(kind, 1, tmp_path).timed == timed != Setting(kind, 1, tmp_path).small


def test_without_a_card_it_says_what_to_start(monkeypatch, tmp_path, capsys):
    for name in ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "TT_METAL_SIMULATOR", "EMULATED_WORMHOLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(target, "NODES", tmp_path)
    assert command.main([]) == 2
    said = capsys.readouterr().err
    assert "no Tenstorrent card" in said and f"python -m models.emulated_wormhole -m {HERE}" in said


@pytest.mark.parametrize("arguments", [["--minutes", "0"], ["--only", "no-such-step"]])
def test_bad_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        command.main(arguments)
    assert refused.value.code == 2 and (
        "allowed: above 0" in (said := capsys.readouterr().err) or "invalid choice" in said
    )
