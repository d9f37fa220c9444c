# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An engine that is forked holds a copy of the socket that its API server has bound: with it the port would stay taken
until the engine of a server that was killed has closed its device."""

import contextlib
import multiprocessing
import os
import socket
import stat

from models.demos.wormhole.bge_large_en.vllm_plugin.quick_exit import ENGINE


def leave_it() -> None:
    """In a process of vLLM's for an engine: close what is bound to an address and is neither listening nor connected.

    vLLM 0.25.1 binds before the engine starts and listens when the engine is ready; the engine's own sockets, of ZeroMQ,
    are one or the other by then.
    """
    if not multiprocessing.current_process().name.startswith(ENGINE):
        return
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.stat(int(name)).st_mode) and _only_bound(int(name)):
                os.close(int(name))


def _only_bound(descriptor: int) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if found.type != socket.SOCK_STREAM or found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        if found.family in (socket.AF_INET, socket.AF_INET6):
            bound = found.getsockname()[1] != 0
        else:
            bound = found.family == socket.AF_UNIX and bool(found.getsockname())
        try:
            found.getpeername()
        except OSError:
            return bound
        return False
