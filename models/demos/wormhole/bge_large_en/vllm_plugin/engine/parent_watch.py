# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An engine ends with the API server that started it. vLLM 0.25.1's waits for ever, and keeps its device, when that was
killed: a server started anew could not open it. One on another machine (--headless) goes on too, and a server started
anew waits for it: it does not say hello again."""

import multiprocessing
import os
import signal
import threading
import time

import psutil
from vllm.logger import init_logger

logger = init_logger("vllm.tt_pooling.parent_watch")

INTERVAL_S = 0.5
GRACE_S = 10.0  # to close the device
LOST_S = 10.0  # with fewer connections to the API server's machine than there were


def end_with_parent() -> None:
    """In a process that multiprocessing has started: SIGTERM to it when its parent is gone, and if it still runs
    GRACE_S later, exit status 1. Does nothing in others, as where a user runs the engine in a process of their own."""
    if multiprocessing.parent_process() is None:
        return
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True, name="parent watch").start()


def end_with_front(address: str | None) -> None:
    """The same for an engine whose API server is at `address`, once it has lost connections there for LOST_S."""
    if address is not None:
        threading.Thread(target=_watch_front, args=(address,), daemon=True, name="front watch").start()


def _watch(parent: int) -> None:
    # Not the pipe that multiprocessing has for this: engines started by fork hold each other's ends.
    while os.getppid() == parent:
        time.sleep(INTERVAL_S)
    _end("The API server (process %d) is gone: the engine ends", parent)


def _watch_front(address: str) -> None:
    # Connections: those of the server, and those of its coordinator, which may outlast a silent machine.
    usual = count = 0
    since = time.monotonic()
    while True:
        found = psutil.Process().net_connections("tcp")
        now = sum(bool(c.raddr) and c.raddr.ip == address and c.status == psutil.CONN_ESTABLISHED for c in found)
        if now != count:
            count, since = now, time.monotonic()
        elif time.monotonic() - since >= LOST_S:
            if count < usual:
                break
            usual = count
        time.sleep(4 * INTERVAL_S)
    _end("Connections to the API server's machine, %s, are lost: the engine ends", address)


def _end(message: str, of: int | str) -> None:
    logger.critical(message, of)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
