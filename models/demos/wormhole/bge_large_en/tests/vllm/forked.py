# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Python processes that have imported what vLLM imports of others, forked from one that did so once.

Most of what a start of vLLM takes (12 of 15 s of processor time) are torch's compiler, transformers and the like.
vLLM, its plugins and all that is ours are imported in each process, after its environment is set.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

BEFOREHAND = [
    "torch._inductor.lowering",
    "torch._inductor.standalone_compile",
    "transformers.models.auto.image_processing_auto",
    "transformers.processing_utils",
    "scipy.signal",
    "fastapi",
    "openai",
    "uvicorn",
]
_CONTEXT = multiprocessing.get_context("forkserver")


class ForkedProcess:
    """`python -m module *arguments` in a session of its own; of subprocess.Popen what tests of servers use.

    code: Python that runs in place of a module. output, errors: files that are written; errors None for output too.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: dict[str, str],
        output: Path,
        errors: Path | None = None,
        code: str | None = None,
    ):
        _CONTEXT.set_forkserver_preload(BEFOREHAND)
        given = (module, code, list(arguments), environment, str(output), errors and str(errors))
        # vLLM prints the name of a process before each line that is not of the main one.
        self._process = _CONTEXT.Process(target=_run, args=given, name="MainProcess")
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def run_forked(
    module: str, arguments: Sequence[str], environment: dict[str, str], folder: Path, code: str | None = None
) -> subprocess.CompletedProcess:
    """What subprocess.run() of `python -m module *arguments` returns, or of `python -c code *arguments`.

    folder: where two files with the output are left. TimeoutExpired after 10 minutes.
    """
    files = [folder / f"{module}.{len(list(folder.iterdir()))}.{stream}" for stream in ("out", "err")]
    process = ForkedProcess(module, arguments, environment, *files, code=code)
    try:
        status = process.wait(600)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, status, *(file.read_text() for file in files))


def _run(module: str, code: str | None, arguments: list[str], environment: dict, output: str, errors: str | None):
    os.setsid()
    for stream, path in ((1, output), (2, errors)):
        if path is None:
            os.dup2(1, stream)
            continue
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(opened, stream)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.argv = [module, *arguments]
    try:
        if code is None:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except Exception:
        sys.excepthook(*sys.exc_info())  # multiprocessing would print a traceback, whatever was hooked
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out, and waits for ever for an engine that one of them stops
