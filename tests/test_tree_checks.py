# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A tree's own hooks, at its versions, and its owners."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import tree_checks  # noqa: E402

CONFIG = """\
repos:
- {repo: a, rev: v6.0.0, hooks: [{id: check-yaml}]}
- {repo: b, rev: 23.10.1, hooks: [{id: black, exclude: ^llk/}]}
- {repo: c, rev: v2.3.1, hooks: [{id: autoflake, files: ^models/}]}
- {repo: d, rev: 5.13.2, hooks: [{id: isort, files: ^models/}]}
- {repo: e, rev: 6.1.0, hooks: [{id: isort, files: ^tt_metal/tt-llk/}]}
"""
CODEOWNERS = (
    "# all\n* @all\n/models/ @models\nmodels/demos/bge @bge @more\nmodels/**/bert*/ @bert\ntech_reports/LLMs/x.md @x\n"
)


def test_versions_are_those_of_the_hooks_for_models():
    assert tree_checks.pinned(CONFIG) == {"black": "23.10.1", "autoflake": "2.3.1", "isort": "5.13.2"}


@pytest.mark.parametrize("failing", [None, "isort"])
def test_a_hook_that_would_change_files_is_named(tmp_path, monkeypatch, capsys, failing):
    (tmp_path / tree_checks.HOOKS).write_text(CONFIG)
    calls = []

    def run(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, int(f"{failing}==5.13.2" in command), "a.py", "")

    monkeypatch.setattr(tree_checks.subprocess, "run", run)
    failed = tree_checks.run_hooks(tmp_path, ["models/a.py"])
    assert failed == ([] if failing is None else ["isort 5.13.2: a.py"])
    assert len(calls) == 3 and all(call[-1] == "models/a.py" and "--check" in " ".join(call) for call in calls)
    assert ("isort 5.13.2: would change files" in capsys.readouterr().out) == (failing is not None)


def test_a_tree_without_hooks_says_so(tmp_path, capsys):
    assert tree_checks.run_hooks(tmp_path, []) == [] and "has no .pre-commit-config.yaml" in capsys.readouterr().out


def test_owners_are_those_of_the_last_line_that_matches():
    paths = ["models/demos/bge/tt/a.py", "models/new/b.py", "models/x/bert_y/c.py"]
    assert tree_checks.owners(CODEOWNERS, paths) == {
        "models/demos/bge @bge @more": ["models/demos/bge/tt"],
        "/models/ @models": ["models/new"],
        "models/**/bert*/ @bert": ["models/x/bert_y"],
    }
    assert tree_checks.owners("", paths)["no line"] == ["models/demos/bge/tt", "models/new", "models/x/bert_y"]
