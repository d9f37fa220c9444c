# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which characters of a long text make no difference to its tokens, found out from the tokenizer itself."""

import json
from typing import Any

import numpy as np

# What a character is between two others: white space; nothing; a token of its own, as punctuation and ideographs are;
# part of a word; part of a word that is [UNK] with it; anything else; not asked yet. Bits, to be joined.
BLANK, NOTHING, MARK, WORD, UNKNOWN, ODD, NEW = (1 << bit for bit in range(7))
INSIDE = NOTHING | WORD | UNKNOWN  # a word
BLOCK = 32  # characters that are looked at together
BLANKS = " \t\n\r"  # of any tokenizer that splits at white space
MOST_NEW = 4096  # characters that a text may bring, at some 10 µs each; further ones are ODD to it


class CharKinds:
    """Kinds of characters to a fast tokenizer (tokenizers.Tokenizer): BERT's WordPiece, or one that splits at blanks.

    splits_at_blanks: whether the tokens on both sides of white space do not depend on one another. lost_by_a_cut: tokens
    that two parts of a text, cut before a MARK, have at most in more than the whole. longest_word: characters of a word
    that `squeezed` leaves, 0 where it cuts none.
    """

    def __init__(self, backend: Any):
        self._normalizer, self._pre_tokenizer = backend.normalizer, backend.pre_tokenizer
        parts = [json.loads(part.__getstate__()) if part else {} for part in (self._normalizer, self._pre_tokenizer)]
        wordpiece = type(backend.model).__name__ == "WordPiece"
        self._is_bert = wordpiece and [part.get("type") for part in parts] == ["BertNormalizer", "BertPreTokenizer"]
        self._kinds = np.full(0x110000, NEW, np.uint8)
        self._alphabet = set("".join(backend.get_vocab(with_added_tokens=True))) if self._is_bert else set()
        self._longest = backend.model.max_input_chars_per_word if self._is_bert else 0
        self._ascii = self._of(np.arange(256, dtype=np.uint32)).tobytes()
        # Those are found in a text before it is split.
        added = [token.content for token in backend.get_added_tokens_decoder().values()]
        kinds = [set(self._of(_codes(token)).tolist()) for token in added]
        splits = self._is_bert or '"WhitespaceSplit"' in json.dumps(parts[1])
        self.splits_at_blanks = splits and not any(BLANK in found for found in kinds)
        self._squeezes_words = self._is_bert and all(MARK in found and NOTHING not in found for found in kinds)
        self.longest_word = self._longest + 1 if self._squeezes_words else 0
        self.lost_by_a_cut = max(map(len, added), default=1) - 1 if self._squeezes_words else 0

    def squeezed(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Code points (n,) of a text with the same tokens, and their kinds; it may be cut before BLANK and before MARK.

        A run of white space becomes one character. For BERT's WordPiece, of a word stay those that say that it is
        [UNK]: one that is in no token, or one more than a word may have. Of characters that are nothing one stays,
        because "[S\\0EP]" is not "[SEP]", unless they are between blanks.
        """
        codes = _codes(text)
        kinds = self._of(codes)
        whole, keep = len(kinds) // BLOCK * BLOCK, ~self._blocks(kinds)
        if not keep.all():
            codes, kinds = (np.append(of[:whole].reshape(-1, BLOCK)[keep], of[whole:]) for of in (codes, kinds))
        rules = (_repeated, _of_unknown_words, self._of_long_words, _lone) if self._squeezes_words else (_repeated,)
        for drop in rules:
            keep = ~drop(kinds)
            if not keep.all():
                codes, kinds = codes[keep], kinds[keep]
        return codes, kinds

    def _of(self, codes: np.ndarray) -> np.ndarray:
        if codes.dtype == np.uint8:
            return np.frombuffer(codes.tobytes().translate(self._ascii), np.uint8)
        kinds = self._kinds[codes]
        if kinds.max(initial=0) == NEW:
            for code in np.unique(codes[kinds == NEW])[:MOST_NEW].tolist():
                self._kinds[code] = self._kind(chr(code))
            kinds = self._kinds[codes]
            kinds[kinds == NEW] = ODD
        return kinds

    def _kind(self, char: str) -> int:
        if not self._is_bert:
            return BLANK if char in BLANKS else WORD
        normal = self._normalizer.normalize_str(f"x{char}x")
        pieces = [piece for piece, _ in self._pre_tokenizer.pre_tokenize_str(normal)]
        if len(pieces) == 1 and pieces[0][0] == pieces[0][-1] == "x":
            inner = pieces[0][1:-1]
            return NOTHING if not inner else WORD if self._alphabet.issuperset(inner) else UNKNOWN
        if pieces[0] == pieces[-1] == "x":
            return BLANK if len(pieces) == 2 else MARK
        return ODD

    # Rules: from kinds (n,) to whether each character can go, (n,) bool.

    def _blocks(self, kinds: np.ndarray) -> np.ndarray:
        """(n // BLOCK,) of whole blocks: what the others would drop one by one, at a tenth of their time. Most of a text
        that is made to be slow goes here: of the blocks that are left every second has a token."""
        of = kinds[: len(kinds) // BLOCK * BLOCK]
        for number in (np.uint64, np.uint32):  # of eight bytes, and of four: the kinds in each
            of, bits = of.view(number), np.dtype(number).itemsize * 4
            while bits >= 8:
                of, bits = of | of >> number(bits), bits // 2
            of = of.astype(np.uint8)
        drop = np.zeros(len(of), bool)
        if len(of) > 1:
            drop[1:] = (of[:-1] & ~np.uint8(NOTHING) == BLANK) & (of[1:] & ~np.uint8(NOTHING | BLANK) == 0)
            if self._squeezes_words:
                drop[1:] |= (of[1:] == NOTHING) & (of[:-1] == NOTHING)
                inside = of & ~np.uint8(INSIDE) == 0
                letters = np.cumsum(inside & (of & (WORD | UNKNOWN) > 0))  # at the least
                before = np.maximum.accumulate(np.where(inside, 0, letters))  # the word
                drop |= inside & (letters - before > self._longest + 1)
        return drop

    def _of_long_words(self, kinds: np.ndarray) -> np.ndarray:
        """Of each word what is behind one letter more than a word may have, and what is nothing before."""
        inside, number = _words(kinds)
        letters = np.cumsum(kinds == WORD)
        before = np.concatenate([[0], letters[~inside]])  # each word
        long = np.diff(before, append=letters[-1:] if len(letters) else 0) > self._longest
        nothing = (kinds == NOTHING) & long[number]
        return nothing | inside & (letters - before[number] > self._longest + 1)


def _repeated(kinds: np.ndarray) -> np.ndarray:
    """Of a run of what is nothing, white space or unknown all but the first."""
    drop = kinds & (BLANK | NOTHING | UNKNOWN) > 0
    drop[1:] &= kinds[1:] == kinds[:-1]
    drop[:1] = False
    return drop


def _of_unknown_words(kinds: np.ndarray) -> np.ndarray:
    """All but its first unknown character of each word that has one."""
    unknown = np.flatnonzero(kinds == UNKNOWN)
    if not len(unknown):
        return np.zeros(len(kinds), bool)
    inside, number = _words(kinds)
    has = np.zeros(len(kinds) + 1, bool)
    has[number[unknown]] = True
    drop = inside & has[number]
    drop[unknown[np.diff(number[unknown], prepend=-1) > 0]] = False
    return drop


def _words(kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) whether a character is inside a word, and (n,) the word's number: of what is outside before it."""
    inside = kinds & INSIDE > 0
    return inside, np.cumsum(~inside)


def _lone(kinds: np.ndarray) -> np.ndarray:
    """What is nothing between two blanks, and the second of these."""
    drop = np.zeros(len(kinds), bool)
    if len(kinds) > 2:
        alone = (kinds[:-2] == BLANK) & (kinds[1:-1] == NOTHING) & (kinds[2:] == BLANK)
        drop[1:-1] |= alone
        drop[2:] |= alone
    return drop


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8) if text.isascii() else np.frombuffer(text.encode("utf-32-le"), "<u4")


def text_of(codes: np.ndarray) -> str:
    return codes.tobytes().decode("ascii" if codes.dtype == np.uint8 else "utf-32-le")
