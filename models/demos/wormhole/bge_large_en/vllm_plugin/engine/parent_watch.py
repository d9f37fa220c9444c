# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An engine ends with the API server that started it. vLLM 0.25.1's waits for ever, and keeps its device, when that was
killed: a server started anew could not open it."""

import multiprocessing
import os
import signal
import threading
import time

from vllm.logger import init_logger

logger = init_logger("vllm.tt_pooling.parent_watch")

INTERVAL_S = 0.5
GRACE_S = 10.0  # to close the device


def end_with_parent() -> None:
    """In a process that multiprocessing has started: SIGTERM to it when its parent is gone, and if it still runs
    GRACE_S later, exit status 1. Does nothing in others, as where a user runs the engine in a process of their own."""
    if multiprocessing.parent_process() is None:
        return
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True, name="parent watch").start()


def _watch(parent: int) -> None:
    # Not the pipe that multiprocessing has for this: engines started by fork hold each other's ends.
    while os.getppid() == parent:
        time.sleep(INTERVAL_S)
    logger.critical("The API server (process %d) is gone: the engine ends", parent)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
