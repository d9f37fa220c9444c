# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""SIGTERM before a server is ready, in processes that do nothing else; a real server: test_stopping.py."""

import multiprocessing
import os
import signal
import time

import pytest

pytest.importorskip("vllm")

from vllm.utils.network_utils import zmq_socket_ctx  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.engine.early_stop import VLLMS, EarlyStop  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.start import stop_when_told  # noqa: E402


def warm_up(ready, closed) -> None:
    """Shapes of a tenth of a second."""
    stop = EarlyStop()
    stop.listen()
    try:
        ready.set()
        for _ in range(100):
            time.sleep(0.1)
            stop.check()
    except SystemExit:
        closed.set()
        raise


def taken_over(ready, closed) -> None:
    """Told while it starts, and vLLM's own handler comes before the next check."""
    stop = EarlyStop()
    stop.listen()
    ready.set()
    while not stop.asked:
        time.sleep(0.01)
    told: list = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    while not told:
        time.sleep(0.01)
    closed.set()
    os._exit(0)


def handed_over(ready, closed) -> None:
    """Told once it has started, by a vLLM that listened before and does not again; the server's handler is another."""
    told: list = []

    def vllms(*_):
        told.append(True)

    signal.signal(signal.SIGTERM, lambda *_: None)
    servers = EarlyStop()
    servers.listen()
    servers.hand_over()
    assert signal.getsignal(signal.SIGTERM) == servers._take  # not back to what is no engine's
    vllms.__module__ = VLLMS
    signal.signal(signal.SIGTERM, vllms)
    stop = EarlyStop()
    stop.listen()
    stop.hand_over()
    ready.set()
    while not told:
        time.sleep(0.01)
    closed.set()
    os._exit(0)


@pytest.mark.parametrize("work", [warm_up, taken_over, handed_over])
def test_an_engine_that_starts_ends_where_it_can_close(work):
    context = multiprocessing.get_context("fork")
    ready, closed = context.Event(), context.Event()
    process = context.Process(target=work, args=(ready, closed))
    process.start()
    assert ready.wait(10)
    os.kill(process.pid, signal.SIGTERM)
    process.join(5)
    assert process.exitcode == 0 and closed.is_set()


def test_in_a_process_of_the_users_no_signal_is_taken():
    before = signal.getsignal(signal.SIGTERM)
    EarlyStop().listen()
    assert signal.getsignal(signal.SIGTERM) is before


def _interrupt_init(*_) -> None:  # vLLM's name for it
    raise KeyboardInterrupt("terminated")


@pytest.mark.parametrize("mended", [True, False])
def test_a_server_that_waits_for_its_engine_ends(tmp_path, mended):
    """When the second fails: vLLM no longer takes the signal for the end of its wait, and stop_when_told can go."""
    before = signal.signal(signal.SIGTERM, _interrupt_init)
    ended = False
    try:
        if mended:
            stop_when_told()
        with zmq_socket_ctx(f"ipc://{tmp_path}/socket", 6):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
    except SystemExit as stopped:
        ended = stopped.code == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended is mended
