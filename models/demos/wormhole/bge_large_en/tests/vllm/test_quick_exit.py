# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The quick end of a process that was told to stop: what still runs, with which status; no server, no device."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import start  # noqa: E402

SERVER = "sys.excepthook = start.report\n"
ENDS = {  # what a process does last, what it has done then ("freed" by an interpreter that ends as it does), its status
    "not a server": ("start.end_quickly()", "closed freed", 0),
    "stopped": (SERVER + "start.end_quickly()", "closed", 0),
    "stopped while it starts": (SERVER + "start._stop()", "closed", 0),
    "a user's error": (SERVER + "start.end_quickly()\nraise ValueError('wrong')", "closed freed", 1),
    "an error of ours": (SERVER + "start.end_quickly()\nraise RuntimeError('ours')", "closed freed", 1),
}
ENDING = """
import atexit, json, os, sys
from vllm.platforms import current_platform
current_platform.device_type  # is what imports it
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import start

class Freed:
    def __init__(self, write=os.write): self.write = write
    def __del__(self): self.write(1, b" freed")

for name, (work, _, _) in json.loads(sys.argv[1]).items():
    process = os.fork()
    if process == 0:
        kept = Freed()
        atexit.register(os.write, 1, f"\\n{name}: closed".encode())
        exec(work)
        break
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.write(1, f" {status}\\n".encode())
"""


def test_a_server_that_was_stopped_leaves_its_memory_to_the_system():
    command = [sys.executable, "-c", ENDING, json.dumps(ENDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    for name, (_, said, status) in ENDS.items():
        assert f"{name}: {said} {status}\n" in done.stdout, done.stdout + done.stderr[-3000:]


ENGINES = [  # name of a process, executor, status that is ending it, status with which it ends; 7: it went on
    ("EngineCore", "uni", 0, 0),
    ("EngineCore_DP1", "uni", 0, 0),
    ("EngineCore", "uni", 1, 7),
    ("EngineCore", "mp", 0, 7),
    ("a user's", "uni", 0, 7),
]
# A worker without a device shuts down while SystemExit is on its way.
SHUTTING_DOWN = """
import atexit, json, multiprocessing, os, sys
from types import SimpleNamespace
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

for name, backend, status, _ in json.loads(sys.argv[1]):
    process = os.fork()
    if process == 0:
        atexit.register(os._exit, 8)  # as the server's, which a forked engine has too
        multiprocessing.current_process().name = name
        worker = object.__new__(TTPoolingWorker)
        worker.parallel_config = SimpleNamespace(distributed_executor_backend=backend)
        try:
            raise SystemExit(status)
        finally:
            worker.shutdown()
            os._exit(7)
    print("ENDED", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


def test_an_engine_that_was_told_to_stop_ends_once_its_device_is_closed(vllm_environment, tmp_path):
    done = run_forked("engines", [json.dumps(ENGINES)], vllm_environment, tmp_path, code=SHUTTING_DOWN)
    found = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("ENDED ")]
    assert found == [expected for *_, expected in ENGINES], done.stdout + done.stderr[-3000:]


def test_no_exit_function_is_left_here():
    start.end_quickly()  # pytest's process is not a server's: its status is its own
    assert sys.excepthook is not start.report
