# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An engine does not outlive a server that was killed; here both are bare processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("vllm")

ENGINE = """
import atexit, multiprocessing, signal, sys, time
from models.demos.wormhole.bge_large_en.vllm_plugin.engine import parent_watch

def engine(closes):
    if closes:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        parent_watch.GRACE_S = 1
    parent_watch.end_with_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(300)

if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=engine, args=(sys.argv[2] == "closes",))
    process.start()
    process.join()
"""


@pytest.mark.parametrize("start, how", [("fork", "closes"), ("spawn", "hangs")])
def test_it_ends_when_its_parent_is_killed(tmp_path, vllm_environment, start, how):
    script = tmp_path / "server.py"
    script.write_text(ENGINE)
    command = [sys.executable, str(script), start, how]
    with subprocess.Popen(command, env=vllm_environment, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(next(line for line in parent.stdout if line.strip().isdigit()))
        time.sleep(1)
        assert os.path.exists(f"/proc/{pid}"), "while its parent lives, so does the engine"
        parent.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 60
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not os.path.exists(f"/proc/{pid}")
