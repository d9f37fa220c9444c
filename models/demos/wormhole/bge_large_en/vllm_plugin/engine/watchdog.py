# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Ends an engine's process whose device does not answer: the API server then fails what waits, and ends as well."""

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vllm.logger import init_logger

logger = init_logger("vllm.tt_pooling.watchdog")

STALLED = 70  # exit status: EX_SOFTWARE of sysexits.h
POLL_S = 0.5
# Seconds after which the kernel ends a process whose threads can't run, because what hangs holds Python's lock.
HARD_LIMIT_S = 5


class Watchdog:
    """One thread that looks at a clock twice a second; to begin and to end a limit is a system call.

    Only for a process of vLLM's own. In one that a user started (offline, without an engine process) it does nothing.
    """

    def __init__(self, end: Callable[[], None] | None = None):
        """end: called, in the thread, when a limit is over; by default the process ends with status STALLED."""
        self._end = end or _end_process
        self._works = end is not None or multiprocessing.parent_process() is not None
        self._thread: threading.Thread | None = None
        self._deadline: float | None = None  # of time.monotonic
        self._seconds = 0.0
        self._what: Callable[[], str] = str
        self._stopped = threading.Event()

    @contextmanager
    def limit(self, seconds: float, what: Callable[[], str]) -> Iterator[None]:
        """End the process if what is within takes longer; 0 is no limit. what: called then, for the log."""
        if not seconds or not self._works:
            yield
            return
        self._start()
        self._seconds, self._what = seconds, what
        self._wind(seconds)
        try:
            yield
        finally:
            self._deadline = None
            signal.setitimer(signal.ITIMER_REAL, 0)

    def progress(self) -> None:
        """Begin the limit anew, if there is one: a part of what it is for is done."""
        if self._deadline is not None:
            self._wind(self._seconds)

    def stop(self) -> None:
        """End the thread; safe to call again."""
        self._stopped.set()

    def _wind(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds + HARD_LIMIT_S)

    def _start(self) -> None:
        if self._thread is not None:
            return
        # Written in C: prints the stacks without Python's lock, then hands on to the default, which is to terminate.
        faulthandler.register(signal.SIGALRM, all_threads=True, chain=True)
        self._thread = threading.Thread(target=self._watch, name="tt-watchdog", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(POLL_S):
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._deadline = None
                logger.critical("No answer from the device for %g s: %s", self._seconds, self._what())
                self._end()


def _end_process() -> None:
    faulthandler.dump_traceback(all_threads=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STALLED)  # nothing else: whatever would be closed waits for the device
