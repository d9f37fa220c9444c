# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Finds a beginning of a word of any length that has the same first tokens, for tokenizers of the Unigram kind.

Their best path over a word depends on all of it. But a piece of the vocabulary has a greatest length, so of as many
places one after another the path passes one, and up to there it is the best path to that place, whatever follows. If
the best paths to all of these places begin with the same tokens, then so does the one over the whole.
"""

from typing import Any
from unicodedata import category

CONTEXT = 8  # characters before a place that can have a part in how it is normalised
PLAIN = "LNPS"  # categories of characters that stand by themselves: no marks, controls or white space
SPARE = 8  # tokens behind the wanted ones at the nearest of the places


class LongWords:
    """tokenizer: transformers' fast one, with vLLM's max_chars_per_token."""

    def __init__(self, tokenizer: Any):
        backend = tokenizer.backend_tokenizer
        self._tokenizer, self._normalizer, self._longest = tokenizer, backend.normalizer, tokenizer.max_chars_per_token
        # Those are found in a text before its words are.
        self._added = [token.content for token in backend.get_added_tokens_decoder().values()]
        self._reach = max(map(len, self._added), default=0)

    def beginning(self, text: str, tokens: int) -> str | None:
        """Of a text that white space is in at its start alone; None where none is found. Special tokens not counted.

        Reads about 20 times what `tokens` tokens take, at most.
        """
        wanted, size = tokens + SPARE + self._longest, 2 * tokens + CONTEXT
        while True:
            if size >= min(len(text), 2 * wanted * self._longest):
                return None
            found = self._read(text[:size])
            if len(found["input_ids"]) >= wanted:
                break
            size *= 2
        place = self._plain_place(text, found["offset_mapping"][wanted - 1][1])
        if place is None:
            return None
        first: list[int] | None = None
        # The outermost first: they are the likeliest to differ.
        for back in sorted(range(self._longest), key=lambda i: min(i, self._longest - 1 - i)):
            ids = self._read(text[: place - back])["input_ids"][:tokens]
            first = first or ids
            if len(ids) < tokens or ids != first:
                return None
        return text[:place]

    def _read(self, text: str) -> Any:
        options = dict(add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False)
        return self._tokenizer(text, truncation=False, padding=False, verbose=False, **options)

    def _plain_place(self, text: str, start: int) -> int | None:
        """The first place from `start` on where the last `longest` characters are places of the text as normalised too.

        So they are where nothing is normalised, joined with what is before it, or part of an added token.
        """
        run = 0  # of plain characters
        stop = min(len(text) - 1, start + 16 * self._longest)
        for place in range(max(start - self._longest, CONTEXT), stop):
            run = run + 1 if category(text[place])[0] in PLAIN else 0
            if run > self._longest and place >= start and self._is_plain(text, place):
                return place
        return None

    def _is_plain(self, text: str, place: int) -> bool:
        begin, normalize = place - self._longest, self._normalizer
        around = text[max(0, begin - self._reach) : place + self._reach]
        context, window = text[max(0, begin - CONTEXT) : begin + 1], text[begin + 1 : place + 1]
        if normalize is None:
            return not any(token in around for token in self._added)
        normal, before = normalize.normalize_str(around), normalize.normalize_str(context)
        if any(token in around or token in normal for token in self._added):
            return False
        return all(
            normalize.normalize_str(context + window[:i]) == before + window[:i] for i in range(1, len(window) + 1)
        )
