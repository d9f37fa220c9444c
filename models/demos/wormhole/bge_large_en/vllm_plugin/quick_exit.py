# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The end of a process that has closed what it had, without the interpreter's.

Freeing its 700,000 objects one by one takes a process of vLLM 0.25.1 3 s of processor time, and a stop has a limit.
"""

import atexit
import ctypes
import multiprocessing
import os
import sys
from contextlib import suppress

ENGINE = "EngineCore"  # what vLLM names the processes of its engines, and one of several EngineCore_DP1


def quick_exit(*, had_device: bool = False) -> None:
    """Does not return. As sys.exit(0), with Python's exit functions, but memory is the system's to take.

    had_device: C's exit functions run, among which are those of a device's driver, in the place of Python's, which in an
    engine that is forked are those of the server. May itself be an exit function: it is then the last one that runs, if
    it was registered last.
    """
    if not had_device:
        atexit.unregister(quick_exit)
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    if had_device:
        # With Python's lock held: no thread of Python meets what is taken down.
        ctypes.PyDLL(None).exit(0)
    os._exit(0)


def stops_as_told() -> bool:
    """Whether this is a process of vLLM's for an engine, and a SystemExit with status 0 is ending it."""
    ending, name = sys.exc_info()[1], multiprocessing.current_process().name
    return name.startswith(ENGINE) and isinstance(ending, SystemExit) and not ending.code
