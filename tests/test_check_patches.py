# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""scripts/check_patches.py on small trees that have a conftest and an ini of their own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.git_author import git

ROOT = Path(__file__).resolve().parents[1]
PASSING = "from sample.code import two\n\ndef test_two(theirs):\n    assert two() == theirs\n"
CHECK = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from check_patches import Request, check
tree, folder, python, each = sys.argv[2:6]
patches = sorted(Path(folder).glob("*.patch"))
sys.exit(not check(Request(Path(tree), patches, python, "B", "b@example.com"), ["sample"], each == "each"))
"""


def commit(tree: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    git(tree, "add", *files)
    git(tree, "commit", "-qm", next(iter(files)))


@pytest.fixture
def tree(tmp_path) -> Path:
    """A checkout with a fixture and a setting of its own, and a file that git does not know."""
    tree = tmp_path / "tt metal"
    git(tmp_path, "init", "-q", str(tree))
    theirs = "import pytest\n\n@pytest.fixture\ndef theirs():\n    return 2\n"
    ini = "[pytest]\naddopts = --import-mode=importlib\nempty_parameter_set_mark = xfail\n"
    commit(tree, {"conftest.py": theirs, "pytest.ini": ini})
    (tree / "notes.txt").write_text("not committed\n")
    return tree


def series(tree: Path, *commits: dict[str, str]) -> Path:
    """A folder of patches, one for each commit, which the tree does not keep."""
    folder = tree.parent / "series"
    for files in commits:
        commit(tree, files)
    git(tree, "format-patch", "-q", "-o", str(folder), f"HEAD~{len(commits)}")
    git(tree, "reset", "-q", "--hard", f"HEAD~{len(commits)}")
    return folder


def start(tree: Path, folder: Path, python: str = sys.executable, each: bool = False) -> subprocess.Popen:
    last = "each" if each else "head"
    command = [sys.executable, "-c", CHECK, str(ROOT / "scripts"), str(tree), str(folder), python, last]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # to import them takes most of such a run
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def check(tree: Path, folder: Path, python: str = sys.executable, each: bool = False) -> tuple[int, str]:
    """Exit code and output, once the checkout has been seen to be as before."""
    before = git(tree, "status", "--porcelain"), git(tree, "worktree", "list"), git(tree, "log", "--all")
    process = start(tree, folder, python, each)
    output, _ = process.communicate()
    assert (git(tree, "status", "--porcelain"), git(tree, "worktree", "list"), git(tree, "log", "--all")) == before
    assert "?? notes.txt" in before[0]
    return process.returncode, output


def python_with(folder: Path) -> str:
    """An interpreter that has a folder on its path, after PYTHONPATH."""
    python = folder.parent / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{folder}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(python)


CODE = {"sample/code.py": "def two():\n    return 2\n"}


def test_series_passes_under_the_trees_own_conftest_and_ini(tree):
    ini = "def test_ini(pytestconfig):\n    assert pytestconfig.getini('empty_parameter_set_mark') == 'xfail'\n"
    code, output = check(tree, series(tree, CODE, {"sample/test_code.py": f"{PASSING}\n{ini}"}))
    assert code == 0, output
    assert "2 tests collected" in output and "2 tests passed, 0 failed" in output and "2 patches applied" in output


def test_failing_test_is_named(tree):
    failing = f"{PASSING}\ndef test_three():\n    assert two() == 3, 'too few'\n"
    code, output = check(tree, series(tree, CODE, {"sample/test_code.py": failing}))
    assert code == 1 and "1 tests passed, 1 failed" in output
    assert "test_three" in output and "too few" in output


def test_no_test_is_not_a_pass(tree):
    code, output = check(tree, series(tree, CODE))
    assert code == 1 and "brings no test module in sample" in output


def test_all_tests_skipped_is_not_a_pass(tree):
    skipping = {"sample/test_skip.py": "import pytest\n\npytest.importorskip('absent')\n\ndef test_it():\n    pass\n"}
    code, output = check(tree, series(tree, skipping))
    assert code == 1 and "tests FAILED" in output


def test_tests_of_the_checkout_or_outside_the_selection_are_left_out(tree):
    failing = "def test_fails():\n    assert False\n"
    commit(tree, {"sample/test_earlier.py": failing})
    code, output = check(tree, series(tree, {**CODE, "sample/test_code.py": PASSING, "samples/test_it.py": failing}))
    assert code == 0 and "1 tests passed, 0 failed" in output, output


def test_commit_that_needs_a_later_one_is_named(tree):
    code, output = check(tree, series(tree, {"sample/test_code.py": PASSING}, CODE))
    assert code == 1 and "0001-sample-test_code.py.patch cannot be collected" in output


def test_import_inside_a_function_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from check_patches import missing_imports

    files = {"models/early.py": "import os\n\ndef f():\n    from models.late import f\n", "models/there.py": ""}
    files["models/sound.py"] = "import models.there\nfrom models import there\nfrom models.there import x\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert missing_imports(tmp_path, list(files)) == ["models/early.py imports models.late"]


def test_patch_that_does_not_apply(tree):
    folder = series(tree, CODE)
    commit(tree, {"sample/code.py": "another\n"})
    code, output = check(tree, folder)
    assert code == 1 and "am" in output


def test_interpreter_that_has_the_series_elsewhere_is_refused(tree, tmp_path):
    """As with an editable install of this repository: a file that the series lacks would come from there."""
    (tmp_path / "elsewhere/sample").mkdir(parents=True)
    patches = series(tree, CODE, {"sample/test_code.py": PASSING})
    code, output = check(tree, patches, python_with(tmp_path / "elsewhere"))
    assert code == 1 and f"sample is also in {tmp_path}/elsewhere/sample" in output


def test_package_above_that_is_elsewhere_is_refused(tree, tmp_path):
    """A namespace package takes in folders of its name from everywhere, for all that lies below it."""
    (tmp_path / "elsewhere/space").mkdir(parents=True)
    code, output = check(tree, series(tree, {"space/own/__init__.py": ""}), python_with(tmp_path / "elsewhere"))
    assert code == 1 and f"space is also in {tmp_path}/elsewhere/space" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupted_check_leaves_nothing(tree, number):
    started = tree.parent / "started"
    hanging = "import os, time\nfrom pathlib import Path\n\ndef test_hangs():\n"
    hanging += f"    Path({str(started)!r}).write_text(f'{{os.getpid()}} {{os.getcwd()}}')\n    time.sleep(600)\n"
    before = git(tree, "status", "--porcelain"), git(tree, "worktree", "list")
    process = start(tree, series(tree, {"sample/test_hang.py": hanging}))
    while not (started.exists() and started.read_text()):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    assert len(git(tree, "worktree", "list").splitlines()) == 2
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert (git(tree, "status", "--porcelain"), git(tree, "worktree", "list")) == before
    pid, folder = started.read_text().split(" ", 1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert not Path(folder).exists()


def test_another_worktree_may_come_meanwhile(tree):
    other = f"import subprocess\n\n{PASSING}    add = ['worktree', 'add', '-q', '--detach', {str(tree.parent / 'other')!r}]\n"
    other += f"    subprocess.run(['git', '-C', {str(tree)!r}, *add], check=True)\n"
    process = start(tree, series(tree, {**CODE, "sample/test_code.py": other}))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(git(tree, "worktree", "list").splitlines()) == 2


def test_each_commit_runs_its_own_tests_and_the_selection_of_earlier_ones(tree):
    other = {"other/test_other.py": "def test_other(theirs):\n    assert theirs == 2\n"}
    commits = (CODE, {"sample/test_code.py": PASSING}, other, {"notes.md": "done\n"})
    code, output = check(tree, series(tree, *commits), each=True)
    assert code == 0, output
    lines = output.splitlines()
    said = [lines[i : i + 2] for i, line in enumerate(lines) if "test modules of its own" in line]
    counts = [(a.split(": ")[1], b.split(",")[0] if "passed" in b else "") for a, b in said]
    assert counts == [
        ("no test modules of its own, 0 of earlier commits", ""),
        ("1 test modules of its own, 0 of earlier commits", "1 tests passed"),
        ("1 test modules of its own, 1 of earlier commits", "2 tests passed"),
        ("no test modules of its own, 1 of earlier commits", "1 tests passed"),
    ]


def test_each_commit_sees_a_test_that_a_later_commit_mends(tree):
    wrong = {"sample/code.py": "def two():\n    return 3\n", "sample/test_code.py": PASSING}
    patches = series(tree, wrong, CODE)
    assert check(tree, patches)[0] == 0
    code, output = check(tree, patches, each=True)
    assert code == 1 and "tests fail at 0001-sample-code.py.patch\n" in output and "test_two" in output
    assert "1 tests passed, 0 failed" in output  # of the second commit, which is run all the same


def test_each_commit_runs_its_tests_outside_the_selection_too(tree):
    failing = {"other/test_other.py": "def test_fails():\n    assert False\n"}
    patches = series(tree, {**CODE, "sample/test_code.py": PASSING}, failing)
    assert check(tree, patches)[0] == 0
    code, output = check(tree, patches, each=True)
    assert code == 1 and "tests fail at 0002-other-test_other.py.patch\n" in output


@pytest.mark.parametrize("more, code", [([{**CODE, "sample/test_code.py": PASSING}], 0), ([], 1)])
def test_each_commit_may_skip_but_not_the_whole_series(tree, more, code):
    skipping = {"sample/test_skip.py": "import pytest\n\npytest.importorskip('absent')\n\ndef test_it():\n    pass\n"}
    found, output = check(tree, series(tree, skipping, *more), each=True)
    assert found == code and ("tests fail at 0001-" in output) == bool(code), output


def test_each_commit_with_a_module_that_cannot_be_run_fails(tree):
    dying = {"sample/test_dying.py": "import os\n\ndef test_it():\n    os._exit(5)\n"}
    code, output = check(tree, series(tree, dying, {**CODE, "sample/test_code.py": PASSING}), each=True)
    assert code == 1 and "tests fail at 0001-sample-test_dying.py.patch" in output
