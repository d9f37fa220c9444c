# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The end of an engine that was told to stop, which two threads of vLLM's wait for: its monitor and the one that stops it.

multiprocessing lets one of two that ask at a time have a process's exit status. The other takes the process for alive:
vLLM 0.25.1 and 0.33 then write that they kill what has ended by itself.
"""

from multiprocessing import connection


def leave_them_to_who_stops() -> None:
    """Have vLLM's monitor ask for the status of an engine only where nobody has told that to stop; safe to call again."""
    from vllm.v1.engine.utils import CoreEngineProcManager

    vllms = getattr(CoreEngineProcManager, "monitor_engine_liveness", None)  # not in the fork
    if vllms is None or vllms.__module__ == __name__:
        return

    def monitor_engine_liveness(self):
        sentinels = self.sentinels()
        while not self.manager_stopped.is_set() and not connection.wait(sentinels, timeout=1):
            pass
        if not self.manager_stopped.is_set():
            vllms(self)

    CoreEngineProcManager.monitor_engine_liveness = monitor_engine_liveness
