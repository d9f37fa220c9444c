# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entries for the model in files of a tt-metal tree, on small look-alikes of them."""

import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import ci_entries  # noqa: E402

MODEL = ROOT / "models/demos/wormhole/bge_large_en"
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
    **{ci_entries.JOBS.format(pipeline): JOB for pipeline in ci_entries.PIPELINES},
    ci_entries.TARGETS: "version: 1\ntargets:\n  other:\n    skus: {}\n",
    ci_entries.BUDGET: (
        "other:\n  device_perf:\n    wh_n150: 10\nmodels:\n  e2e:\n    wh_n150: 100 # kept\n\n  unit:\n    wh_n150: 20\n"
        "  device_perf:\n    # comment\n    bh_p150: 10\n    wh_n150: 10\n  demo:\n    wh_n150: 10\n"
    ),
    ci_entries.TABLE: "## NLPs\n\n| Model | Batch |\n|---|---|\n| [Other](x) | 8 |\n\n## CNNs\n\n| Model |\n|---|\n",
}


def model(path: str) -> str:
    return (MODEL / path).read_text(encoding="utf-8")


def test_every_file_gets_its_entry_and_keeps_the_rest():
    found = ci_entries.edits(model, TREE.get)
    assert found.absent == [] and set(found.files) == set(TREE)
    for pipeline in ci_entries.PIPELINES:
        text = found.files[ci_entries.JOBS.format(pipeline)]
        assert text.startswith(JOB)
        other, ours = yaml.safe_load(text)
        assert other["name"] == "Other tests" and ours["name"] == f"BGE-large-en {pipeline.replace('_', ' ')} tests"
    targets = yaml.safe_load(found.files[ci_entries.TARGETS])["targets"]
    assert targets == {"other": {"skus": {}}, **yaml.safe_load(model("targets.yaml"))}
    table = found.files[ci_entries.TABLE].splitlines()
    assert table[4] == "| [Other](x) | 8 |" and table[5].startswith("| [BGE-large-en-v1.5](") and table[6] == ""
    assert table[7:] == TREE[ci_entries.TABLE].splitlines()[6:]


def test_budget_is_raised_only_where_the_jobs_pass_it():
    found = ci_entries.edits(model, TREE.get)
    assert found.budgets == ["models, device_perf, wh_n150: 10 to 20 minutes"]
    before = TREE[ci_entries.BUDGET]
    raised = before.replace("    bh_p150: 10\n    wh_n150: 10\n", "    bh_p150: 10\n    wh_n150: 20\n")
    assert found.files[ci_entries.BUDGET] == raised


def test_a_second_time_changes_nothing():
    once = ci_entries.edits(model, TREE.get).files
    assert ci_entries.edits(model, once.get) == ci_entries.Edits({}, [], [])


def test_files_that_are_not_there_are_named():
    found = ci_entries.edits(model, {ci_entries.TABLE: TREE[ci_entries.TABLE]}.get)
    assert list(found.files) == [ci_entries.TABLE]
    assert sorted(found.absent) == sorted(set(TREE) - {ci_entries.TABLE})


@pytest.mark.parametrize(
    "path, text, message",
    [
        (ci_entries.TARGETS, f"{TREE[ci_entries.TARGETS]}version: 2\nowners: []\n", "is not of the form"),
        (ci_entries.BUDGET, "models:\n  e2e: {wh_n150: 100}\n", "no budget for models, unit, wh_n150"),
        (ci_entries.BUDGET, TREE[ci_entries.BUDGET].replace("wh_n150: 20", "wh_n150: 1_9"), "is not of the form"),
        (ci_entries.TABLE, "## CNNs\n", "no table under '## NLPs'"),
    ],
)
def test_another_form_is_refused(path, text, message):
    with pytest.raises(SystemExit, match=message):
        ci_entries.edits(model, {**TREE, path: text}.get)


def test_commands_name_files_of_the_series():
    for pipeline in ci_entries.PIPELINES:
        (job,) = yaml.safe_load(model(f"ci/models_{pipeline}_tests.yaml"))
        named = [word for word in job["cmd"].split() if word.endswith(".py")]
        assert named and all((ROOT / path).is_file() for path in named), named
        assert job["model"] in yaml.safe_load(model("targets.yaml"))
