# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The end of a process that has closed what it had, without the interpreter's.

Freeing its 700,000 objects one by one takes a process of vLLM 0.25.1 3 s of processor time, and a stop has a limit.
"""

import atexit
import ctypes
import multiprocessing
import sys
from contextlib import suppress

ENGINE = "EngineCore"  # what vLLM names the processes of its engines, and one of several EngineCore_DP1


def quick_exit(status: int = 0) -> None:
    """Does not return. As sys.exit, with the exit functions of Python and of C, but memory is the system's to take.

    May itself be an exit function: it is then the last one that runs, if it was registered last.
    """
    atexit.unregister(quick_exit)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    # With Python's lock held: no thread of Python meets what C's exit functions take down.
    ctypes.PyDLL(None).exit(status)


def stops_as_told() -> bool:
    """Whether this is a process of vLLM's for an engine, and a SystemExit with status 0 is ending it."""
    ending, name = sys.exc_info()[1], multiprocessing.current_process().name
    return name.startswith(ENGINE) and isinstance(ending, SystemExit) and not ending.code
