# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""vLLM's monitor of engines over a double of a process: who asks for its exit status."""

import os
from threading import Event, Thread
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from vllm.v1.engine.utils import CoreEngineProcManager  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.engine_ends import leave_them_to_who_stops  # noqa: E402


class Process:
    """Ends when its pipe is closed."""

    name = "EngineCore"

    def __init__(self):
        self.sentinel, self._writing = os.pipe()
        self.asked = 0

    @property
    def exitcode(self) -> int:
        self.asked += 1
        return 1

    def end(self) -> None:
        os.close(self._writing)


@pytest.mark.parametrize("told", [True, False], ids=["told to stop", "dies"])
def test_the_status_of_an_engine_that_was_told_to_stop_is_left_to_who_told(monkeypatch, told):
    monkeypatch.setattr(CoreEngineProcManager, "monitor_engine_liveness", CoreEngineProcManager.monitor_engine_liveness)
    leave_them_to_who_stops()
    leave_them_to_who_stops()
    process, shutdowns = Process(), []
    manager = SimpleNamespace(
        processes=[process],
        sentinels=lambda: [process.sentinel],
        manager_stopped=Event(),
        failed_proc_name=None,
        shutdown=lambda: shutdowns.append(1),
    )
    monitor = Thread(target=CoreEngineProcManager.monitor_engine_liveness, args=(manager,))
    monitor.start()
    if told:
        manager.manager_stopped.set()
    process.end()
    monitor.join(10)
    assert not monitor.is_alive()
    os.close(process.sentinel)
    if told:
        assert process.asked == 0 and not shutdowns and manager.failed_proc_name is None
    else:
        assert process.asked == 1 and shutdowns and manager.failed_proc_name == "EngineCore"
