# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts -> token ids, or what is wrong with a text. No Ray, no pyarrow and no ttnn."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.demos.wormhole.bge_large_en.demo.corpus.units import MAX_CHARACTERS


@dataclass
class Tokens:
    """ids: of the good texts; good: their numbers; bad: number of a text -> why it has no vector; truncated: how many."""

    ids: list[list[int]] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    truncated: int = 0


def tokenise(
    texts: Sequence[str | None], tokenizer, max_tokens: int, prefix: str = "", truncate: bool = False
) -> Tokens:
    """The ids that BGEForEmbedding takes, special tokens with them. tokenizer: transformers' fast one.

    Bad: no text, none but white space, more than MAX_CHARACTERS, or more than max_tokens unless `truncate`.
    """
    found = Tokens()
    for number, text in enumerate(texts):
        why = _why_not(text)
        if why:
            found.bad[number] = why
        else:
            found.good.append(number)
    if not found.good:
        return found
    # padding=False, and truncation either way: a tokenizer.json may ask for lengths of its own
    limit = dict(truncation=True, max_length=max_tokens) if truncate else dict(truncation=False)
    encoded = tokenizer(
        [prefix + (texts[number] or "") for number in found.good],
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
        **limit,
    )
    if truncate:
        found.ids = encoded["input_ids"]
        found.truncated = sum(bool(encoding.overflowing) for encoding in encoded.encodings)
        return found
    good, found.good = found.good, []
    for number, ids in zip(good, encoded["input_ids"]):
        if len(ids) > max_tokens:
            found.bad[number] = f"the text has {len(ids)} tokens; the limit is {max_tokens} (--truncate cuts it)"
        else:
            found.good.append(number)
            found.ids.append(ids)
    return found


def _why_not(text: str | None) -> str | None:
    if text is None:
        return "there is no text"
    if len(text) > MAX_CHARACTERS:
        return f"the text has {len(text)} characters; the limit is {MAX_CHARACTERS}"
    return None if text.strip() else "the text is empty"


@functools.lru_cache(maxsize=1)
def tokenizer_of(folder: str):
    """Of a checkpoint's folder; kept by the process. ValueError unless it is a fast one."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise ValueError(f"the tokenizer of {folder} is a {type(tokenizer).__name__}; one of tokenizers is needed")
    return tokenizer
