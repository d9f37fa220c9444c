# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What test_watchdog.py runs in child processes."""

import ctypes
import threading
import time

from models.demos.wormhole.bge_large_en.vllm_plugin.engine import watchdog
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.watchdog import Watchdog


def hangs() -> None:
    with Watchdog().limit(0.3, lambda: "requests ['a', 'b']"):
        time.sleep(3600)


def hangs_in_c() -> None:
    watchdog.HARD_LIMIT_S = 1
    with Watchdog().limit(0.3, str):
        ctypes.PyDLL(None).sleep(3600)  # unlike CDLL, without releasing the lock


def works() -> None:
    watchdog.POLL_S, watchdog.HARD_LIMIT_S = 0.05, 0.5
    dog = Watchdog()
    with dog.limit(2, str):
        for _ in range(10):
            time.sleep(0.5)
            dog.progress()
    dog.progress()
    time.sleep(3)
    with dog.limit(0, str):
        time.sleep(1)


def counts_threads() -> None:
    dog = Watchdog()
    for _ in range(1000):
        with dog.limit(60, str):
            pass
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("tt-watchdog") == 1, names
    dog.stop()
