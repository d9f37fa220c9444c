# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Names of vLLM's that tests use, in any of the versions served."""

from importlib.metadata import version

from vllm.exceptions import VLLMValidationError

__all__ = [
    "ENGINE_DIED",
    "NEWER",
    "NO_WIDTH",
    "OTHER_WIDTH",
    "REFUSALS",
    "exception_handler",
    "make_arg_parser",
    "run_batch",
    "validation_exception_handler",
]

NEWER = tuple(map(int, version("vllm").split(".")[:2])) >= (0, 33)
REFUSALS = (ValueError, VLLMValidationError)  # which is a ValueError until 0.33
# What is said to a client of a dimension that no vector has, and of one that those of a model of 384 do not have.
NO_WIDTH = "only supports dimensions in range [1, 384]" if NEWER else "only supports [384] matryoshka dimensions"
OTHER_WIDTH = "only supports Matryoshka dimensions [384]" if NEWER else NO_WIDTH
# What is said to a client whose request was in an engine that died.
ENGINE_DIED = "The server had an error while processing your request." if NEWER else "EngineCore encountered an issue."

if NEWER:
    from vllm.entrypoints.common.cli_args import make_arg_parser
    from vllm.entrypoints.launchers import run_batch
    from vllm.entrypoints.serve.exception_handling.handlers.exception import exception_handler
    from vllm.entrypoints.serve.exception_handling.handlers.validation import validation_exception_handler
else:
    from vllm.entrypoints.openai import run_batch
    from vllm.entrypoints.openai.cli_args import make_arg_parser
    from vllm.entrypoints.serve.utils.server_utils import exception_handler, validation_exception_handler
