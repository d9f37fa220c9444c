# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Machines as network namespaces on one bridge, which nothing else reaches: a node's processes have its address alone."""

import ctypes
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

CLONE_NEWNET = 0x40000000
# Run in a namespace, in a process that does nothing else yet.
ENTER = """
import ctypes, os, runpy
assert ctypes.CDLL(None, use_errno=True).setns(os.open({path!r}, os.O_RDONLY), 0x40000000) == 0
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


class Network:
    """addresses: of each machine by its name; the first has the bridge. All in 10.0.0.0/24."""

    def __init__(self, addresses: dict[str, str]):
        self.addresses = addresses
        self._names = {name: f"bge-{os.getpid()}-{name}" for name in addresses}

    def __enter__(self) -> "Network":
        for name in self._names.values():
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        (first, address), *others = self.addresses.items()
        bridge = self._names[first]
        _ip("-n", bridge, "link", "add", "machines", "type", "bridge")
        _ip("-n", bridge, "addr", "add", f"{address}/24", "dev", "machines")
        _ip("-n", bridge, "link", "set", "machines", "up")
        for index, (name, address) in enumerate(others):
            space = self._names[name]
            _ip("-n", bridge, "link", "add", f"port{index}", "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", bridge, "link", "set", f"port{index}", "master", "machines", "up")
            _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
        return self

    def __exit__(self, *_) -> None:
        for name in self._names.values():
            for pid in self._pids(name):
                _kill(pid)
            _ip("netns", "del", name)

    def _pids(self, space: str) -> list[int]:
        found = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, timeout=30)
        return [int(pid) for pid in found.stdout.split()]

    def pids(self, name: str) -> list[int]:
        return self._pids(self._names[name])

    def prefix(self, name: str) -> list[str]:
        """Words before a command that runs it on that machine."""
        return ["ip", "netns", "exec", self._names[name]]

    def code(self, name: str, module: str) -> str:
        """For ForkedProcess: `python -m module` on that machine."""
        return ENTER.format(path=f"/run/netns/{self._names[name]}", module=module)

    def kill(self, name: str) -> None:
        """All of a machine's processes at once, as when its power goes, but that its connections are closed."""
        for pid in self.pids(name):
            _kill(pid)
        while self.pids(name):  # until then it takes connections
            time.sleep(0.01)

    def cut(self, name: str) -> None:
        """Its cable: what it has sent arrives, nothing after."""
        _ip("-n", self._names[name], "link", "set", "eth0", "down")

    def on(self, name: str, function: Callable[[], Any]) -> Any:
        """What the function returns, in a thread of that machine: the sockets that it opens are the machine's."""
        found: list[Any] = []

        def run() -> None:
            space = os.open(f"/run/netns/{self._names[name]}", os.O_RDONLY)
            try:
                assert ctypes.CDLL(None, use_errno=True).setns(space, CLONE_NEWNET) == 0, os.strerror(
                    ctypes.get_errno()
                )
                found.append(function())
            finally:
                os.close(space)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert found, "see the thread's traceback"
        return found[0]

    def listening(self, name: str) -> set[tuple[str, int]]:
        """(address, port) of the TCP sockets that listen there."""
        lines = subprocess.run(
            [*self.prefix(name), "cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True, timeout=30
        ).stdout.splitlines()
        rows = [line.split() for line in lines if line.strip() and line.split()[0] != "sl"]
        return {_address(row[1]) for row in rows if row[3] == "0A"}


def why_not() -> str | None:
    """Why no namespaces can be made here."""
    if shutil.which("ip") is None:
        return "no `ip` on this machine (Debian: apt-get install iproute2)"
    name = f"bge-{os.getpid()}-try"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=30)
    if tried.returncode != 0:
        return f"no network namespaces here: {tried.stderr.strip()[:200]}"
    _ip("netns", "del", name)
    return None


def _address(text: str) -> tuple[str, int]:
    """Of /proc/net/tcp: bytes of the address in the host's order."""
    host, _, port = text.partition(":")
    if len(host) > 8:
        return f"[{host}]", int(port, 16)
    return ".".join(str(int(host[i : i + 2], 16)) for i in (6, 4, 2, 0)), int(port, 16)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (words, done.stderr)
