# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Texts -> token ids, or what is wrong with a text. No Ray, no pyarrow and no ttnn."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from models.demos.wormhole.bge_large_en.demo.corpus.units import MAX_CHARACTERS
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate


@dataclass
class Tokens:
    """ids: of the good texts; good: their numbers; bad: number of a text -> why it has no vector; truncated: how many."""

    ids: list[list[int]] = field(default_factory=list)
    good: list[int] = field(default_factory=list)
    bad: dict[int, str] = field(default_factory=dict)
    truncated: int = 0


def tokenise(texts: Sequence[str | None], tokenizer: Tokenizer, max_tokens: int, prefix: str = "") -> Tokens:
    """The ids that BGEForEmbedding takes, special tokens with them. tokenizer: see `definition`, which lets it cut.

    Bad: no text, none but white space, more than MAX_CHARACTERS, or more than max_tokens where it does not cut.
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
    encoded = tokenizer.encode_batch_fast([prefix + (texts[number] or "") for number in found.good])
    if tokenizer.truncation is not None:
        found.truncated = sum(bool(encoding.overflowing) for encoding in encoded)
    good, found.good = found.good, []
    for number, encoding in zip(good, encoded):
        ids = encoding.ids
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
    """transformers' own of a checkpoint's folder; kept by the process. ValueError unless it is a fast one."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise ValueError(f"the tokenizer of {folder} is a {type(tokenizer).__name__}; one of tokenizers is needed")
    if tokenizer.split_special_tokens:  # which no definition holds
        raise ValueError(f"the tokenizer of {folder} has split_special_tokens, which a corpus job does not do")
    return tokenizer


def definition(folder: str, max_tokens: int, truncate: bool) -> str:
    """The tokenizer of a checkpoint's folder, or hub name, as a tokenizer.json with the job's lengths in place of its own.

    Raises what `locate` and `tokenizer_of` do. For tasks, which have no need of transformers: importing it takes them seconds.
    """
    made_for = tokenizer_of(str(locate(folder)))
    tokenizer = Tokenizer.from_str(made_for.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if truncate:
        tokenizer.enable_truncation(max_tokens, direction=made_for.truncation_side)
    return tokenizer.to_str()


@functools.lru_cache(maxsize=1)
def defined(definition: str) -> Tokenizer:
    """Kept by the process."""
    return Tokenizer.from_str(definition)
