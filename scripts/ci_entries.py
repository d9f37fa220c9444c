# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entries for the model in files that a tt-metal checkout has already: CI jobs, the table of models, and what
models/MIGRATING_TO_TIERED_CI.md asks for beside jobs: targets, size of the trace region, time budget, tier, the choices
of the workflows.

Text goes in, text comes out, since those files are full of comments; every edit is checked by reading the YAML again.
An entry that is there stays as it is. Targets, the table's row and the device perf job come with measured figures only.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml
from series import EARLIER_AND_OURS, OWNER

JOBS = "tests/pipeline_reorg/models_{}_tests.yaml"
WORKFLOW = ".github/workflows/models-t{}-{}-tests.yaml"
PIPELINES = ("unit", "e2e")
MEASURED_PIPELINES = (*PIPELINES, "device_perf")
TARGETS, NAME, SKU = "models/model_targets.yaml", "bge-large-en", "wh_n150"
TRACE_REGIONS = "models/model_trace_region_sizes.yaml"
BUDGET = ".github/time_budget.yaml"
TABLE, TABLE_HEADING = "models/README.md", "## NLPs"
TIERS, TIER_HEADING = "models/model_ci_tiers.md", "## Tier {} Models"
FOLDER = "scripts/ci"  # the entries themselves


@dataclass(frozen=True)
class Edits:
    """files: new text by path, of those that change. absent: paths that the checkout does not have. budgets: a line
    for each time budget that was raised. owner: of the jobs, OWNER where the checkout names none."""

    files: dict[str, str]
    absent: list[str]
    budgets: list[str]
    owner: str = OWNER


def edits(ours: Callable[[str], str], checkout: Callable[[str], str | None], measured: str | None = None) -> Edits:
    """What adds the model to the checkout.

    ours: function from a path of this repository to its text. checkout: the same of the checkout, or None for no file.
    measured: text of a file of targets, as model_targets.yaml has them, all active; None for no targets, row and job of
    device perf. SystemExit when a file is not of the form that it has in tt-metal of May 2026.
    """
    files, budgets = _Files(checkout), []
    pipelines = MEASURED_PIPELINES if measured else PIPELINES
    owner = owner_of([text for p in MEASURED_PIPELINES if (text := checkout(JOBS.format(p)))])
    for pipeline in pipelines:
        path = JOBS.format(pipeline)
        added = body(ours(f"{FOLDER}/models_{pipeline}_tests.yaml")).replace(OWNER, owner)
        new = files.edit(path, add_jobs, added, path)
        for job in yaml.safe_load(added):
            for tier in sorted({sku.get("tier", 1) for sku in job["skus"].values()}):  # jobs without are tier 1's
                workflow = WORKFLOW.format(tier, pipeline.replace("_", "-"))
                files.edit(workflow, add_choice, job["model"], workflow)
        budget = files.read(BUDGET)
        if not new or budget is None:
            continue
        for team, sku, minutes in wanted_minutes(files.after[path], added):
            budget, had = raise_budget(budget, team, pipeline, sku, minutes)
            if had is not None:
                budgets.append(f"{team}, {pipeline}, {sku}: {had} to {minutes} minutes")
        files.after[BUDGET] = budget
    files.edit(TRACE_REGIONS, add_model, body(ours(f"{FOLDER}/trace_region_sizes.yaml")), "sizes", TRACE_REGIONS)
    if measured:
        files.edit(TARGETS, add_model, measured, "targets", TARGETS)
        row = ours(f"{FOLDER}/nlp_table_row.md").replace("SPEED", str(round(measured_speed(measured))))
        files.edit(TABLE, add_row, row, TABLE_HEADING, TABLE)
    files.edit(TIERS, add_row, ours(f"{FOLDER}/tier_table_row.md"), TIER_HEADING.format(tier_of(ours)), TIERS)
    changed = {path: text for path, text in files.after.items() if text != files.before[path]}
    return Edits(changed, files.absent, budgets, owner)


def measured_speed(measured: str) -> float:
    """Sentences/s of batch 8 at 384 tokens. SystemExit for figures of another form, or that nobody measured."""
    try:
        entries = yaml.safe_load(measured)[NAME]["skus"][SKU]["entries"]
        speeds = {(e["batch_size"], e["seq_len"]): e["perf"]["prefill_t/s"] / e["seq_len"] for e in entries}
        states = {entry["status"] for entry in entries}
    except (KeyError, TypeError, AttributeError) as error:
        raise SystemExit(f"the measured figures are not of the form that {TARGETS} has: {error!r}") from None
    if states != {"active"}:
        raise SystemExit(
            f"the measured figures have status {', '.join(sorted(states))}; active is for what was measured"
        )
    if (8, 384) not in speeds:
        raise SystemExit("the measured figures have no batch_size 8, seq_len 384, which the table of models shows")
    return speeds[8, 384]


def owner_of(jobs: list[str]) -> str:
    """owner_id, with its comment, of a job that tests the model's folder or the earlier one; OWNER where there is none."""
    for text in jobs:
        for job in re.split(r"^- ", text, flags=re.MULTILINE):
            found = re.search(r"owner_id: *(\w[^\n]*)", job)
            if found and any(f"{folder}/" in job for folder in EARLIER_AND_OURS):
                return found[1]
    return OWNER


class NoTable(Exception):
    """A file without the table that a row is for."""


class _Files:
    """before, after: texts by path of the files of the checkout that were asked for; absent: those it does not have."""

    def __init__(self, checkout: Callable[[str], str | None]):
        self.checkout = checkout
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.absent: list[str] = []

    def read(self, path: str) -> str | None:
        """The text with the edits so far."""
        if path not in self.after and path not in self.absent:
            text = self.checkout(path)
            if text is None:
                self.absent.append(path)
                return None
            self.before[path] = self.after[path] = text
        return self.after.get(path)

    def edit(self, path: str, change: Callable[..., str], *arguments: str) -> bool:
        """after[path] = change(text, *arguments); whether that is another text. Nothing for a file that is absent."""
        text = self.read(path)
        if text is not None:
            try:
                self.after[path] = change(text, *arguments)
            except NoTable as error:
                self.absent.append(str(error))
        return text != self.after.get(path)


def tier_of(ours: Callable[[str], str]) -> int:
    """The one tier that the jobs name."""
    jobs = [job for pipeline in PIPELINES for job in yaml.safe_load(ours(f"{FOLDER}/models_{pipeline}_tests.yaml"))]
    (tier,) = {sku["tier"] for job in jobs for sku in job["skus"].values() if "tier" in sku}
    return tier


def body(fragment: str) -> str:
    """A file without its licence header."""
    return fragment.split("\n\n", 1)[1]


def add_jobs(text: str, added: str, path: str) -> str:
    """A list of jobs with those of `added` that it has none of the same name for, as written there."""
    jobs, new = yaml.safe_load(text), yaml.safe_load(added)
    names = {job["name"] for job in jobs}
    if any(job["name"] in names for job in new):
        return text
    after = f"{text.rstrip()}\n\n{added}"
    _check(path, after, [*jobs, *new])
    return after


def add_model(text: str, added: str, key: str, path: str) -> str:
    """A file of models under `key`, the last of it, with one more model at its end."""
    document, new = yaml.safe_load(text), yaml.safe_load(added)
    if set(new) <= set(document[key]):
        return text
    indented = "".join(f"  {line}" if line.strip() else line for line in added.splitlines(keepends=True))
    after = f"{text.rstrip()}\n\n{indented}"
    _check(path, after, {**document, key: {**document[key], **new}})
    return after


def wanted_minutes(jobs: str, added: str) -> list[tuple[str, str, int]]:
    """(team, SKU, minutes) that all jobs of a file may take together, for each team and SKU of the added ones."""
    ours = {(job["team"], sku) for job in yaml.safe_load(added) for sku in job["skus"]}
    every = [(job["team"], sku, of["timeout"]) for job in yaml.safe_load(jobs) for sku, of in job["skus"].items()]
    return [(team, sku, sum(m for t, s, m in every if (t, s) == (team, sku))) for team, sku in sorted(ours)]


def raise_budget(text: str, team: str, pipeline: str, sku: str, minutes: int) -> tuple[str, int | None]:
    """time_budget.yaml with at least so many minutes, and what it had if that was less, else None.

    SystemExit for one without that team, pipeline or SKU.
    """
    document = yaml.safe_load(text)
    try:
        had = document[team][pipeline][sku]
    except KeyError as error:
        raise SystemExit(f"{BUDGET} has no budget for {team}, {pipeline}, {sku}: {error} is missing") from None
    if had >= minutes:
        return text, None
    # The first of each key after the one above it is the right one, as all three are there.
    pattern = rf"(^{team}:\n(?:.*\n)*?^  {pipeline}:\n(?:.*\n)*?^    {sku}: *){had}\b"
    after = re.sub(pattern, rf"\g<1>{minutes}", text, count=1, flags=re.MULTILINE)
    document[team][pipeline][sku] = minutes
    _check(BUDGET, after, document)
    return after, had


def add_choice(text: str, model: str, path: str) -> str:
    """A workflow whose `model` input offers one more model, after those that it has."""
    document = yaml.safe_load(text)
    try:
        options = document[True]["workflow_dispatch"]["inputs"]["model"]["options"]  # YAML 1.1 reads `on` as true
    except (KeyError, TypeError):
        raise SystemExit(f"{path} has no choice of models") from None
    if model in options:
        return text
    # The last item that is no comment; comments after it stay last.
    pattern = rf"(^      model:\n(?:        .*\n)*?        options:\n(?: +(?:-|#).*\n)*?)( +- ){options[-1]}\n"
    after = re.sub(pattern, rf"\g<1>\g<2>{options[-1]}\n\g<2>{model}\n", text, count=1, flags=re.MULTILINE)
    options.append(model)
    _check(path, after, document)
    return after


def add_row(text: str, row: str, heading: str, path: str) -> str:
    """A Markdown file with one more row at the end of the first table under a heading. NoTable where it has none."""
    if any(line.split("|")[1:2] == row.split("|")[1:2] for line in text.splitlines()):
        return text
    lines = text.splitlines(keepends=True)
    try:
        start = lines.index(f"{heading}\n")
        end = next(i for i in range(start, len(lines)) if lines[i].startswith("|"))
    except (ValueError, StopIteration):
        raise NoTable(f"{path}, for want of a table under {heading!r}") from None
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    return "".join([*lines[:end], row, *lines[end:]])


def _check(path: str, text: str, expected) -> None:
    """SystemExit unless the edit changed what it should, and nothing else."""
    try:
        good = yaml.safe_load(text) == expected
    except yaml.YAMLError:
        good = False
    if not good:
        raise SystemExit(f"{path} is not of the form that entries can be added to")
