# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The watchdog in processes of its own: what hangs ends them, and nothing else does."""

import signal
import threading
import time

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.hardening import stalls  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.watchdog import STALLED, Watchdog  # noqa: E402


@pytest.fixture
def outcome(vllm_environment, tmp_path):
    """Function from the name of a function of stalls.py to the exit status and the output of a process that runs it."""

    def run(name: str) -> tuple[int, str]:
        code = f"from {stalls.__name__} import {name}; {name}()"
        done = run_forked(name, [], vllm_environment, tmp_path, code=code)
        return done.returncode, done.stdout + done.stderr

    return run


def test_what_hangs_is_named_with_its_stack_and_ends_the_process(outcome):
    count("faults injected")
    status, output = outcome("hangs")
    assert status == STALLED
    assert "No answer from the device for 0.3 s: requests ['a', 'b']" in output and "in hangs" in output


def test_what_hangs_with_pythons_lock_held_ends_too(outcome):
    count("faults injected")
    status, output = outcome("hangs_in_c")
    assert status == -signal.SIGALRM and "in hangs_in_c" in output


def test_progress_ends_and_repeats_do_not(outcome):
    """Longer in all than the limit, but never without progress for so long; nor does time between limits count."""
    status, output = outcome("works")
    assert status == 0, output


def test_a_process_of_the_users_is_left_alone():
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    watchdog = Watchdog()
    with watchdog.limit(0.01, str):
        assert watchdog._thread is None and signal.getsignal(signal.SIGALRM) == before[0]
        time.sleep(0.05)


def test_one_thread_for_all_limits(outcome):
    status, output = outcome("counts_threads")
    assert status == 0, output
    assert "tt-watchdog" not in [thread.name for thread in threading.enumerate()]
