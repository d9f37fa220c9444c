# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""An API server with engines on other machines (--data-parallel-address) ends when one of them is lost.

vLLM 0.25.1 watches the processes of its own machine alone: what was sent to an engine elsewhere waits for ever, so does
every later request that is its turn, and /health stays 200. A killed process closes its connections; of a machine that
is silent the heartbeats tell.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import psutil
import zmq
from vllm.logger import init_logger
from zmq.utils.monitor import parse_monitor_message

from models.demos.wormhole.bge_large_en.vllm_plugin.options import FRONT_KEY

if TYPE_CHECKING:
    from vllm.config import VllmConfig

logger = init_logger("vllm.tt_pooling.remote_engines")

HEARTBEAT_S, SILENT_S = 3, 10


def expect_remote_engines(vllm_config: "VllmConfig") -> None:
    """For a configuration with engines elsewhere: heartbeats, and the engines are told where their API server is."""
    parallel = vllm_config.parallel_config
    local = getattr(parallel, "data_parallel_size_local", None) or parallel.data_parallel_size
    if local >= parallel.data_parallel_size or getattr(parallel, "local_engines_only", False):
        return
    vllm_config.additional_config = {
        **(vllm_config.additional_config or {}),
        FRONT_KEY: parallel.data_parallel_master_ip,
    }
    _send_heartbeats()


def _send_heartbeats() -> None:
    """On the sockets of engine clients and of a coordinator that is forked that are made after this; safe to repeat."""
    from vllm.v1.engine import coordinator, core_client

    make = getattr(core_client.make_zmq_socket, "__wrapped__", core_client.make_zmq_socket)

    @wraps(make)
    def make_with_heartbeats(ctx, path, *args, **kwargs):
        if path.startswith("tcp://"):
            ctx.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_S * 1000)
            ctx.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENT_S * 1000)
            ctx.setsockopt(zmq.HEARTBEAT_TTL, SILENT_S * 1000)  # of the other side, that waits for this one
        return make(ctx, path, *args, **kwargs)

    core_client.make_zmq_socket = coordinator.make_zmq_socket = make_with_heartbeats


def watch(engine: Any, stopping: Callable[[], bool]) -> "asyncio.Task[None] | None":
    """In the event loop of a server that serves: see the module. None where all engines are here.

    stopping: whether the server was told to stop, when engines may go.
    """
    core = getattr(engine, "engine_core", None)
    if core is None or FRONT_KEY not in (engine.vllm_config.additional_config or {}):
        return None
    return asyncio.ensure_future(_end_when_one_is_lost(core, stopping))


async def _end_when_one_is_lost(core: Any, stopping: Callable[[], bool]) -> None:
    monitor = core.input_socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        engines = _connections(core.input_socket)
        while len(engines) >= len(core.core_engines):
            # Who else connects and goes, as a scanner of ports does, is none of them.
            gone = parse_monitor_message(await monitor.recv_multipart())["value"]
            if gone in engines:
                break
    finally:
        monitor.close(0)
    if stopping() or core.resources.engine_dead:
        return
    logger.critical("The connection to an engine is lost: the server ends, since what it was sent has no answer")
    # As vLLM does when a process of its own dies.
    core.resources.engine_dead = True
    threading.Thread(target=core.shutdown, daemon=True, name="remote engine lost").start()


def _connections(bound: zmq.Socket) -> set[int]:
    """File descriptors of what is connected to a TCP socket of this process."""
    port = int(bound.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
    found = psutil.Process().net_connections("tcp")
    return {c.fd for c in found if c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED}
