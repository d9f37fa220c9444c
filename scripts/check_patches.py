# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Applies a patch series in a worktree of its checkout and runs its tests there, under that tree's conftest and ini.

Every commit has to compile, to import nothing that comes later, and to have tests that can be collected; at the end the
hooks that the tree pins (black, isort, autoflake) must find nothing to change. Of the tests not marked slow, quality or
server a selection is run after the last commit. With --each, tests are run after every commit: all that it brings, and
of those that earlier ones brought the selection. Where there is no card, on this repository's emulated Wormhole.

The interpreter is made by `scripts/check_env.sh DIR` (DIR/bin/python). It needs torch, transformers, pytest with
pytest-timeout, the ttnn wheel, and what tt-metal's conftest.py files and models/perf import: loguru, torchvision, Pillow,
GitPython, pytz. Everything else is optional: tests skip without it. This repository must not be installed in it, not
even editable: its files would stand in for those of the worktree.
"""

import ast
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from git_command import git
from patched_tree import EMULATION, Interpreter, clean_worktree
from series import TARGET
from tree_checks import run_hooks

MARKERS = "not slow and not quality and not server"
TESTS = f"{TARGET}/tests"
QUICK = {
    "core": tuple(
        f"{TESTS}/{path}" for path in ("tt", "runner/test_order.py", "demo/test_generator.py", "perf/test_targets.py")
    ),
    "serving": tuple(f"{TESTS}/vllm/{path}" for path in ("front_end", "engine", "test_options.py", "test_devices.py")),
    "emulation": (f"{EMULATION}/tests", f"{TESTS}/perf/test_estimated_targets.py"),
}
NO_TESTS = 5  # pytest's exit code when nothing was collected: every module skipped itself
# Prints the packages named on the command line that have a folder outside the folders of the first argument.
OUTSIDE = """\
import importlib.util, os, sys
path, *names = sys.argv[1:]
inside = tuple(os.path.realpath(tree) + os.sep for tree in path.split(os.pathsep))
for name in names:
    for folder in importlib.util.find_spec(name).submodule_search_locations:
        if not os.path.realpath(folder).startswith(inside):
            print(f"{name} is also in {folder}")
"""


@dataclass(frozen=True)
class Request:
    """checkout, patches, python: as of --check. name, email: of the commits. ours: this repository, for the emulated
    Wormhole. below: patches that have to be there before, which are not checked themselves."""

    checkout: Path
    patches: list[Path]
    python: str
    name: str
    email: str
    ours: Path | None = None
    below: list[Path] = field(default_factory=list)


def modules(source: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each absolute import in a file, also those inside functions; name is "" for `import module`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def exists(tree: Path, module: str) -> bool:
    path = tree / module.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def missing_imports(tree: Path, paths: list[str]) -> list[str]:
    """Imports of `models` that the tree cannot satisfy: they wait for a later commit, or for nothing."""
    missing = []
    for path in paths:
        for module, name in modules((tree / path).read_text()):
            if module.split(".")[0] != "models":
                continue
            folder = tree / module.replace(".", "/")
            in_package = folder.is_dir() and not (folder / "__init__.py").is_file() and name
            wanted = f"{module}.{name}" if in_package else module
            if not exists(tree, wanted):
                missing.append(f"{path} imports {wanted}")
    return missing


def has_tests(path: Path) -> bool:
    return path.suffix == ".py" and re.search(r"^def test_", path.read_text(), re.MULTILINE) is not None


def collected(output: str) -> int:
    found = re.search(r"(\d+)(?:/\d+)? tests? collected", output)
    return int(found[1]) if found else 0


def tail(output: str, lines: int = 40) -> str:
    return "\n".join(output.rstrip().splitlines()[-lines:])


def check_packages(python: Interpreter, paths: list[str]) -> None:
    """SystemExit when the interpreter finds a package of the series, or one above, outside the worktree too."""
    names = sorted({str(folder).replace("/", ".") for path in paths for folder in Path(path).parents[:-1]})
    code, output = python.run("-c", OUTSIDE, python.path, *names)
    if code or output:
        first = output.strip().splitlines()[-1 if code else 0]
        raise SystemExit(f"{python.python} does not import this worktree alone: {first}; give another with --python")


def forget_bytecode(tree: Path) -> None:
    """Python takes bytecode for current by second and size, both of which a file of another commit may have."""
    git(tree, "clean", "-q", "-fdx")


def apply(tree: Path, patch: Path, identity: list[str]) -> None:
    git(tree, "-c", "core.hooksPath=/dev/null", *identity, "am", "-q", "--whitespace=nowarn", str(patch.resolve()))


def check_commit(python: Interpreter, patch: Path, identity: list[str]) -> list[str]:
    """Apply one patch, compile what it brings and collect its tests, whose paths it returns.

    SystemExit naming the patch that fails.
    """
    tree = python.tree
    apply(tree, patch, identity)
    forget_bytecode(tree)
    brought = git(tree, "diff", "--name-only", "--diff-filter=d", "-z", "HEAD~1", "HEAD").split("\0")
    paths = [path for path in brought if path.endswith(".py")]
    check_packages(python, paths)
    if paths:
        code, output = python.run("-m", "py_compile", *(str(tree / path) for path in paths))
        if code:
            raise SystemExit(f"{patch.name} does not compile:\n{tail(output)}")
    if missing := missing_imports(tree, paths):
        raise SystemExit(f"{patch.name} does not stand alone: " + "; ".join(missing))
    tests = [path for path in paths if has_tests(tree / path)]
    found = 0
    if tests:
        code, output = python.pytest("--collect-only", *(str(tree / path) for path in tests))
        found = collected(output)
        if code not in (0, NO_TESTS):
            raise SystemExit(f"the tests of {patch.name} cannot be collected:\n{tail(output)}")
    print(f"{patch.name}: applied, {len(paths)} modules compiled, {found} tests collected", flush=True)
    return tests


def selected(wanted: list[str], brought: list[str]) -> list[str]:
    """The test modules of the series that lie in the wanted files and folders. SystemExit naming one without any.

    A folder may hold tests that the checkout has already; how those fare here is not ours to say.
    """
    chosen = []
    for want in wanted:
        inside = [path for path in brought if path == want or path.startswith(f"{want.rstrip('/')}/")]
        if not inside:
            raise SystemExit(f"the series brings no test module in {want}")
        chosen += [path for path in inside if path not in chosen]
    return chosen


def run_tests(python: Interpreter, tests: list[str], some: bool = True) -> bool:
    """Run test modules of the tree and print what came of them; whether none failed, and if `some`, one passed."""
    report = python.scratch / "results.xml"
    report.unlink(missing_ok=True)
    paths = [str(python.tree / test) for test in tests]
    code, output = python.pytest("-m", MARKERS, f"--junitxml={report}", *paths)
    cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    outcomes = [next((child for child in case if child.tag in ("failure", "error", "skipped")), None) for case in cases]
    for case, outcome in zip(cases, outcomes):
        if outcome is not None and outcome.tag != "skipped":
            reason = (outcome.get("message") or "").splitlines() or [""]
            print(f"{outcome.tag}: {case.get('classname')}::{case.get('name')}: {reason[0]}")
    tags = [outcome.tag if outcome is not None else "passed" for outcome in outcomes]
    failed = tags.count("failure") + tags.count("error")
    none = report.exists() and code in (0, NO_TESTS) and not failed
    good = code == 0 and "passed" in tags or none and not some
    if not good and not failed:
        print(tail(output))
    print(f"{tags.count('passed')} tests passed, {failed} failed, {tags.count('skipped')} skipped or expected to fail")
    return good


def run_each(python: Interpreter, commits: list[tuple[str, str, list[str]]], wanted: list[str]) -> bool:
    """At each commit, run the tests that it brings and those of earlier ones that lie in `wanted`.

    commits: (hash, name, test modules that it brings). Goes on after a commit whose tests fail, so that all are named.
    """
    chosen = selected(wanted, [path for _, _, brought in commits for path in brought])
    earlier: list[str] = []
    failed = []
    for commit, name, brought in commits:
        git(python.tree, "-c", "core.hooksPath=/dev/null", "checkout", "-q", "--detach", commit)
        forget_bytecode(python.tree)
        again = [path for path in earlier if path in chosen and path not in brought]
        print(f"{name}: {len(brought) or 'no'} test modules of its own, {len(again)} of earlier commits", flush=True)
        # Its own may all be skipped, for want of a package; some test of the series has to pass at the end.
        last = commit == commits[-1][0]
        if (brought or again or last) and not run_tests(python, [*brought, *again], some=last):
            failed.append(name)
        earlier += [path for path in brought if path not in earlier]
    if failed:
        print(f"tests fail at {', '.join(failed)}")
    return not failed


def check(request: Request, tests: Iterable[str], each: bool = False) -> bool:
    """Whether each patch applies and stands alone, the hooks change nothing, and the tests pass after the last one.

    Prints what it finds. each: run tests after every patch, those it brings too.
    """
    start = time.monotonic()
    identity = ["-c", f"user.name={request.name}", "-c", f"user.email={request.email}", "-c", "commit.gpgsign=false"]
    with clean_worktree(request.checkout) as tree, TemporaryDirectory() as scratch:
        interpreter = Interpreter(request.python, tree, Path(scratch), request.ours)
        for patch in request.below:
            apply(tree, patch, identity)
        base = git(tree, "rev-parse", "HEAD").strip()
        commits = []
        for patch in request.patches:
            brought = check_commit(interpreter, patch, identity)
            commits.append((git(tree, "rev-parse", "HEAD").strip(), patch.name, brought))
        paths = git(tree, "diff", "--name-only", "--diff-filter=d", base, "HEAD", "--", "*.py").split()
        changed = run_hooks(tree, paths)
        print("\n".join(changed))
        if each:
            good = run_each(interpreter, commits, list(tests))
        else:
            chosen = selected(list(tests), [path for _, _, brought in commits for path in brought])
            good = run_tests(interpreter, chosen)
    seconds = time.monotonic() - start
    print(
        f"{len(request.patches)} patches applied; hooks {'FAILED' if changed else 'passed'}; "
        f"tests {'passed' if good else 'FAILED'}; {seconds:.0f} s; {request.checkout} is clean"
    )
    return good and not changed
