# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What LongWords leaves of a word has the first ids of the whole word, by Unigram vocabularies of every kind."""

import random

import pytest

pytest.importorskip("vllm")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402
from vllm.tokenizers.hf import get_cached_tokenizer  # noqa: E402

from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.long_words import LongWords  # noqa: E402

# Letters, what is normalised, what joins with what is before it, and an added token.
PARTS = [
    "ab",
    "abc",
    "bca",
    "aaaa",
    "b" * 7,
    "c",
    "中",
    "ﬁ",
    "각",
    "\u1100\u1161\u11a8",
    "\u11a8",
    "e\u0301",
    "กำ",
    "≠",
]
PARTS += ["İ", "🙂", "🇩🇪", "´", "\u0301", "\u200d", "<ab>"]


def unigram(rng: random.Random):
    """Pieces of up to eight of few letters, with scores at random: many paths are near each other."""
    pieces = {"▁", "a", "b", "c", "中", "가"} | {"".join(rng.choices("abc", k=rng.randint(2, 8))) for _ in range(30)}
    scores = [("<unk>", 0.0), *((piece, -rng.choice([2, 3, 5, 9]) * rng.random()) for piece in sorted(pieces))]
    return fast(scores, "<ab>")


def fast(scores: list[tuple[str, float]], added: str):
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.add_tokens([added])
    return get_cached_tokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"))


def ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, truncation=False)["input_ids"]


def test_a_beginning_has_the_first_ids_of_the_whole():
    rng, found, asked = random.Random(0), 0, 0
    for _ in range(20):
        tokenizer = unigram(rng)
        words = LongWords(tokenizer)
        for _ in range(15):
            few = [*rng.choices("abc", k=3), *rng.choices(PARTS, k=rng.choice([1, 2, 5]))]
            text, tokens = "".join(rng.choices(few, k=1200)), rng.choice([1, 5, 30])
            tokenizer(text, truncation=True, max_length=4)  # as another request leaves the tokenizer
            begin, asked = words.beginning(text, tokens), asked + 1
            if begin is not None:
                found += 1
                assert text.startswith(begin) and len(begin) < 600
                assert ids(tokenizer, begin)[:tokens] == ids(tokenizer, text)[:tokens], (tokens, begin)
    assert found > asked / 3, f"{found} of {asked}"


def of(*pieces: str, single: str, added: str = "<ab>"):
    """A tokenizer of pieces, each a little dearer than the next, and of single letters that cost much."""
    scores = [("<unk>", 0.0), ("▁", -1.0), *((piece, -1 + i / 100) for i, piece in enumerate(pieces))]
    return fast(scores + [(letter, -9.0) for letter in single], added)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: of("aaaa", single="a"), "a" * 2001),
        # To every fourth place the path is another one.
        (lambda: of("abcd", "bcda", single="abcd"), "abcd" * 600 + "a"),
        # Places of two normalised characters, of which the path may pass the second.
        (lambda: of("fifi", "ifif", single="fi"), "ﬁ" * 1200 + "f"),
    ],
    ids=["one letter", "all places", "normalised"],
)
def test_a_word_whose_first_tokens_depend_on_its_end_is_not_cut(make, text):
    tokenizer = make()
    assert ids(tokenizer, text)[:5] != ids(tokenizer, text[:-1])[:5]
    for tokens in range(2, 10):
        assert LongWords(tokenizer).beginning(text, tokens) is None


@pytest.mark.parametrize(
    "inside", ["<abababababab>", "ﬁ" * 20, "e\u0301" * 20, "\u1100\u1161\u11a8" * 20, "กำ\u200d" * 20]
)
def test_a_place_is_not_inside_what_is_more_than_letters(inside):
    words = LongWords(of("abcd", single="a", added="<abababababab>"))
    text = "x" * 40 + inside + "y" * 60
    for start in range(40, 40 + len(inside)):
        place = words._plain_place(text, start)
        assert place is None or place <= 40 or place >= 40 + len(inside)
