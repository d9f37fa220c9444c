# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A worktree of a checkout that is gone afterwards, and a Python that sees it and the emulated Wormhole alone."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from git_command import git

EMULATION = "models/emulated_wormhole"
PLUGIN = "models.emulated_wormhole.pytest_plugin"
STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait until the block is over, here and in its child processes."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def stop(number: int, _) -> None:
    raise SystemExit(128 + number)


@contextmanager
def clean_worktree(checkout: Path) -> Iterator[Path]:
    """A detached worktree of HEAD, removed however the block ends. SystemExit when the checkout is not as it was."""
    before = git(checkout, "status", "--porcelain")
    handlers = {number: signal.signal(number, stop) for number in STOPS}
    scratch = TemporaryDirectory()
    tree = Path(scratch.name).resolve() / "tree"
    try:
        with scratch:
            try:
                with held():  # half a worktree could not be removed
                    git(checkout, "-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "--detach", str(tree))
                yield tree
            finally:
                with held():
                    if tree.exists():
                        git(checkout, "worktree", "remove", "--force", str(tree))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        # Of the list only our own entry: another check may run on the same checkout.
        left = str(tree) in git(checkout, "worktree", "list", "--porcelain")
        if left or git(checkout, "status", "--porcelain") != before:
            raise SystemExit(f"{checkout} is not as it was: see git status and git worktree list")


class Interpreter:
    """A python run for a worktree: PYTHONPATH is the tree and the emulation, and the current directory is empty.

    Empty because ttnn's wheel, inside a tt-metal tree, reads that tree's files in place of its own.
    """

    def __init__(self, python: str, tree: Path, scratch: Path, ours: Path | None):
        self.python, self.tree, self.scratch = python, tree, scratch
        self.folder = scratch / "empty"
        self.folder.mkdir()
        self.emulated = ours is not None and (ours / EMULATION).is_dir()
        beside = scratch / "beside"
        if ours is not None and self.emulated:  # a copy: nothing else of this repository may be imported
            shutil.copytree(ours / EMULATION, beside / EMULATION, ignore=shutil.ignore_patterns("tests", "__pycache__"))
        self.path = os.pathsep.join(map(str, [tree, beside]))
        self.env = {**os.environ, "PYTHONPATH": self.path}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output (both streams). The process and those it started are ended when this is interrupted."""
        log = self.scratch / "output.txt"
        command = [self.python, *arguments]
        with log.open("w") as out, held():
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.env,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS),
            )
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
                process.wait()
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
                try:
                    os.killpg(process.pid, signal.SIGKILL)  # with what it left running
                except ProcessLookupError:
                    pass
                process.wait()
        return process.returncode, log.read_text(errors="replace")

    def pytest(self, *arguments: str) -> tuple[int, str]:
        plugin = ["-p", PLUGIN] if self.emulated else []
        home = ["--rootdir", str(self.tree), "-c", str(self.tree / "pytest.ini"), "-p", "no:cacheprovider"]
        return self.run("-m", "pytest", *home, *plugin, *arguments)
