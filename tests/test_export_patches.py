# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The patch series on a small look-alike of a tt-metal tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.git_author import git

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import export_patches  # noqa: E402
from series import COMMITS, MODEL  # noqa: E402

DEMO = f"{MODEL}/demo/demo.py"


def export(tree: Path, out: Path) -> str:
    command = [sys.executable, str(ROOT / "scripts/export_patches.py"), "--tt-metal", str(tree), "--out", str(out)]
    return subprocess.run(
        command + ["--author", "A <a@example.com>"], capture_output=True, text=True, check=True
    ).stdout


def test_series_applies_and_holds_the_tree(tmp_path):
    tree = tmp_path / "tt metal"
    (tree / DEMO).parent.mkdir(parents=True)
    (tree / DEMO).write_text("earlier\n")
    (tree / "conftest.py").write_text("theirs\n")
    git(tmp_path, "init", "-q", str(tree))
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    assert f"replaces {DEMO}" in export(tree, tmp_path / "out")
    export(tree, tmp_path / "again")
    cover, *patches = sorted((tmp_path / "out").iterdir())
    assert [p.read_bytes() for p in (cover, *patches)] == [
        p.read_bytes() for p in sorted((tmp_path / "again").iterdir())
    ]
    assert git(tree, "status", "--porcelain") == "" and DEMO in cover.read_text()
    git(tree, "am", "-q", *(str(patch) for patch in patches))
    ours = ("HEAD", "models", "tech_reports")
    assert git(tree, "ls-tree", "-r", *ours) == git(ROOT, "ls-tree", "-r", *ours)
    assert len(git(tree, "log", "-1", "--format=%b", f":/{COMMITS[0].subject}").splitlines()) > 3
    assert (tree / "conftest.py").read_text() == "theirs\n" and not (tree / "setup.py").exists()


def test_last_commit_edits_files_of_the_tree(tmp_path):
    tree, table, absent = tmp_path / "tree", "models/README.md", "models/model_targets.yaml"
    (tree / "models").mkdir(parents=True)
    (tree / table).write_text("## NLPs\n\n| Model |\n|---|\n| theirs |\n")
    (tree / table).chmod(0o755)
    git(tmp_path, "init", "-q", str(tree))
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    said = export(tree, tmp_path / "out")
    assert (
        f"edits {table}\n" in said and f"no entry, for want of {absent}\n" in said and f"replaces {table}" not in said
    )
    cover, *patches = sorted(str(path) for path in (tmp_path / "out").iterdir())
    replaced, edited = Path(cover).read_text().split("get entries for the model:\n")
    assert edited.startswith(f"  {table}\n\n") and absent in edited and table not in replaced
    git(tree, "am", "-q", *patches)
    assert git(tree, "show", "--name-only", "--format=%s", "HEAD").split("\n") == ["Run BGE-large in CI", "", table, ""]
    rows = (tree / table).read_text().splitlines()[4:]
    assert rows[0] == "| theirs |" and rows[1].startswith("| [BGE-large-en-v1.5](") and len(rows) == 2
    assert (tree / table).stat().st_mode & 0o100


def test_targets_are_in_one_file(tmp_path):
    """In that of the tree, from the commit on whose tests read them; its own file is for trees without."""
    tree, shared, own = tmp_path / "tree", "models/model_targets.yaml", f"{MODEL}/targets.yaml"
    (tree / "models").mkdir(parents=True)
    (tree / shared).write_text("targets:\n  other:\n    skus: {}\n")
    git(tmp_path, "init", "-q", str(tree))
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    export(tree, tmp_path / "out")
    git(tree, "am", "-q", *(str(path) for path in sorted((tmp_path / "out").glob("*.patch"))))
    assert not (tree / own).exists() and "bge-large-en:" in (tree / shared).read_text()
    bringing = [git(tree, "log", "--format=%s", "--", path) for path in (shared, f"{MODEL}/tests/perf/targets.py")]
    assert bringing[0].splitlines()[0] == bringing[1].strip()


def test_what_stays_and_needs_what_is_replaced_is_named(tmp_path):
    tree, stays = tmp_path / "tree", "models/demos/bge_large_en/earlier.py"
    for path, text in ((DEMO, ""), (stays, f"from {MODEL.replace('/', '.')}.demo import demo\n"), ("models/it.py", "")):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    git(tmp_path, "init", "-q", str(tree))
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    line = f"{stays}: {MODEL.replace('/', '.')}.demo.demo"
    assert f"keeps, though it needs what is replaced, {line}\n" in export(tree, tmp_path / "out")
    cover = (tmp_path / "out" / export_patches.COVER_LETTER).read_text()
    assert f"that stay:\n  {stays}\n" in cover and f"imports a replaced file:\n  {line}\n" in cover


def test_file_without_a_place_is_named():
    with pytest.raises(SystemExit, match="models/stray.py belongs to no commit"):
        export_patches.grouped(["100644 blob 0\tmodels/stray.py"])


@pytest.mark.parametrize(
    "path, subject",
    [
        (f"{MODEL}/tests/vllm/test_new.py", "Test BGE-large in vLLM"),
        (f"{MODEL}/tests/vllm/hardening/new/test_new.py", "Test the BGE-large server under faults and load"),
        (f"{MODEL}/tests/tt/test_new.py", "Add a BERT encoder for BGE-large and its reference"),
        (f"{MODEL}/tests/runner/test_new.py", "Run the BGE-large encoder in steps of packed texts"),
        (f"{MODEL}/tests/test_new_demo.py", "Put the demos of BGE-large on the new encoder"),
        (f"{MODEL}/demo/new.py", "Put the demos of BGE-large on the new encoder"),
        (f"{MODEL}/demo/generator_vllm.py", "Serve BGE-large with vLLM"),
        (f"{MODEL}/vllm_plugin/new.py", "Serve BGE-large with vLLM"),
        ("models/emulated_wormhole/golden_new.py", "Add an emulated Wormhole for tests without a card"),
    ],
)
def test_new_file_goes_where_its_folder_goes(path, subject):
    assert COMMITS[export_patches.place(path)].subject == subject


def test_messages_have_the_width_of_git():
    assert len({commit.subject for commit in COMMITS}) == len(COMMITS)
    for commit in COMMITS:
        assert len(commit.subject) <= 60 and not commit.subject.endswith(".") and len(commit.body) > 80, commit.subject
        assert max(map(len, commit.body.splitlines())) <= 72, commit.subject
