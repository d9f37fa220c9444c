# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What probes and SDKs ask beside requests that compute, and vLLM 0.25.1 has no route for."""

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MODEL = "/v1/models/"


class Probes:
    """ASGI middleware: HEAD as GET, whose body the HTTP server leaves out, and GET /v1/models/{name}."""

    def __init__(self, app: "ASGIApp"):
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "http" and scope["method"] in ("HEAD", "GET"):
            scope = {**scope, "method": "GET"}
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            models = getattr(scope["app"].state, "openai_serving_models", None) if path.startswith(MODEL) else None
            if models is not None:
                await (await _model(models, path.removeprefix(MODEL)))(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _model(models, name: str) -> JSONResponse:
    listed = (await models.show_available_models()).data
    found = next((card for card in listed if card.id == name), None)
    if found is not None:
        return JSONResponse(found.model_dump())
    known = ", ".join(card.id for card in listed)
    return Refused(404, f"The model `{name}` does not exist; served: {known}", "model").response()
