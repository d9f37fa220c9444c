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
import check_patches  # noqa: E402
import export_patches  # noqa: E402
import series_files  # noqa: E402
from series import MODEL, OWNER, SERIES  # noqa: E402

DEMO = f"{MODEL}/demo/demo.py"
TABLE, TARGETS = "models/README.md", "models/model_targets.yaml"
MEASURED = """\
bge-large-en:
  skus:
    wh_n150:
      entries:
        - {batch_size: 8, seq_len: 384, status: active, perf: {prefill_t/s: 123456, tolerance: 1.1}, accuracy: {}}
"""


def tree_with(folder: Path, files: dict[str, str]) -> Path:
    tree = folder / "tt metal"
    git(folder, "init", "-q", str(tree))
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "theirs")
    return tree


def export(tree: Path, out: Path, *options: str) -> str:
    command = [sys.executable, str(ROOT / "scripts/export_patches.py"), "--tt-metal", str(tree), "--out", str(out)]
    done = subprocess.run([*command, "--author", "A <a@example.com>", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def apply(tree: Path, out: Path) -> None:
    git(tree, "am", "-q", *(str(patch) for patch in sorted(out.glob("*.patch"))))


def test_the_three_series_hold_the_tree(tmp_path):
    """Applied one after the other they are what the repository holds of the folders that they cover."""
    tree = tree_with(tmp_path, {DEMO: "earlier\n", "conftest.py": "theirs\n"})
    for name in SERIES:
        said = export(tree, tmp_path / name, "--series", name)
        assert (f"replaces {DEMO}" in said) == (name == "core")
        assert git(tree, "status", "--porcelain") == ""
        apply(tree, tmp_path / name)
    ours = ("HEAD", "models", "tech_reports")
    assert git(tree, "ls-tree", "-r", *ours) == git(ROOT, "ls-tree", "-r", *ours)
    assert (tree / "conftest.py").read_text() == "theirs\n" and not (tree / "setup.py").exists()
    first = SERIES["core"].commits[0].subject
    assert len(git(tree, "log", "-1", "--format=%b", f":/{first}").splitlines()) > 2


def test_the_same_series_twice(tmp_path):
    tree = tree_with(tmp_path, {DEMO: "earlier\n"})
    for out in ("out", "again"):
        export(tree, tmp_path / out)
    both = [[path.read_bytes() for path in sorted((tmp_path / out).iterdir())] for out in ("out", "again")]
    assert both[0] == both[1] and DEMO in (tmp_path / "out" / export_patches.COVER_LETTER).read_text()


def test_the_core_series_is_of_a_size_to_read(tmp_path):
    tree = tree_with(tmp_path, {"models/it.py": ""})
    export(tree, tmp_path / "out")
    apply(tree, tmp_path / "out")
    log = git(tree, "log", "--reverse", "--format=#%s", "--numstat", "HEAD~10..HEAD")
    added = [sum(int(line.split()[0]) for line in part.splitlines()[1:] if line) for part in log.split("#")[1:]]
    assert len(added) == 10 and max(added) <= 1600 and sum(added) <= 9000, added
    pcc = git(
        tree, "diff", "--numstat", "HEAD~10", "HEAD", "--", f"{MODEL}/tests/pcc", f"{MODEL}/tests/seeded_batch.py"
    )
    assert sum(added[:2]) + sum(int(line.split()[0]) for line in pcc.splitlines()) <= 2500
    assert not [path for path in git(tree, "ls-files").splitlines() if path.endswith((".svg", ".png"))]


def test_no_patch_imports_what_a_later_one_or_another_series_brings(tmp_path):
    tree = tree_with(tmp_path, {"models/it.py": ""})
    for name in SERIES:
        if after := SERIES[name].after:
            git(tree, "checkout", "-q", "--detach", after)
        export(tree, tmp_path / name, "--series", name)
        for patch in sorted((tmp_path / name).glob("*.patch")):
            git(tree, "am", "-q", str(patch))
            brought = git(tree, "diff", "--name-only", "--diff-filter=d", "HEAD~1", "HEAD").splitlines()
            missing = check_patches.missing_imports(tree, [path for path in brought if path.endswith(".py")])
            # What else is missing is of a tt-metal tree.
            assert not [line for line in missing if MODEL.replace("/", ".") in line.split(" imports ")[1]], patch.name
        git(tree, "tag", name)


def test_the_core_series_names_neither_of_the_others():
    """Nor a file that stays here, in any of the three."""
    for name in SERIES:
        assert export_patches.linked(name) == []
    paths = git(ROOT, "ls-files", "models", "tech_reports").splitlines()
    core = [path for path in paths if series_files.place(path)[0] == "core"]
    theirs = {f"{Path(path).parent.name}/{Path(path).name}" for path in paths if series_files.place(path)[0] != "core"}
    theirs -= {f"{folder}/__init__.py" for folder in ("tests", "engine", "front_end")}
    named = {(path, other) for path in core for other in theirs if other in (ROOT / path).read_text(errors="ignore")}
    assert named == set()


def test_without_measured_figures_there_is_no_target_and_no_row(tmp_path):
    files = {TABLE: "## NLPs\n\n| Model |\n|---|\n| theirs |\n", TARGETS: "targets:\n  other:\n    skus: {}\n"}
    tree = tree_with(tmp_path, files)
    assert f"edits {TABLE}" not in export(tree, tmp_path / "out")
    (tmp_path / "measured.yaml").write_text(MEASURED)
    said = export(tree, tmp_path / "more", "--measured", str(tmp_path / "measured.yaml"))
    assert f"edits {TABLE}\n" in said and f"edits {TARGETS}\n" in said
    apply(tree, tmp_path / "more")
    assert "BGE-large-en-v1.5](" in (tree / TABLE).read_text() and "| 322 |" in (tree / TABLE).read_text().replace(
        "322 ", "322 "
    )
    assert "prefill_t/s: 123456" in (tree / TARGETS).read_text()
    assert git(tree, "show", "--name-only", "--format=%s", "HEAD").splitlines()[0] == SERIES["core"].commits[-1].subject


def test_figures_that_nobody_measured_are_refused(tmp_path):
    tree = tree_with(tmp_path, {"models/it.py": ""})
    (tmp_path / "estimated.yaml").write_text(MEASURED.replace("active", "TODO"))
    command = [sys.executable, str(ROOT / "scripts/export_patches.py"), "--tt-metal", str(tree)]
    command += ["--out", str(tmp_path / "out"), "--measured", str(tmp_path / "estimated.yaml"), "--author", "A <a@b>"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "have status TODO" in done.stderr and len(done.stderr.splitlines()) == 1


JOBS = "tests/pipeline_reorg/models_unit_tests.yaml"
JOB = "- name: Earlier\n  cmd: pytest {}/test.py\n  model: earlier\n  skus: {{}}\n  owner_id: U0123 # Somebody\n  team: models\n"


@pytest.mark.parametrize(
    "folder, owner", [("models/demos/bge_large_en", "U0123 # Somebody"), ("models/demos/other", OWNER)]
)
def test_owner_of_the_jobs(tmp_path, folder, owner):
    """Of tt-metal's own jobs for the model; else a name that the cover letter lists."""
    tree = tree_with(tmp_path, {JOBS: JOB.format(folder), ".github/CODEOWNERS": f"/models/ @all\n{MODEL} @few @some\n"})
    export(tree, tmp_path / "out")
    apply(tree, tmp_path / "out")
    assert f"owner_id: {owner}\n" in (tree / JOBS).read_text().split("BGE-large-en unit")[1]
    cover = (tmp_path / "out" / export_patches.COVER_LETTER).read_text()
    assert (f"To fill in before merging:\n  {OWNER}" in cover) == (owner == OWNER)
    assert f"  {MODEL} @few @some: {MODEL}, {MODEL}/demo" in cover


def test_another_folder_moves_paths_and_imports(tmp_path, monkeypatch):
    other = "models/demos/nlp/embedding/bge_large_en"
    for module in (series_files, export_patches.check_patches):
        monkeypatch.setattr(module, "TARGET", other)
    tree = tree_with(tmp_path, {"models/it.py": ""})
    export_patches.export(tree, tmp_path / "out", "core", ("A", "a@example.com"))
    apply(tree, tmp_path / "out")
    assert not (tree / MODEL).exists() and (tree / other / "tt" / "bert.py").is_file()
    for path in (tree / other).rglob("*.py"):
        assert MODEL not in path.read_text() and MODEL.replace("/", ".") not in path.read_text(), path
    done = subprocess.run(
        [sys.executable, "-c", f"import {other.replace('/', '.')}.tt.dims as d; print(d.__file__)"],
        env={"PYTHONPATH": str(tree), "PATH": ""}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert str(tree) in done.stdout, done.stderr


def test_what_stays_and_needs_what_is_replaced_is_named(tmp_path):
    stays = "models/demos/bge_large_en/earlier.py"
    importing = f"from {MODEL.replace('/', '.')}.demo import demo\n"
    tree = tree_with(tmp_path, {DEMO: "", stays: importing, "models/it.py": ""})
    line = f"{stays}: {MODEL.replace('/', '.')}.demo.demo"
    assert f"keeps, though it needs what is replaced, {line}\n" in export(tree, tmp_path / "out")
    cover = (tmp_path / "out" / export_patches.COVER_LETTER).read_text()
    assert f"that stay:\n  {stays}\n" in cover and f"imports a replaced file:\n  {line}\n" in cover


def test_file_without_a_place_is_named():
    with pytest.raises(SystemExit, match="models/stray.py belongs to no series"):
        series_files.place("models/stray.py")


@pytest.mark.parametrize(
    "path, series, subject",
    [
        (f"{MODEL}/tests/vllm/test_new.py", "serving", "Test BERT encoders in vLLM"),
        (f"{MODEL}/tests/vllm/hardening/new/test_new.py", "serving", "Test the BERT server under faults and load"),
        (f"{MODEL}/tests/tt/test_new.py", "core", "Add a BERT encoder for BGE-large and its reference"),
        (f"{MODEL}/tests/vllm/front_end/test_new.py", "serving", "Test what guards the routes of the BERT server"),
        (f"{MODEL}/tests/demo/test_new.py", "core", "Put BGEForEmbedding and demo.py on the new encoder"),
        (f"{MODEL}/tests/perf/new.py", "emulation", "Estimate the speed of BERT encoders"),
        (f"{MODEL}/demo/search/new.py", "core", "Search texts with BGE-large"),
        (f"{MODEL}/demo/generator_vllm.py", "core", "Put BGEForEmbedding and demo.py on the new encoder"),
        (f"{MODEL}/vllm_plugin/front_end/new.py", "serving", "Serve BERT encoders with vLLM"),
        ("models/emulated_wormhole/golden_new.py", "emulation", "Add an emulated Wormhole for tests without a card"),
    ],
)
def test_new_file_goes_where_its_folder_goes(path, series, subject):
    name, index = series_files.place(path)
    assert (name, SERIES[name].commits[index].subject) == (series, subject)


def test_messages_have_the_width_of_git():
    commits = [commit for series in SERIES.values() for commit in series.commits]
    assert len({commit.subject for commit in commits}) == len(commits)
    for commit in commits:
        assert len(commit.subject) <= 60 and not commit.subject.endswith(".") and len(commit.body) > 80, commit.subject
        assert max(map(len, commit.body.splitlines())) <= 72, commit.subject
