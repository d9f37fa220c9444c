# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One line for a request that pydantic refuses: the field, its value, what is allowed.

A route of vLLM 0.25.1 takes one of several forms of request; it answers with the faults of all of them, twice.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import shown

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request


def answer_in_one_line(app: Any) -> None:
    """Have an app's own layers, of which `app` is the outermost, answer so. Does nothing to other ASGI apps."""
    while app is not None and not isinstance(app, ExceptionMiddleware):
        app = getattr(app, "app", None)
    if app is not None:
        app.add_exception_handler(RequestValidationError, _answer)


async def _answer(request: "Request", error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return refusal(error.errors(), error.body).response()


def refusal(errors: Sequence[Any], body: Any) -> Refused:
    """Of all errors the one that is of a field that was given; else of the field that is most likely missing."""
    for error in errors:
        if isinstance(error, str):  # vLLM's own, of a media type
            return Refused(400, error)
    given = [error for error in errors if error["type"] != "missing"]
    if not given:  # text_2 for who gave text_1
        stems = {field.rpartition("_")[0] for field in body if "_" in field} if isinstance(body, dict) else set()
        error = next((e for e in errors if _name(e).rpartition("_")[0] in stems), errors[0])
        return Refused(400, f"{_name(error)} is missing: {error['msg']}", _param(error))
    # A form that wants another type for the field is tried last.
    error = given[0]
    raised = error.get("ctx", {}).get("error")
    if raised is not None:
        return Refused(400, str(raised), getattr(raised, "parameter", None) or _param(error))
    allowed = error["msg"].removeprefix("Input should be ")
    return Refused(400, f"{_name(error)} is {shown(error['input'])}; allowed: {allowed}", _param(error))


def check_as_route(app: "FastAPI", path: str, body: dict[str, Any]) -> None:
    """Raise Refused where the route of this path would: /invocations of vLLM 0.25.1 only says that none fits."""
    route = next((route for route in app.routes if getattr(route, "path", None) == path), None)
    field = getattr(route, "body_field", None)
    errors = field.validate(body, {}, loc=("body",))[1] if field is not None else None
    if errors:
        raise refusal(errors, body)


def _location(error: dict[str, Any]) -> list[str | int]:
    """Field, and index in it: without where FastAPI found it and the names of pydantic's functions and classes."""
    parts = list(error["loc"])[1:]
    return [part for part in parts if isinstance(part, int) or (part.isidentifier() and part.islower())]


def _name(error: dict[str, Any]) -> str:
    first, *rest = _location(error) or ["the body"]
    return f"{first}" + "".join(f"[{part}]" for part in rest if isinstance(part, int))


def _param(error: dict[str, Any]) -> str:
    return str((_location(error) or ["body"])[0])
