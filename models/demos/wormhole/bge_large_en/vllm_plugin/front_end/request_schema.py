# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which fields of which route are checked, and what of other servers' fields becomes a field of vLLM's.

Fields that a route does not have are ignored, as vLLM ignores them, but for how deep they go; null is absent.
"""

from collections.abc import Callable, Mapping
from typing import Any

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.openai_errors import Refused
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import (
    Limits,
    check_depths,
    check_input,
    check_messages,
    check_normalize,
    check_texts,
    check_tokens,
    refuse_images,
    shown,
)

Check = Callable[[str, Any, Limits], None]

_EMBED: dict[str, Check] = {"input": check_input, "messages": check_messages}
_SCORE: dict[str, Check] = dict.fromkeys(
    ("text_1", "text_2", "queries", "documents", "items", "data_1", "data_2"), check_texts
)
_RERANK: dict[str, Check] = dict.fromkeys(("query", "documents"), check_texts)
FIELDS: Mapping[str, dict[str, Check]] = {
    **dict.fromkeys(("/v1/embeddings", "/pooling"), _EMBED),
    "/classify": dict(_EMBED),
    "/v2/embed": {"texts": check_texts, "inputs": check_messages, "images": refuse_images},
    **dict.fromkeys(("/score", "/v1/score"), _SCORE),
    **dict.fromkeys(("/rerank", "/v1/rerank", "/v2/rerank"), _RERANK),
    "/tokenize": {"prompt": check_texts, "messages": check_messages},
    "/detokenize": {"tokens": check_tokens},
}
# The body says which of them is meant: vLLM takes the first whose fields it has, and names none where it has none.
INVOCATIONS = "/invocations"
_MEANT = {
    **dict.fromkeys(("input", "messages"), "/v1/embeddings"),
    "query": "/rerank",
    **dict.fromkeys(_SCORE, "/score"),
}
# What Cohere's clients send as input_type, and the names of prompts of sentence-transformers that mean the same. A
# checkpoint that has none of them wants no prompt.
INPUT_TYPES = {
    "search_query": ("query",),
    "search_document": ("document", "passage", "corpus"),
    "classification": (),
    "clustering": (),
}


# Cohere's first API: the same for who says which embedding_types are wanted, as its SDK and LangChain do.
ALIASES = {"/v1/embed": "/v2/embed"}


def knows(path: str) -> bool:
    """Whether it is a route whose body is read here."""
    return path in FIELDS or path in ALIASES or path == INVOCATIONS


def meant(path: str, body: dict[str, Any]) -> str:
    """The route of FIELDS that a request to a known route is for. Raises Refused where its fields do not say."""
    if path != INVOCATIONS:
        return ALIASES.get(path, path)
    route = next((route for name, route in _MEANT.items() if name in body), None)
    if route is None:
        allowed = '"input" or "messages", "text_1" with "text_2", or "query" with "documents"'
        raise Refused(400, f"input is missing: a request has {allowed}", "input")
    return route


def check(path: str, body: dict[str, Any], limits: Limits) -> bool:
    """Put the body of a request to a known route into vLLM's terms, in place; whether that changed it.

    Raises Refused, naming the field, the value and the limit, for inputs that are too many, too long or no inputs.
    """
    if path in ALIASES:
        if not body.get("embedding_types"):
            raise Refused(400, 'embedding_types is missing: here it is needed, as ["float"]', "embedding_types")
    path = meant(path, body)
    fields, before = FIELDS[path], len(body)
    check_depths({name: value for name, value in body.items() if name not in fields})
    if "input" in fields and "input" in body and body["input"] is None:
        check_input("input", None, limits)
    for name in [name for name, value in body.items() if value is None]:
        del body[name]
    changed = len(body) < before
    if fields is _RERANK or fields is _SCORE:
        changed = _take_texts(body, fields) or changed
    if fields is _RERANK and limits.pair is not None:
        changed = _cut_pairs(body, limits.pair) or changed
    for name, check_field in fields.items():
        if name in body:
            check_field(name, body[name], limits)
    if path == "/v2/embed":
        changed = _speak_cohere(body, limits) or changed
    if fields is _EMBED or path == "/v2/embed":
        check_normalize(body, limits)
    return changed


def _take_texts(body: dict[str, Any], fields: dict[str, Check]) -> bool:
    """Of {"text": …}, the form that Cohere's first API and its followers have for a document."""
    fields_asked = body.get("rank_fields")
    if fields_asked not in (None, ["text"]):
        raise Refused(400, f'rank_fields is {shown(fields_asked)}; allowed: ["text"]', "rank_fields")
    changed = False
    for name in fields:
        value = body.get(name)
        if type(value) is dict:
            body[name] = _text(name, value)
        elif type(value) is list and dict in set(map(type, value)):
            body[name] = [_text(f"{name}[{i}]", v) if type(v) is dict else v for i, v in enumerate(value)]
        changed = changed or body.get(name) is not value
    return changed


def _cut_pairs(body: dict[str, Any], longest: int) -> bool:
    """Cut pairs, the longer text first, as the services whose clients rerank here do unasked; /score refuses them."""
    before = dict(body)
    body.setdefault("truncate_prompt_tokens", -1)
    if type(body.get("max_tokens_per_doc")) is int and body["max_tokens_per_doc"] >= longest:
        del body["max_tokens_per_doc"]  # Cohere's default is 4,096; vLLM refuses what no pair can have
    return body != before


def _text(name: str, value: dict[str, Any]) -> Any:
    if "content" in value:  # vLLM's own form, which check_texts looks at
        return value
    if type(value.get("text")) is not str:
        param = name.partition("[")[0]
        raise Refused(400, f'{name} is {shown(value)} without a "text" that is a text; allowed: a text', param)
    return value["text"]


def _speak_cohere(body: dict[str, Any], limits: Limits) -> bool:
    """What Cohere's clients send by default and vLLM 0.25.1 does not know."""
    changed = False
    if body.get("images") == []:  # vLLM counts it as given
        del body["images"]
        changed = True
    asked = body.get("input_type")
    if type(asked) is str and asked in INPUT_TYPES and asked not in limits.prompts:
        known = [name for name in INPUT_TYPES[asked] if name in limits.prompts]
        body["input_type"] = known[0] if known else None
        if not known:
            del body["input_type"]
        changed = True
    return changed
