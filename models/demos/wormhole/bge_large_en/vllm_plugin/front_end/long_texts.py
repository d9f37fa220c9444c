# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Shortens a long text, before it is tokenised, to one with the same first tokens.

vLLM 0.25.1 refuses a text of more characters than so many tokens can have. They can have any number: white space has
none, and a long word is one [UNK]. Without that check a text of megabytes would be tokenised whole.
"""

import json
import re
import unicodedata
from itertools import islice
from typing import Any

from models.demos.wormhole.bge_large_en.vllm_plugin.versions import VLLMValidationError

# To be shortened. What is longer afterwards has words of hundreds of characters, or characters without a token.
MAX_TIMES = 32  # characters that are tokenised, as a multiple of what the model's tokens have at most
LONG = 256  # characters of a word that is looked at: two [UNK]
BLANKS = " \t\n\r"
_WORD = re.compile(f"[{BLANKS}]*([^{BLANKS}]+)")  # of a text that ends with a word
_LETTERS = re.compile(r"[0-9A-Za-z]+")
# A token each, whatever is beside them, in BERT's tokenizer: ASCII punctuation; with handle_chinese_chars, ideographs.
_PUNCTUATION = r"!-/:-@\[-`{-~"
_IDEOGRAPHS = r"\u3400-\u4dbf\u4e00-\u9fff"
# No token, and nothing to what is beside them: with clean_text, and accents where they are stripped.
_INVISIBLE = r"\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd"
_ACCENTS = r"\u0300-\u036f"


def shortened(text: str, tokens: int, most: int, tokenizer: Any) -> str:
    """A text with the same first `tokens` tokens, the special one at the start included, or the same where it has fewer.

    most: characters that `tokens` tokens have at most. Runs of white space become one blank; what is behind enough
    words goes; for BERT's WordPiece so do letters of a word that is [UNK] anyway, and what is behind enough marks.
    VLLMValidationError where more than MAX_TIMES * most characters are left.
    """
    kind = _Kind(getattr(tokenizer, "backend_tokenizer", None))
    if not kind.splits_at_blanks:
        return _bounded(text, most)
    words: list[str] = []
    counted = length = 0
    for match in _WORD.finditer(text.strip(BLANKS)):
        word, whole = kind.shorten(match[1], tokens) if len(match[1]) > LONG else (match[1], True)
        words.append(word)
        length += len(word) + 1
        if not whole or length > MAX_TIMES * most:
            break
        counted += _has_a_token(word)
        if counted > tokens:
            break
    return _bounded(" ".join(words), most)


def _bounded(text: str, most: int) -> str:
    if len(text) > MAX_TIMES * most:
        raise VLLMValidationError(
            f"the input has words or unprintable characters of more than {MAX_TIMES * most} characters in all; "
            f"the limit is {MAX_TIMES * most}",
            parameter="input_text",
        )
    return text


def _has_a_token(word: str) -> bool:
    """Whether every tokenizer makes at least one token of it; most words are decided by their first character."""
    return any(c.isprintable() and unicodedata.category(c) not in ("Mn", "Me") and c != "\ufffd" for c in word)


class _Kind:
    """What of a fast tokenizer's parts matters here."""

    def __init__(self, backend: Any):
        parts = [_state(getattr(backend, part, None)) for part in ("normalizer", "pre_tokenizer")]
        added = [token.content for token in backend.get_added_tokens_decoder().values()] if backend else []
        wordpiece = type(getattr(backend, "model", None)).__name__ == "WordPiece"
        self.is_bert = wordpiece and [part.get("type") for part in parts] == ["BertNormalizer", "BertPreTokenizer"]
        splits = self.is_bert or '"WhitespaceSplit"' in json.dumps(parts[1])
        self.splits_at_blanks = splits and not any(re.search(r"\s", token) for token in added)
        if self.is_bert:
            self._longest = backend.model.max_input_chars_per_word
            marks = _PUNCTUATION + (_IDEOGRAPHS if parts[0].get("handle_chinese_chars") else "")
            strips = parts[0].get("strip_accents")
            nothing = _INVISIBLE if parts[0].get("clean_text") else ""
            nothing += _ACCENTS if strips or (strips is None and parts[0].get("lowercase")) else ""
            self._nothing = re.compile(f"([{nothing}])[{nothing}]+" if nothing else "(?!)()")
            self._mark = re.compile(f"[{marks}]")
            self._marks_of_a_token = max((len(self._mark.findall(token)) for token in added), default=1) or 1
            self._only_letters = any(_LETTERS.fullmatch(token) for token in added)

    def shorten(self, word: str, tokens: int) -> tuple[str, bool]:
        """A word with the same tokens, and True; or with the same first `tokens`, and False."""
        if not self.is_bert:
            return word, True
        # Of the tokens that are written with marks, such as [SEP], some marks make one.
        enough = (tokens + 1) * self._marks_of_a_token
        end = next((match.end() for match in islice(self._mark.finditer(word), enough, None)), None)
        if end is not None:
            return word[:end], False
        # One stays: "[S\0EP]" is not "[SEP]".
        word = self._nothing.sub(r"\1", word)
        if self._only_letters:
            return word, True
        run = self._longest + 1  # letters, which are [UNK] with whatever they are joined to
        return re.sub(f"([0-9A-Za-z]{{{run}}})[0-9A-Za-z]+", r"\1", word), True


def _state(part: Any) -> dict:
    return json.loads(part.__getstate__()) if part is not None else {}


def check_after_tokenizing() -> None:
    """Have vLLM shorten long texts where it would refuse them, offline too; safe to call again."""
    try:
        from vllm.renderers.params import TokenizeParams
    except ImportError:  # the fork, which has no such limit
        return
    TokenizeParams._text_len_check = _text_len_check


def _text_len_check(self, tokenizer: Any, text: str) -> str:
    """In the place of vLLM's: self is its TokenizeParams."""
    tokens = self.max_input_tokens
    if tokens is None or tokenizer is None:
        return text
    most = tokens * tokenizer.max_chars_per_token
    if len(text) <= most:
        return text
    if self.truncation_side == "left" and self.truncate_prompt_tokens is not None:
        return text[-most:]  # as vLLM has it
    return shortened(text, tokens + 1, most, tokenizer)
