# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What vLLM logs that says nothing of an encoder on this platform, or that its user can do nothing about.

All of it is there with VLLM_LOGGING_LEVEL=DEBUG.
"""

import logging
import os
import warnings

# Of vLLM's lines below WARNING these are of use to who serves: what was asked for, where it listens, and that it stops.
KEPT = (
    ("vllm.tt_pooling", ""),
    ("vllm.entrypoints.openai.api_server", "Starting vLLM server"),
    ("vllm.entrypoints.launchers.api_server", "Starting vLLM server"),  # since 0.33
    ("vllm.entrypoints.serve.utils.api_utils", "non-default args"),
    ("vllm.entrypoints.common.startup", "non-default args"),  # since 0.33
    ("vllm.entrypoints.launcher", "[shutdown]"),  # or launchers
    ("vllm.v1", "[shutdown]"),
)
# Loggers and beginnings of warnings.
NOT_FOR_USERS = (
    ("vllm.config.vllm", "Inductor compilation was disabled"),  # there is none for this device
    ("vllm.config.vllm", "Model Runner V2 requires Triton"),  # nor either of vLLM's model runners
    ("vllm.config.scheduler", "Using custom scheduler class"),  # ours, for this version of vLLM
    ("vllm.utils.system_utils", "Found ulimit"),  # of a number of connections that Admission bounds before
)


def be_calm() -> None:
    """Leave out of this process's log what is not for users; safe to call again, nothing at the debug level."""
    if os.environ.get("VLLM_LOGGING_LEVEL", "INFO").upper() == "DEBUG":
        return
    # On import, of CUDA and its compiler, which are not looked for here.
    for name in ("torch.utils.cpp_extension", "torch.utils.flop_counter"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # vLLM's choice where orjson is installed; FastAPI's own way needs another kind of route.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
    logging.getLogger("uvicorn.error").addFilter(_not_of_uvicorns_start)
    for handler in logging.getLogger("vllm").handlers:
        if not any(isinstance(known, ForUsers) for known in handler.filters):
            handler.addFilter(ForUsers())


class ForUsers(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return _is_of(record, KEPT)
        return record.levelno > logging.WARNING or not _is_of(record, NOT_FOR_USERS)


def _not_of_uvicorns_start(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(("Started server process", "Waiting for application startup"))


def _is_of(record: logging.LogRecord, lines: tuple[tuple[str, str], ...]) -> bool:
    return any(record.name.startswith(name) and str(record.msg).startswith(text) for name, text in lines)
