# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a request's body may hold, checked before vLLM reads it: bytes in, a JSON object or `Refused` out.

All is decided by lengths and types, in C where there are many of them: hundreds of bad elements cost vLLM 0.25.1
seconds and megabytes of message, some it answers with 500, and it fetches the images that a message names.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused

MAX_NESTING = 32  # lists and objects in one another; a chat with parts has 6
MAX_SHOWN = 60  # characters of a value in a message
TEXT_KEYS = frozenset(("role", "content", "name", "type", "text"))  # of chat messages and their parts
SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Limits:
    """inputs: in a list of inputs; ids: in an input; vocab_size: tokens, None where it is not known.

    normalizes: what an embedding is when the request does not say, None where that is not known. prompts: names of the
    checkpoint's, as a request's input_type has them. pair: tokens of the longest pair of a cross-encoder, None for
    another model.
    """

    inputs: int
    ids: int
    vocab_size: int | None = None
    normalizes: bool | None = None
    prompts: frozenset[str] = frozenset()
    pair: int | None = None


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises Refused for anything else, NaN and lone surrogates included."""
    try:
        found = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise Refused(
            400, f"the body is not valid UTF-8: byte 0x{body[error.start]:02x} at {error.start}, {error.reason}"
        ) from None
    except json.JSONDecodeError as error:
        raise Refused(400, f"the body is not valid JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Refused(400, f"the body is nested deeper than {MAX_NESTING} levels") from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise Refused(400, f"the body holds a number that is too long: {error}") from None
    if type(found) is not dict:
        raise Refused(400, f"the body is {shown(found)}; allowed: a JSON object")
    if SURROGATE_ESCAPE.search(body):  # of an emoji or of half a one
        _refuse_lone_surrogates(found)
    return found


def check_depths(body: dict[str, Any]) -> None:
    """Raise Refused for a field that is nested too deeply, whoever may read it."""
    for name, value in body.items():
        if type(value) in (list, dict):
            for _ in _containers(name, value):
                pass


def holds_ids(body: dict[str, Any]) -> bool:
    """Whether a body that was checked has token ids for its input."""
    first = body.get("input")
    for _ in range(2):  # a list of ids, or of such lists
        first = first[0] if type(first) is list and first else first
    return type(first) is int


def check_input(name: str, value: Any, limits: Limits) -> None:
    allowed = "a text, a list of texts, a list of token ids or a list of such lists"
    if type(value) is str:
        return
    if type(value) is not list:
        raise _wrong(name, value, allowed)
    kinds = set(map(type, value))
    if kinds == {int}:
        _check_ids(name, value, limits)
        return
    _check_count(name, value, limits)
    if kinds == {list}:
        for index, item in enumerate(value):
            if set(map(type, item)) <= {int}:
                _check_ids(f"{name}[{index}]", item, limits)
            else:
                _check_objects(f"{name}[{index}]", item, allowed)
    elif kinds != {str}:
        _check_objects(name, value, allowed)


def check_texts(name: str, value: Any, limits: Limits) -> None:
    allowed = "a text or a list of texts"
    if type(value) is str:
        return
    if type(value) is not list:
        _check_objects(name, value, allowed)
        return
    _check_count(name, value, limits)
    if set(map(type, value)) != {str}:
        _check_objects(name, value, allowed)


def check_messages(name: str, value: Any, limits: Limits) -> None:
    """Of a chat, or of several; /v2/embed has the like in `inputs`."""
    if type(value) is not list:
        raise _wrong(name, value, "a list of messages")
    _check_count(name, value, limits)
    for index, item in enumerate(value):
        _check_objects(f"{name}[{index}]", item, "a list of messages")


def check_tokens(name: str, value: Any, limits: Limits) -> None:
    """Of /detokenize: no token is no text."""
    if value:
        if type(value) is not list or set(map(type, value)) != {int}:
            raise _wrong(name, value, "a list of token ids")
        _check_ids(name, value, limits)


def refuse_images(name: str, value: Any, limits: Limits) -> None:
    if value not in (None, []):
        raise Refused(400, f"{name} is not supported; allowed: text or token ids", name)


def _check_count(name: str, value: list, limits: Limits) -> None:
    if not value:
        raise Refused(400, f"{name} is an empty list; at least 1 input is needed", name)
    if len(value) > limits.inputs:
        raise Refused(400, f"{name} has {len(value)} inputs; the limit is {limits.inputs} in a request", name)


def _check_ids(name: str, ids: list[int], limits: Limits) -> None:
    param = name.partition("[")[0]
    if not ids:
        raise Refused(400, f"{name} is an empty list: the input holds no tokens", param)
    if len(ids) > limits.ids:
        raise Refused(400, f"{name} has {len(ids)} token ids; the limit is {limits.ids} in an input", param)
    low, high = min(ids), max(ids)
    outside = low if low < 0 else high
    if outside < 0 or (limits.vocab_size is not None and outside >= limits.vocab_size):
        size = "" if limits.vocab_size is None else f" of {limits.vocab_size} tokens"
        raise Refused(400, f"{name}: token id {shown(outside)} is outside the model's vocabulary{size}", param)


def _check_objects(name: str, value: Any, allowed: str) -> None:
    """Messages or parts of a message: text, and nothing that vLLM would fetch or decode."""
    items = value if type(value) is list else [value]
    for item in items:
        if type(item) is not dict:
            raise _wrong(*_odd_one(name, items) if items is value else (name, value), allowed)
        for container in _containers(name, item):
            if type(container) is dict and not TEXT_KEYS.issuperset(container):
                key, *_ = container.keys() - TEXT_KEYS
                raise Refused(400, f"{name}: {shown(key)} is not supported; allowed: text", name.partition("[")[0])


def _odd_one(name: str, items: list) -> tuple[str, Any]:
    """Name and value of the element that is to blame: of a type never allowed, or unlike those before it."""
    never = (i for i, item in enumerate(items) if type(item) not in (str, int, list, dict))
    unlike = (i for i, item in enumerate(items) if type(item) is not type(items[0]))
    index = next(never, next(unlike, 0))
    return f"{name}[{index}]", items[index]


def check_normalize(body: dict[str, Any], limits: Limits) -> None:
    """vLLM ignores `normalize`, the name that other servers have for use_activation: refused where it would matter."""
    asked, given = body.get("normalize"), body.get("use_activation")
    if asked is not None and asked is not (limits.normalizes if given is None else given):
        raise Refused(
            400,
            f'normalize is {shown(asked)}, and is not supported; allowed: "use_activation" in its place',
            "normalize",
        )


def _containers(name: str, value: Any) -> Iterator[list | dict]:
    """A list or object and all within it. Raises Refused when they are nested too deeply."""
    level = [value]
    for _ in range(MAX_NESTING):
        yield from level
        parents = (parent.values() if type(parent) is dict else parent for parent in level)
        level = [child for children in parents for child in children if type(child) in (list, dict)]
        if not level:
            return
    param = name.partition("[")[0]
    raise Refused(400, f"{param} is nested deeper than {MAX_NESTING} levels", param)


def _wrong(name: str, value: Any, allowed: str) -> Refused:
    return Refused(400, f"{name} is {shown(value)}; allowed: {allowed}", name.partition("[")[0])


def shown(value: Any) -> str:
    if type(value) in (list, dict):
        return f"{'a list' if type(value) is list else 'an object'} of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _refuse_constant(name: str) -> None:
    raise Refused(400, f"the body holds {name}, which is not JSON")


def _refuse_lone_surrogates(body: dict[str, Any]) -> None:
    for name, value in body.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            code = ord(error.object[error.start])
            raise Refused(400, f"{shown(name)} holds the lone surrogate U+{code:04X}, which is no text", name) from None
        except RecursionError:
            raise Refused(400, f"{shown(name)} is nested deeper than {MAX_NESTING} levels", name) from None
