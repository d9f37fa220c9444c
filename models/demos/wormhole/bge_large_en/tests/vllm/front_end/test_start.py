# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What is checked before a server starts, and that what is wrong is said in one line; no server, no device."""

import os
import shutil
import socket
import subprocess
import sys
from argparse import ArgumentParser, Namespace

import pytest

pytest.importorskip("vllm")

import uvicorn.config  # noqa: E402
from pydantic import BaseModel, ValidationError, field_validator  # noqa: E402
from vllm import envs  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.start import check, one_line, prepare  # noqa: E402

API_SERVER = "vllm.entrypoints.openai.api_server"


def refusal(**options) -> str:
    with pytest.raises(SystemExit) as ended:
        check(Namespace(**options))
    message = str(ended.value.code)
    assert message.startswith("error: ") and "\n" not in message
    return message


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    """Paths of a key and its certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    return key, certificate


def test_files_of_tls(pair, tmp_path):
    key, certificate = pair
    check(Namespace(ssl_keyfile=key, ssl_certfile=certificate, ssl_ca_certs=certificate))
    check(Namespace(ssl_keyfile=None, ssl_certfile=None, ssl_ca_certs=None))
    assert "--ssl-keyfile is '/no/file'; allowed: a file" in refusal(ssl_keyfile="/no/file", ssl_certfile=certificate)
    assert "--ssl-ca-certs is '/no'" in refusal(ssl_keyfile=key, ssl_certfile=certificate, ssl_ca_certs="/no")
    assert "--ssl-certfile is not given" in refusal(ssl_keyfile=key)
    assert "do not fit" in refusal(ssl_keyfile=certificate, ssl_certfile=certificate)
    (tmp_path / "text").write_text("no certificate")
    assert "do not fit" in refusal(ssl_keyfile=key, ssl_certfile=str(tmp_path / "text"))


def test_a_socket_that_nobody_listens_on_is_no_obstacle(tmp_path):
    path = str(tmp_path / "socket")
    check(Namespace(uds=path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert "where another server listens" in refusal(uds=path)
    assert os.path.exists(path), "a server that stops leaves it"
    check(Namespace(uds=path))
    assert not os.path.exists(path)
    (tmp_path / "socket").write_text("mine")
    assert "which is a file" in refusal(uds=path) and (tmp_path / "socket").read_text() == "mine"


def test_parsers_of_other_commands_are_left_alone():
    parser = ArgumentParser()
    prepare(parser)
    assert "parse_known_args" not in vars(parser)


def test_a_connection_may_idle_for_longer_than_a_proxy_keeps_it(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # to be put back
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    monkeypatch.setenv("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "5")
    parser = ArgumentParser()
    parser.set_defaults(middleware=[])
    prepare(parser)
    assert envs.VLLM_HTTP_TIMEOUT_KEEP_ALIVE == 5, "the user's"
    monkeypatch.delenv("VLLM_HTTP_TIMEOUT_KEEP_ALIVE")
    prepare(parser)
    assert envs.VLLM_HTTP_TIMEOUT_KEEP_ALIVE > 60


class Model(BaseModel):
    length: int

    @field_validator("length")
    @classmethod
    def short(cls, value: int) -> int:
        if value > 512:
            raise ValueError(f"length is {value}\nthe limit is 512")
        return value


def test_one_line():
    with pytest.raises(ValidationError) as refused:
        Model(length=513)
    assert one_line(refused.value) == "length: length is 513 the limit is 512"
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(FileNotFoundError("no such model")) == "no such model"
    assert one_line(RuntimeError("Engine core initialization failed. See root cause above.")).startswith("Engine core")
    assert one_line(RuntimeError("ours")) is None and one_line(TypeError("ours")) is None
    assert one_line(KeyboardInterrupt("terminated")) == ""


WRONG = {  # flags, and words of the error
    "TLS": (["--ssl-keyfile", "/no/file", "--ssl-certfile", "/no/file"], "error: --ssl-keyfile is '/no/file'"),
    "vLLM's own": (["--max-model-len", "100000"], "max_model_len"),
    "convert": (["--convert", "classify"], "convert is classify"),
    "option": (
        ["--additional-config", '{"tt": {"max_device_batch": 0}}'],
        "error: additional_config['tt']['max_device_batch']",
    ),
}


@pytest.fixture(scope="module")
def ended(bge_small, vllm_environment, tmp_path_factory) -> dict[str, subprocess.CompletedProcess]:
    """A server with each."""
    folder = tmp_path_factory.mktemp("ended")
    return {
        name: run_forked(API_SERVER, ["--model", str(bge_small), *flags], vllm_environment, folder)
        for name, (flags, _) in WRONG.items()
    }


@pytest.mark.parametrize("name", WRONG)
def test_a_configuration_error_is_one_line(ended, name):
    """Of a whole process, from before the device is opened; the traceback is at the debug level."""
    done, (_, said) = ended[name], WRONG[name]
    assert done.returncode == 1, done.stderr[-3000:]
    (line,) = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    assert said in line and "Traceback" not in done.stderr + done.stdout and "Serving on" not in done.stdout
