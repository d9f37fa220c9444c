# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An engine does not outlive a server that was killed; here both are bare processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial

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


FAR = """
import signal, socket, sys, time
from models.demos.wormhole.bge_large_en.vllm_plugin.engine import parent_watch

parent_watch.LOST_S = 1
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
parent_watch.end_with_front("127.0.0.1")
if sys.argv[1] != "never":
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True)
time.sleep(60)
"""


def test_it_ends_when_its_server_on_another_machine_is_gone(tmp_path, vllm_environment):
    """And not before it has met one: the connection may take its time."""
    script = tmp_path / "engine.py"
    script.write_text(FAR)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        start = partial(subprocess.Popen, env=vllm_environment, stdout=subprocess.PIPE, text=True)
        with start([sys.executable, str(script), port]) as engine, start([sys.executable, str(script), "never"]) as new:
            connection, _ = server.accept()
            for process in (engine, new):
                assert "there" in (line.strip() for line in process.stdout)
            time.sleep(5)
            assert engine.poll() is None and new.poll() is None
            connection.close()
            assert engine.wait(30) == 7 and new.poll() is None
            new.kill()
