# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The patch series on a small look-alike of a tt-metal tree."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = "models/demos/wormhole/bge_large_en/demo/demo.py"
IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *IDENTITY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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
    patches = sorted((tmp_path / "out").glob("*.patch"))
    assert [p.read_bytes() for p in patches] == [p.read_bytes() for p in sorted((tmp_path / "again").glob("*.patch"))]
    assert git(tree, "status", "--porcelain") == "" and DEMO in patches[0].read_text()
    git(tree, "am", "-q", *(str(patch) for patch in patches[1:]))
    ours = ("HEAD", "models", "tech_reports")
    assert git(tree, "ls-tree", "-r", *ours) == git(ROOT, "ls-tree", "-r", *ours)
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
    patches = sorted(str(path) for path in (tmp_path / "out").glob("*.patch"))
    replaced, edited = Path(patches[0]).read_text().split("get entries for the model:\n")
    assert edited.startswith(f"  {table}\n\n") and absent in edited and table not in replaced
    git(tree, "am", "-q", *patches[1:])
    assert git(tree, "show", "--name-only", "--format=%s", "HEAD").split("\n") == ["Run BGE-large in CI", "", table, ""]
    rows = (tree / table).read_text().splitlines()[4:]
    assert rows[0] == "| theirs |" and rows[1].startswith("| [BGE-large-en-v1.5](") and len(rows) == 2
    assert (tree / table).stat().st_mode & 0o100


def test_file_without_a_place_is_named(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import export_patches
    import pytest

    with pytest.raises(SystemExit, match="models/stray.py belongs to no commit"):
        export_patches.grouped(["100644 blob 0\tmodels/stray.py"])
