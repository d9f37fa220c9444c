# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""SIGTERM to an engine that still starts. vLLM 0.25.1 listens from the end of the warm-up on: before, the process would
end at once, with its device open. 0.33 listens from the beginning on, but does nothing before that end."""

import multiprocessing
import os
import signal
import threading
import time
from typing import Any

from vllm.logger import init_logger

logger = init_logger("vllm.tt_pooling.early_stop")

AGAIN_S = 0.2
VLLMS = "vllm.v1.engine.core"  # module of vLLM's handler; one of a server that the engine was forked from has another


class EarlyStop:
    """asked: whether the process was told to end before vLLM listened."""

    asked = False
    _vllms: Any = None  # handler

    def listen(self) -> None:
        """From now on, until vLLM takes the signal over; only in a process that multiprocessing has started."""
        if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
            before = signal.signal(signal.SIGTERM, self._take)
            self._vllms = before if getattr(before, "__module__", None) == VLLMS else None

    def hand_over(self) -> None:
        """At the end of the start, to a vLLM that has listened before; another takes over itself."""
        if self._vllms is not None:
            signal.signal(signal.SIGTERM, self._vllms)

    def check(self) -> None:
        """SystemExit if it was told to end: called where the device can be closed."""
        if self.asked:
            logger.info("The engine was told to stop before it was ready")
            raise SystemExit(0)

    def _take(self, *_) -> None:
        if not self.asked:
            self.asked = True
            threading.Thread(target=_again, daemon=True, name="early stop").start()


def _again() -> None:
    """For vLLM's own handler, where it takes over before `check` is called."""
    while True:
        time.sleep(AGAIN_S)
        os.kill(os.getpid(), signal.SIGTERM)
