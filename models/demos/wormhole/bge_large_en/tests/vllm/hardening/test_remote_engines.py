# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A lost connection to an engine of another machine, over bare sockets; whole machines: nodes/test_one_server.py."""

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

import zmq  # noqa: E402
import zmq.asyncio  # noqa: E402
from vllm.utils.network_utils import make_zmq_socket  # noqa: E402
from vllm.v1.engine import coordinator, core_client  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import remote_engines  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.remote_engines import (  # noqa: E402
    expect_remote_engines,
    watch,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.options import FRONT_KEY  # noqa: E402

ADDRESS = "127.0.0.1"


class Core:
    """Of vLLM's client of engines what is used."""

    def __init__(self, context: zmq.asyncio.Context):
        self.input_socket = context.socket(zmq.ROUTER)
        self.port = self.input_socket.bind_to_random_port(f"tcp://{ADDRESS}")
        self.core_engines = [b"0", b"1"]
        self.resources, self.ended = SimpleNamespace(engine_dead=False), threading.Event()

    def shutdown(self):
        self.ended.set()


def lose(stopping: bool, lost: bool = True) -> Core:
    """A server with two engines, one of which goes; and somebody who only looks whether the port is open."""

    async def live() -> Core:
        with zmq.asyncio.Context() as context:
            core = Core(context)
            engines = [context.socket(zmq.DEALER) for _ in range(2)]
            for engine in engines:
                engine.connect(f"tcp://{ADDRESS}:{core.port}")
                await engine.send(b"READY")
                await core.input_socket.recv_multipart()
            config = SimpleNamespace(additional_config={FRONT_KEY: ADDRESS})
            task = watch(SimpleNamespace(engine_core=core, vllm_config=config), lambda: stopping)
            await asyncio.sleep(0.1)
            socket.create_connection((ADDRESS, core.port)).close()
            await asyncio.sleep(0.5)
            assert not task.done()
            if lost:
                engines.pop().close(0)
            await asyncio.wait([task], timeout=2)
            task.cancel()
            await asyncio.wait([task])
            for each in (*engines, core.input_socket):
                each.close(0)
        return core

    return asyncio.run(live())


def test_a_lost_engine_ends_the_client():
    core = lose(stopping=False)
    assert core.resources.engine_dead and core.ended.wait(5)


@pytest.mark.parametrize("stopping, lost", [(True, True), (False, False)])
def test_nothing_ends_while_all_are_there_or_when_the_server_is_told_to_stop(stopping, lost):
    core = lose(stopping, lost)
    assert not core.resources.engine_dead and not core.ended.wait(0.2)


@pytest.mark.parametrize("size, local, own, expected", [(2, 1, False, True), (2, 2, False, False), (4, 2, True, False)])
def test_where_engines_are_elsewhere_heartbeats_are_sent_and_engines_know_their_server(
    monkeypatch, size, local, own, expected
):
    before = make_zmq_socket
    for module in (core_client, coordinator):
        monkeypatch.setattr(module, "make_zmq_socket", before)
    parallel = SimpleNamespace(
        data_parallel_size=size,
        data_parallel_size_local=local,
        local_engines_only=own,
        data_parallel_master_ip="10.0.0.11",
    )
    config = SimpleNamespace(parallel_config=parallel, additional_config={"tt": {}})
    expect_remote_engines(config)
    assert config.additional_config == {"tt": {}, **({FRONT_KEY: "10.0.0.11"} if expected else {})}
    assert (core_client.make_zmq_socket is not before) == (coordinator.make_zmq_socket is not before) == expected
    if expected:
        with zmq.Context() as context:
            made = core_client.make_zmq_socket(context, f"tcp://{ADDRESS}:0", zmq.ROUTER, bind=True)
            assert made.getsockopt(zmq.HEARTBEAT_IVL) == remote_engines.HEARTBEAT_S * 1000
            assert made.getsockopt(zmq.HEARTBEAT_TTL) == made.getsockopt(zmq.HEARTBEAT_TIMEOUT) == 10_000
            made.close(0)


def test_no_task_where_all_engines_are_here():
    engine = SimpleNamespace(engine_core=object(), vllm_config=SimpleNamespace(additional_config={}))
    assert watch(engine, bool) is None and watch(SimpleNamespace(), bool) is None
