# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How a server starts: what of its options is checked before the device opens, and errors of one line."""

import atexit
import os
import signal
import socket
import ssl
import stat
import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from vllm import envs

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.api_servers import choose, read_in_threads
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.http_protocol import ignore_upgrades
from models.demos.wormhole.bge_large_en.vllm_plugin.quick_exit import quick_exit

# Seconds that a connection may idle. Proxies keep theirs for up to 60, and one that the server closes first is a 502
# now and then; uvicorn's and vLLM's own 5 are for a server that browsers ask.
KEEP_ALIVE_S = 75
# What a user can mend. Anything else is a fault of ours, and gets its traceback.
CONFIGURATION_ERRORS = (ValueError, OSError)
VLLMS_HANDLER = "_interrupt_init"  # of SIGTERM, in vllm.entrypoints.openai.api_server.run_server
ENGINE_FAILED = "Engine core initialization failed"  # a RuntimeError of vLLM's, after the engine has said why


def prepare(parser: ArgumentParser) -> None:
    """For a parser of a server's options: check them once they are parsed; others are left alone."""
    if parser.get_default("middleware") is None:
        return
    os.environ.setdefault("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", str(KEEP_ALIVE_S))
    ignore_upgrades()
    read_in_threads(parser)
    sys.excepthook = report
    parse = parser.parse_known_args

    def parse_and_check(*args, **kwargs):
        found, rest = parse(*args, **kwargs)
        check(found)
        choose(parser, found)
        return found, rest

    parser.parse_known_args = parse_and_check  # type: ignore[method-assign]


def stop_when_told() -> None:
    """Until it serves, SIGTERM to an API server is a SystemExit, with status 0.

    vLLM 0.25.1 makes a KeyboardInterrupt of it, and takes that for the end of its wait for the engine.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if getattr(handler, "__name__", "") == VLLMS_HANDLER:
        signal.signal(signal.SIGTERM, _stop)


def _stop(*_) -> None:
    end_quickly()
    raise SystemExit(0)


def end_quickly() -> None:
    """In a server's process (see prepare): its end, with status 0 but for an exception on the way, is a quick_exit."""
    if sys.excepthook is report:
        atexit.register(quick_exit)


def check(args: Namespace) -> None:
    """SystemExit, with one line, for files of TLS that cannot be used and for an address that is taken."""
    try:
        _check_tls(args)
        if getattr(args, "uds", None):
            _free(args.uds)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from error


def _check_tls(args: Namespace) -> None:
    given = {name: getattr(args, f"ssl_{name}", None) for name in ("keyfile", "certfile", "ca_certs")}
    if not any(given.values()):
        return
    for name, path in given.items():
        if path and not os.access(path, os.R_OK):
            raise ValueError(f"--ssl-{name.replace('_', '-')} is {path!r}; allowed: a file that can be read")
    if not given["certfile"]:
        raise ValueError("--ssl-certfile is not given; --ssl-keyfile and --ssl-ca-certs need it")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(given["certfile"], given["keyfile"])
        if given["ca_certs"]:
            context.load_verify_locations(given["ca_certs"])
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"--ssl-certfile, --ssl-keyfile and --ssl-ca-certs do not fit: {error}") from error


def _free(path: str) -> None:
    """Remove a socket that nobody listens on, which a server leaves behind. ValueError where somebody does."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            raise ValueError(f"--uds is {path!r}, which is a file; allowed: a path of a socket")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                Path(path).unlink()
                return
        raise ValueError(f"--uds is {path!r}, where another server listens; allowed: another path")


def report(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """In the place of sys.excepthook: one line for what is wrong with the options or the checkpoint.

    The traceback is printed with VLLM_LOGGING_LEVEL=DEBUG.
    """
    atexit.unregister(quick_exit)
    line = one_line(error)
    if line is None or envs.VLLM_LOGGING_LEVEL == "DEBUG":
        sys.__excepthook__(kind, error, traceback)
    elif line:
        print(f"error: {line}", file=sys.stderr, flush=True)


def one_line(error: BaseException) -> str | None:
    """What to say of an error, None for one that needs its traceback, "" for a stop that was asked for."""
    if isinstance(error, KeyboardInterrupt):
        return ""
    if not isinstance(error, CONFIGURATION_ERRORS) and not str(error).startswith(ENGINE_FAILED):
        return None
    errors = getattr(error, "errors", None)  # pydantic's, which says the same over several lines
    if callable(errors):
        parts = [[*map(str, e["loc"]), e["msg"].removeprefix("Value error, ")] for e in errors()]
        return " ".join("; ".join(": ".join(part) for part in parts).split())
    return " ".join(str(error).split()) or type(error).__name__
