# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Shortens a long text, before it is tokenised, to one with the same first tokens.

vLLM 0.25.1 refuses a text of more characters than so many tokens can have. They can have any number: white space has
none, and a long word is one [UNK]. Without that check a text of megabytes would be tokenised whole, as one to /tokenize
is.
"""

from functools import lru_cache, wraps
from typing import Any

import numpy as np

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.char_kinds import BLANK, MARK, CharKinds, text_of
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.long_words import LongWords
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import VLLMValidationError

USUAL = 8  # characters of a token; what has fewer is tokenised as it is
# What may be left, as a multiple of what the model's tokens have at most. More is a word of any length that another
# tokenizer than BERT's makes, or characters that fit no kind.
MAX_TIMES = 8
LONG = 2  # a word of more than the LONG-th part of that is looked into
SLICE = 2**18  # characters that are squeezed at once, after fewer at first
CHUNK = 2**11  # characters that are tokenised at once, to count them


def shortened(text: str, tokens: int, most: int, tokenizer: Any) -> str:
    """A text with the same first `tokens` tokens, the special one at the start included, or the same where it has fewer.

    most: characters that `tokens` tokens have at most. Characters that make no token go (see CharKinds.squeezed), and
    what is behind enough tokens, which the tokenizer counts; of a long word also what LongWords finds to make no
    difference. VLLMValidationError where more than MAX_TIMES * most characters are left.
    """
    kinds = kinds_of(tokenizer)
    if kinds is None:
        return _bounded(text, MAX_TIMES * most)
    limit = max(MAX_TIMES * most, 2 * tokens * kinds.longest_word)
    words = words_of(tokenizer) if not kinds.longest_word else None
    kept: list[str] = []
    rest, start, size, counted = "", 0, USUAL * tokens, 0
    while start < len(text):
        codes, found = kinds.squeezed(rest + text[start : start + size])
        cuts = np.flatnonzero(found & (BLANK | MARK))
        start, size = start + size, min(4 * size, SLICE)
        # What is behind the last cut may go on in the next slice.
        begin, end = 0, len(codes) if start >= len(text) else int(cuts[-1]) if len(cuts) else 0
        while begin < end:
            index = max(cuts.searchsorted(begin + CHUNK, "right") - 1, cuts.searchsorted(begin, "right"))
            stop = min(int(cuts[index]), end) if index < len(cuts) else end
            if words is not None and stop - begin > limit // LONG:
                enough = words.beginning(text_of(codes[begin:stop]), tokens - counted)
                if enough is not None:
                    return "".join([*kept, enough])
            kept.append(text_of(codes[begin:stop]))
            ids = tokenizer(kept[-1], add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
            counted += len(ids) - (kinds.lost_by_a_cut if stop < len(found) and found[stop] == MARK else 0)
            if counted > tokens:
                return "".join(kept)
            begin = stop
        rest = text_of(codes[end:])
        if words is not None and len(rest) > limit // LONG:
            enough = words.beginning(rest, tokens - counted)
            if enough is not None:
                return "".join([*kept, enough])
        rest = _bounded(rest, limit)
    return _bounded("".join(kept), limit)


def _bounded(text: str, limit: int) -> str:
    if len(text) > limit:
        raise VLLMValidationError(
            f"the input has words or unprintable characters of more than {limit} characters in all; "
            f"the limit is {limit}",
            parameter="input_text",
        )
    return text


@lru_cache(maxsize=4)
def kinds_of(tokenizer: Any) -> CharKinds | None:
    """None where words may go on over white space."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    kinds = CharKinds(backend) if backend is not None else None
    return kinds if kinds is not None and kinds.splits_at_blanks else None


@lru_cache(maxsize=4)
def words_of(tokenizer: Any) -> LongWords:
    return LongWords(tokenizer)


def bound_tokenizing(most_tokens: int) -> None:
    """Have vLLM shorten long texts where it would refuse them, offline too; safe to call again.

    Where it has no limit, in /tokenize, a text of more than `most_tokens` is a VLLMValidationError. All of it is done
    where vLLM tokenises: in a thread, not in the event loop.
    """
    try:
        from vllm.renderers.base import BaseRenderer
        from vllm.renderers.params import TokenizeParams
    except ImportError:  # vLLM 0.10, which has no such limit
        return
    if hasattr(BaseRenderer, "get_async_tokenizer"):  # vLLM 0.16 tokenises elsewhere for its server
        return
    TokenizeParams._text_len_check = lambda self, tokenizer, text: text
    tokenize = getattr(BaseRenderer._tokenize_prompt, "__wrapped__", BaseRenderer._tokenize_prompt)

    @wraps(tokenize)
    def tokenize_shortened(self, prompt, params):
        tokens, tokenizer, text = params.max_input_tokens, self.get_tokenizer(), prompt["prompt"]
        limit = most_tokens if tokens is None else tokens
        most = limit * tokenizer.max_chars_per_token
        if params.truncate_prompt_tokens is not None and _side(params, tokenizer) == "left":
            text = text[-most:]  # as vLLM has it
        elif len(text) > USUAL * limit:
            text = shortened(text, limit + 1, most, tokenizer)
        found = tokenize(self, {**prompt, "prompt": text}, params)
        if tokens is None and len(found["prompt_token_ids"]) > limit:
            raise VLLMValidationError(
                f"prompt has at least {limit + 1} tokens; the limit is {limit} token ids in an input",
                parameter="prompt",
            )
        return found

    BaseRenderer._tokenize_prompt = tokenize_shortened
    _bound_pairs()


def _bound_pairs() -> None:
    """The same for the pairs of a cross-encoder, which vLLM tokenises elsewhere, and without a limit of its own."""
    from vllm.entrypoints.pooling.scoring.io_processor import CrossEncoderIOProcessor

    prompt = getattr(CrossEncoderIOProcessor.get_score_prompt, "__wrapped__", CrossEncoderIOProcessor.get_score_prompt)

    @wraps(prompt)
    def prompt_of_shortened(self, data_1, data_2, *args, **kwargs):
        limit = self.model_config.max_model_len
        most = limit * self.tokenizer.max_chars_per_token
        pair = (
            (
                shortened(text, limit + 1, most, self.tokenizer)
                if isinstance(text, str) and len(text) > USUAL * limit
                else text
            )
            for text in (data_1, data_2)
        )
        return prompt(self, *pair, *args, **kwargs)

    CrossEncoderIOProcessor.get_score_prompt = prompt_of_shortened


def _side(params: Any, tokenizer: Any) -> str:
    return params.truncation_side or tokenizer.truncation_side
