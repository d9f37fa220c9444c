# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A server over the faulty device, and checkpoints that are damaged: what test_faults.py starts."""

import json
import os
import signal
import time
import urllib.error
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.faulty_device import FAULTS_FILE, WORKER
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, STOP_LIMIT_S, Server, post

NAME = "bge-small-seeded"


class FaultyServer(Server):
    """A server of a two-layer BGE over the faulty device. `fault` says what fails from now on."""

    def __init__(self, model: Path, environment: dict[str, str], folder: Path, flags: list[str] = (), **options):
        self.faults = folder / "faults.json"
        if not self.faults.exists():
            self.fault()
        # Longer than a step on a busy machine, which emulates it; of opening there is nothing to emulate.
        options = {"step_timeout_s": 20, "open_timeout_s": 5, **options}
        command = ["--model", str(model), "--served-model-name", NAME, "--max-model-len", "32", "--worker-cls", WORKER]
        command += ["--additional-config", json.dumps({"tt": options}), *flags]
        super().__init__(command, {**environment, FAULTS_FILE: str(self.faults)}, folder / "server.log")
        if "--port" in flags:
            self.url = f"{self.url.rpartition(':')[0]}:{flags[flags.index('--port') + 1]}"

    def fault(self, name: str | None = None, **details) -> None:
        """From the next device step, or at the start, `name` of faulty_device.py; None: nothing any more."""
        if name is not None:
            count("faults injected")
        new = self.faults.with_suffix(".new")
        new.write_text(json.dumps({"fault": name, **details} if name else {}))
        os.replace(new, self.faults)

    def ask(self, path: str = "/v1/embeddings", **body):
        """(status, JSON) of the answer."""
        answer = post(self, path, {"model": NAME, **body})
        return answer.status, json.load(answer)

    def vectors(self, *texts: str) -> list[list[float]]:
        status, answer = self.ask(input=list(texts))
        assert status == 200, answer
        rows = [item["embedding"] for item in answer["data"]]
        assert torch.isfinite(torch.tensor(rows)).all() and all(len(row) == 384 for row in rows)
        return rows

    def engine(self) -> int:
        """Process id of the engine."""
        line = next(line for line in self.log.read_text().splitlines() if line.startswith("(EngineCore pid="))
        return int(line.partition("pid=")[2].partition(")")[0])

    def exit_status(self, *, starting: bool = False) -> int:
        """Of a server that ends by itself. Whatever it answers meanwhile, /health says nothing good for long."""
        return self.process.wait(START_LIMIT_S if starting else STOP_LIMIT_S)

    def leaves_nothing(self) -> None:
        """No process of the session that was started for this server is left."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            left = [entry for entry in session(self.process.pid) if "resource_tracker" not in entry[1]]
            if not left:
                return
            time.sleep(0.5)
        pytest.fail(f"left behind: {left}")

    def discard(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # the session that was started for this server only
            self.process.wait(STOP_LIMIT_S)
        for pid, _ in session(self.process.pid):
            os.kill(pid, signal.SIGKILL)


def session(leader: int) -> list[tuple[int, str]]:
    """(pid, command line) of the live processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append((int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


@contextmanager
def faulty(model: Path, environment: dict[str, str], folder: Path, fault: str | None = None, **given):
    """A server, which answers unless `fault` says that it can't start; killed at the end if it still runs."""
    (folder / "faults.json").write_text(json.dumps({"fault": fault} if fault else {}))
    server = FaultyServer(model, environment, folder, **given)
    try:
        if fault is None:
            server.wait_until_healthy()
        else:
            count("faults injected")
        yield server
    finally:
        server.discard()


def assert_error(status: int, answer: dict, message: str) -> None:
    """500 in OpenAI's form."""
    assert status == 500 and set(answer) == {"error"}, (status, answer)
    assert set(answer["error"]) == {"message", "type", "param", "code"} and answer["error"]["code"] == 500
    assert message in answer["error"]["message"], answer


def assert_dead(server: FaultyServer, *said: str) -> None:
    """The server has ended by itself, with a status that makes a supervisor restart it."""
    assert server.exit_status() == 1, server.tail()
    assert not server.healthy()
    log = server.log.read_text()
    assert all(words in log for words in (*said, "The engine died; the server ends with status 1")), server.tail()
    server.leaves_nothing()


def try_to_ask(server: FaultyServer, text: str, *, dying: bool = False):
    """(status, answer), (None, None) where nobody listens any more. dying: or did not get to accept the connection."""
    gone = (ConnectionRefusedError, ConnectionResetError) if dying else ConnectionRefusedError
    try:
        return server.ask(input=text)
    except (urllib.error.URLError, ConnectionResetError) as error:
        reason = getattr(error, "reason", error)
        assert isinstance(reason, gone), error
        return None, None


def damaged(folder: Path, kind: str) -> None:
    """Damage the checkpoint in a folder."""
    from safetensors.torch import load_file, save_file

    weights = folder / "model.safetensors"
    name = next(key for key in load_file(weights) if key.endswith("layer.0.output.dense.weight"))
    if kind == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100_000])
    elif kind == "no weights":
        weights.unlink()
    elif kind == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    elif kind == "no tokenizer":
        for file in [*folder.glob("*token*"), *folder.glob("vocab*")]:
            file.unlink()
    elif kind == "no pooling":
        (folder / "1_Pooling" / "config.json").unlink()
    else:
        state = load_file(weights)
        change = {
            "shape": lambda tensor: tensor[:, :100].contiguous(),
            "int8": lambda tensor: tensor.to(torch.int8),
            "fp8": lambda tensor: tensor.to(torch.float8_e4m3fn),
            "NaN": lambda tensor: tensor.index_fill(0, torch.tensor(3), float("nan")),
        }
        if kind == "missing tensor":
            del state[name]
        else:
            state[name] = change[kind](state[name])
        save_file(state, weights)
