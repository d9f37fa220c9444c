# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entries for the model in files that a tt-metal checkout has already: CI jobs, targets, time budget, table of models.

Text goes in, text comes out, since those files are full of comments; every edit is checked by reading the YAML again.
An entry that is there stays as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

JOBS = "tests/pipeline_reorg/models_{}_tests.yaml"
PIPELINES = ("unit", "e2e", "device_perf")
TARGETS = "models/model_targets.yaml"
BUDGET = ".github/time_budget.yaml"
TABLE, TABLE_HEADING = "models/README.md", "## NLPs"
FILES = (*(JOBS.format(pipeline) for pipeline in PIPELINES), TARGETS, BUDGET, TABLE)


@dataclass(frozen=True)
class Edits:
    """files: new text by path, of those that change. absent: paths that the checkout does not have. budgets: a line
    for each time budget that was raised."""

    files: dict[str, str]
    absent: list[str]
    budgets: list[str]


def edits(model: Callable[[str], str], checkout: Callable[[str], str | None]) -> Edits:
    """What adds the model to the checkout.

    model: function from a path below the model's folder to its text. checkout: from a path to its text, or None.
    SystemExit when a file is not of the form that it has in tt-metal of May 2026.
    """
    before = {path: text for path in FILES if (text := checkout(path)) is not None}
    after, budgets = dict(before), []
    for pipeline in PIPELINES:
        path = JOBS.format(pipeline)
        if path not in before:
            continue
        added = body(model(f"ci/models_{pipeline}_tests.yaml"))
        after[path] = add_jobs(before[path], added, path)
        if after[path] == before[path] or BUDGET not in before:
            continue
        for team, sku, minutes in wanted_minutes(after[path], added):
            after[BUDGET], had = raise_budget(after[BUDGET], team, pipeline, sku, minutes)
            if had is not None:
                budgets.append(f"{team}, {pipeline}, {sku}: {had} to {minutes} minutes")
    if TARGETS in before:
        after[TARGETS] = add_target(before[TARGETS], body(model("targets.yaml")))
    if TABLE in before:
        after[TABLE] = add_row(before[TABLE], model("ci/nlp_table_row.md"))
    changed = {path: text for path, text in after.items() if text != before[path]}
    return Edits(changed, [path for path in FILES if path not in before], budgets)


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


def add_target(text: str, added: str) -> str:
    """model_targets.yaml with one more model at its end."""
    document, new = yaml.safe_load(text), yaml.safe_load(added)
    if set(new) <= set(document["targets"]):
        return text
    indented = "".join(f"  {line}" if line.strip() else line for line in added.splitlines(keepends=True))
    after = f"{text.rstrip()}\n\n{indented}"
    _check(TARGETS, after, {**document, "targets": {**document["targets"], **new}})
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


def add_row(text: str, row: str) -> str:
    """The table of models with one more row at the end of the table of NLP models. SystemExit without one."""
    if row.split("]")[0] in text:
        return text
    lines = text.splitlines(keepends=True)
    try:
        start = lines.index(f"{TABLE_HEADING}\n")
        end = next(i for i in range(start, len(lines)) if lines[i].startswith("|"))
    except (ValueError, StopIteration):
        raise SystemExit(f"{TABLE} has no table under {TABLE_HEADING!r}") from None
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
