# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entries for the model in files of a tt-metal tree, on small look-alikes of them."""

import sys
from pathlib import Path

import pytest
import yaml

from models.demos.wormhole.bge_large_en.runner import device_params

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import ci_entries  # noqa: E402

WORKFLOWS = [ci_entries.WORKFLOW.format(*at) for at in ((3, "unit"), (3, "e2e"), (1, "device-perf"))]
WORKFLOW = """\
on:
  workflow_dispatch:
    inputs:
      model:
        type: choice
        options:
          - all
          # other-1: disabled
          - other
          # other-2: disabled
      sku:
        type: choice
        options:
          - other
"""
JOB = """\
# comment of the file

- name: Other tests
  cmd: pytest other.py
  model: other
  skus:
    wh_n150:
      timeout: 10
      tier: 1
  team: models

# - name: BGE-large-en unit tests
"""
TREE = {
    **{ci_entries.JOBS.format(pipeline): JOB for pipeline in ci_entries.MEASURED_PIPELINES},
    ci_entries.TARGETS: "version: 1\ntargets:\n  other:\n    skus: {}\n",
    ci_entries.TRACE_REGIONS: "version: 1\nsizes:\n  other:\n    skus: {}\n",
    ci_entries.BUDGET: (
        "other:\n  device_perf:\n    wh_n150: 10\nmodels:\n  e2e:\n    wh_n150: 100 # kept\n\n  unit:\n    wh_n150: 25\n"
        "  device_perf:\n    # comment\n    bh_p150: 10\n    wh_n150: 10\n  demo:\n    wh_n150: 10\n"
    ),
    **{path: WORKFLOW for path in WORKFLOWS},
    ci_entries.TIERS: "## Tier 2 Models\n|A|B|\n|---|---|\n| A | B |\n## Tier 3 Models\n|A|B|\n|---|---|\n| C | D |\n\nend\n",
    ci_entries.TABLE: "## NLPs\n\n| Model | Batch |\n|---|---|\n| [Other](x) | 8 |\n\n## CNNs\n\n| Model |\n|---|\n",
}

MEASURED = """\
bge-large-en:
  aliases: ["BGE-large-en-v1.5"]
  skus:
    wh_n150:
      entries:
        - {batch_size: 8, seq_len: 384, status: active, perf: {prefill_t/s: 100608, tolerance: 1.1}, accuracy: {}}
"""


def ours(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_file_gets_its_entry_and_keeps_the_rest():
    found = ci_entries.edits(ours, TREE.get, MEASURED)
    assert found.absent == [] and set(found.files) == set(TREE)
    for pipeline in ci_entries.MEASURED_PIPELINES:
        text = found.files[ci_entries.JOBS.format(pipeline)]
        assert text.startswith(JOB)
        other, added = yaml.safe_load(text)
        assert other["name"] == "Other tests" and added["name"] == f"BGE-large-en {pipeline.replace('_', ' ')} tests"
    targets = yaml.safe_load(found.files[ci_entries.TARGETS])["targets"]
    assert targets == {"other": {"skus": {}}, **yaml.safe_load(MEASURED)}
    regions = yaml.safe_load(found.files[ci_entries.TRACE_REGIONS])["sizes"]
    assert regions == {"other": {"skus": {}}, **yaml.safe_load(ours("scripts/ci/trace_region_sizes.yaml"))}
    table = found.files[ci_entries.TABLE].splitlines()
    assert table[4] == "| [Other](x) | 8 |" and table[5].startswith("| [BGE-large-en-v1.5](") and table[6] == ""
    assert table[7:] == TREE[ci_entries.TABLE].splitlines()[6:]
    tiers = found.files[ci_entries.TIERS]
    assert tiers == TREE[ci_entries.TIERS].replace("| C | D |\n", "| C | D |\n| BGE-large-en-v1.5 | N150 |\n")
    for path in WORKFLOWS:
        assert found.files[path] == WORKFLOW.replace(
            "- other\n          #", "- other\n          - bge-large-en\n          #"
        )


def test_budget_is_raised_only_where_the_jobs_pass_it():
    found = ci_entries.edits(ours, TREE.get, MEASURED)
    assert found.budgets == ["models, device_perf, wh_n150: 10 to 25 minutes"]
    before = TREE[ci_entries.BUDGET]
    raised = before.replace("    bh_p150: 10\n    wh_n150: 10\n", "    bh_p150: 10\n    wh_n150: 25\n")
    assert found.files[ci_entries.BUDGET] == raised


def test_a_second_time_changes_nothing():
    once = ci_entries.edits(ours, TREE.get, MEASURED).files
    assert ci_entries.edits(ours, once.get, MEASURED) == ci_entries.Edits({}, [], [])


def test_files_that_are_not_there_are_named():
    found = ci_entries.edits(ours, {ci_entries.TABLE: TREE[ci_entries.TABLE]}.get, MEASURED)
    assert list(found.files) == [ci_entries.TABLE]
    assert sorted(found.absent) == sorted(set(TREE) - {ci_entries.TABLE}) and found.budgets == []


@pytest.mark.parametrize(
    "path, text, heading",
    [(ci_entries.TABLE, "## CNNs\n", "## NLPs"), (ci_entries.TIERS, "## Tier 1 Models\n", "## Tier 3 Models")],
)
def test_a_file_without_the_table_is_named(path, text, heading):
    found = ci_entries.edits(ours, {**TREE, path: text}.get, MEASURED)
    assert found.absent == [f"{path}, for want of a table under {heading!r}"] and path not in found.files


def test_without_measured_figures_there_are_jobs_tier_and_trace_region_alone():
    found = ci_entries.edits(ours, TREE.get)
    jobs = {ci_entries.JOBS.format(pipeline) for pipeline in ci_entries.PIPELINES}
    assert set(found.files) == {*jobs, *WORKFLOWS[:2], ci_entries.TIERS, ci_entries.TRACE_REGIONS}
    assert not any("estimate" in text or "262" in text for text in found.files.values())


@pytest.mark.parametrize(
    "path, text, message",
    [
        (ci_entries.TARGETS, f"{TREE[ci_entries.TARGETS]}version: 2\nowners: []\n", "is not of the form"),
        (ci_entries.BUDGET, "models:\n  e2e: {wh_n150: 100}\n", "no budget for models, unit, wh_n150"),
        (ci_entries.BUDGET, TREE[ci_entries.BUDGET].replace("wh_n150: 25", "wh_n150: 1_9"), "is not of the form"),
        (WORKFLOWS[0], "on:\n  workflow_dispatch:\n", "unit-tests.yaml has no choice of models"),
        (WORKFLOWS[1], WORKFLOW.replace("        options", "        options : # of", 1), "is not of the form"),
    ],
)
def test_another_form_is_refused(path, text, message):
    with pytest.raises(SystemExit, match=message):
        ci_entries.edits(ours, {**TREE, path: text}.get, MEASURED)


def test_commands_name_files_of_the_series():
    for pipeline in ci_entries.MEASURED_PIPELINES:
        (job,) = yaml.safe_load(ours(f"{ci_entries.FOLDER}/models_{pipeline}_tests.yaml"))
        named = [word for word in job["cmd"].split() if word.endswith(".py")]
        assert named and all((ROOT / path).is_file() for path in named), named
        assert job["model"] == ci_entries.NAME


def test_trace_region_is_the_one_that_the_demos_open_with():
    """Which holds all default shapes: tests/demo/test_demos_on_a_mesh.py."""
    (model,) = yaml.safe_load(ours("scripts/ci/trace_region_sizes.yaml")).values()
    assert {sku["trace_region_size"] for sku in model["skus"].values()} == {device_params.TRACE_REGION_SIZE}
