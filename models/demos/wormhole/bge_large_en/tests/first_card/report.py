# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The report: one JSON file, and one Markdown file to paste into an issue."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import EMULATED, SIMULATOR
from models.demos.wormhole.bge_large_en.tests.first_card.process import DIED, FAILED, HUNG, PASSED, SKIPPED, Outcome
from models.demos.wormhole.bge_large_en.tests.first_card.steps import BY_NAME, TT_SMI

JSON, MARKDOWN = "report.json", "report.md"
NOT_TIMED = {
    EMULATED: "Emulated Wormhole, small sizes: nothing was timed, and no kernel ran.",
    SIMULATOR: "Simulator, small sizes: nothing was timed.",
}


def write(folder: Path, about: dict, outcomes: Sequence[Outcome]) -> None:
    steps = [{**asdict(outcome), "found": _without_state(outcome.found)} for outcome in outcomes]
    for step in steps:
        step["help"] = advice(step["name"], step["verdict"])
    content = {"about": about, "timed": about["runs on"] not in NOT_TIMED, "steps": steps}
    (folder / JSON).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / MARKDOWN).write_text(markdown(content), encoding="utf-8")


def advice(name: str, verdict: str) -> str:
    """What to do about a step, "" for nothing; what to reset first."""
    if verdict in (HUNG, DIED):
        reset = f"reset the card ({TT_SMI}); " if name in BY_NAME and BY_NAME[name].device else ""
        return (
            f"{reset}the stacks are in its log; again with --only {name} and TT_METAL_WATCHER=1; {BY_NAME[name].help}"
        )
    return BY_NAME[name].help if verdict == FAILED else ""


def markdown(content: dict) -> str:
    """The JSON's content as text."""
    about, steps = content["about"], content["steps"]
    lines = ["# BGE-large on a Wormhole: first card", ""]
    if not content["timed"]:
        lines += [f"**{NOT_TIMED[about['runs on']]}**", ""]
    lines += [f"- {name}: {_words(value)}" for name, value in about.items() if value]
    lines += ["", "| step | verdict | seconds | what it says |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {step['name']} | {step['verdict']} | {step['seconds']:.0f} | {_cell(step['message']) or 'as it should be'} |"
        for step in steps
    ]
    lines += _beside(steps)
    for step in steps:
        if step["found"].get("measured"):
            lines += ["", f"## {step['name']}", "", BY_NAME[step["name"]].why, ""]
            lines += [f"- {name}: {_words(value)}" for name, value in step["found"]["measured"].items()]
    helps = [f"- {step['name']}: {step['help']}" for step in steps if step["help"]]
    if helps:
        lines += ["", "## What to do", "", *helps]
    lines += ["", "## What to send back", "", _send_back(steps)]
    return "\n".join(lines) + "\n"


def _beside(steps: Sequence[dict]) -> list[str]:
    rows = [row for step in steps for row in step["found"].get("beside", [])]
    if not rows:
        return []
    lines = [
        "",
        "## Measured beside estimated",
        "",
        "| what | measured | estimated | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        measured, estimated = row["measured"], row["estimated"]
        ratio = f"{measured / estimated:.3f}" if measured and estimated else "-"
        shown = [f"{value:.5g} {row['unit']}" if value else "-" for value in (measured, estimated)]
        lines.append(f"| {row['what']} | {shown[0]} | {shown[1]} | {ratio} |")
    return lines


def _send_back(steps: Sequence[dict]) -> str:
    logs = [step["log"] for step in steps if step["log"] and step["verdict"] not in (PASSED, SKIPPED)]
    return f"This text, {JSON}" + (f", and the logs {', '.join(logs)}." if logs else ".")


def _without_state(found: dict) -> dict:
    return {name: value for name, value in found.items() if name in ("measured", "problems", "beside", "skipped")}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _words(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(map(_words, value)) or "none"
    return str(value)
