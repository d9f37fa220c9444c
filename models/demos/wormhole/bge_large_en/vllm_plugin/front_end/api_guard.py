# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Makes --api-key and VLLM_API_KEY guard every route that computes.

vLLM 0.25.1 itself guards /v1, /v2 and /inference alone: /pooling, /score, /rerank, /tokenize, /invocations and others
answer without a key.
"""

import secrets
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from vllm import envs

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import TELLS_OPTIONS

if TYPE_CHECKING:
    from argparse import Namespace

    from starlette.types import ASGIApp, Receive, Scope, Send

# What a probe or a scraper reads, and the documentation. A list of what is open: a route yet unknown is guarded.
OPEN_PATHS = frozenset(
    ("/health", "/ping", "/load", "/version", "/metrics")
    + ("/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json")
)
UNAUTHORIZED = Refused(401, "Unauthorized: a valid API key is needed, in the header 'Authorization: Bearer KEY'")
STATIC_FILES = "/static/"  # of the documentation, with --enable-offline-docs


class ApiKeyGuard:
    """ASGI middleware for vLLM's --middleware: 401 without a valid "Authorization: Bearer KEY", where keys are set.

    OPTIONS, which browsers send without a key, and OPEN_PATHS pass, and everything does when no key is set. RuntimeError,
    for every request, where vLLM does not tell which keys are set.
    """

    def __init__(self, app: "ASGIApp"):
        if not TELLS_OPTIONS:
            raise RuntimeError(
                "ApiKeyGuard can't know --api-key: vLLM 0.10 does not tell it; leave this middleware out"
            )
        self.app = app

    def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> Awaitable[None]:
        # vLLM gives its middleware no arguments, but FastAPI puts itself into the scope.
        if _needs_key(scope) and (keys := api_keys(scope["app"].state.args)) and not _has_key(scope, keys):
            return UNAUTHORIZED.response({"WWW-Authenticate": "Bearer"})(scope, receive, send)
        return self.app(scope, receive, send)


def api_keys(args: "Namespace") -> list[str]:
    """The keys that a server accepts, as vLLM finds them: --api-key, else VLLM_API_KEY; none: all may ask."""
    return [key for key in (args.api_key or [envs.VLLM_API_KEY]) if key]


def _needs_key(scope: "Scope") -> bool:
    if scope["type"] not in ("http", "websocket") or scope.get("method") == "OPTIONS":
        return False
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.rstrip("/") not in OPEN_PATHS and not path.startswith(STATIC_FILES)


def _has_key(scope: "Scope", keys: list[str]) -> bool:
    scheme, _, given = Headers(scope=scope).get("Authorization", "").partition(" ")
    # Every key is compared, in constant time, so that time tells nothing of them.
    matches = [secrets.compare_digest(given.encode(), key.encode()) for key in keys]
    return scheme.lower() == "bearer" and any(matches)
