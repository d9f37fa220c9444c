# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a request passes before vLLM's routes read it, in the process of the API server.

In: HTTP requests. Out: the same, or a refusal in OpenAI's shape. Neighbours: vLLM's routes behind, engine.failed_rows.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

# Import paths, as vLLM's --middleware takes them; the last sees a request first.
MIDDLEWARE = (
    f"{__name__}.openai_errors.OpenAIErrors",
    f"{__name__}.request_limits.RequestLimits",
    f"{__name__}.probes.Probes",
    f"{__name__}.admission.Admission",
    f"{__name__}.engine_watch.EngineWatch",
    f"{__name__}.api_guard.ApiKeyGuard",
)


def add_middleware(parser: "ArgumentParser") -> None:
    """Put MIDDLEWARE before what users give as --middleware; parsers without that option are left alone."""
    given = parser.get_default("middleware")
    if given is not None:
        parser.set_defaults(middleware=[*(path for path in given if path not in MIDDLEWARE), *MIDDLEWARE])


class Secret(str):
    """A text that its repr does not show: vLLM logs the options that it was started with."""

    def __repr__(self) -> str:
        return "'***'"


def hide_api_keys(parser: "ArgumentParser") -> None:
    """Have --api-key, where a parser has it, parsed as Secret."""
    for action in parser._actions:
        if action.dest == "api_key":
            action.type = Secret
