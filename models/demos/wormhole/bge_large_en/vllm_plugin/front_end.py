# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The ASGI middleware that stands before vLLM's routes unless a platform of another's builds the command line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

PLUGIN = "models.demos.wormhole.bge_large_en.vllm_plugin"
# Import paths, as vLLM's --middleware takes them; the last sees a request first.
MIDDLEWARE = (f"{PLUGIN}.api_guard.ApiKeyGuard",)


def add_middleware(parser: "ArgumentParser") -> None:
    """Put MIDDLEWARE before what users give as --middleware; parsers without that option are left alone."""
    given = parser.get_default("middleware")
    if given is not None:
        parser.set_defaults(middleware=[*(path for path in given if path not in MIDDLEWARE), *MIDDLEWARE])
