# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What an engine that is forked does with the sockets that it was born with."""

import multiprocessing
import os
import socket

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.vllm_plugin.engine.servers_socket import leave_it  # noqa: E402


@pytest.fixture
def sockets(tmp_path):
    """By what they are; a server of vLLM's has the first two before its engine starts."""
    made = {
        "bound": socket.socket(),
        "bound to a path": socket.socket(socket.AF_UNIX),
        "listening": socket.create_server(("127.0.0.1", 0)),
        "datagrams": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "new": socket.socket(),
    }
    made["bound"].bind(("127.0.0.1", 0))
    made["bound to a path"].bind(str(tmp_path / "server"))
    made["datagrams"].bind(("127.0.0.1", 0))
    made["connected"] = socket.create_connection(made["listening"].getsockname())
    made["accepted"], _ = made["listening"].accept()
    yield made
    for each in made.values():
        each.close()


def _left(sockets: dict, sender) -> None:
    leave_it()
    left = []
    for name, each in sockets.items():
        try:
            os.fstat(each.fileno())
        except OSError:
            continue
        left.append(name)
    sender.send(left)


@pytest.mark.parametrize("name, left", [("EngineCore", 2), ("EngineCore_DP1", 2), ("a worker of the user's", 0)])
def test_only_what_is_bound_and_waits_is_closed_and_only_in_an_engine(sockets, name, left):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_left, args=(sockets, sender), name=name)
    process.start()
    found = receiver.recv() if receiver.poll(60) else None
    process.join()
    closed = ["bound", "bound to a path"][:left]
    assert found == [each for each in sockets if each not in closed]
