# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A shortened text has the ids of the whole one, by BERT's WordPiece and by a Unigram built as XLM-R's; and is short."""

import random
import time
from functools import cache

import pytest

pytest.importorskip("vllm")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402
from vllm.exceptions import VLLMValidationError  # noqa: E402
from vllm.renderers.params import TokenizeParams  # noqa: E402
from vllm.tokenizers.hf import get_cached_tokenizer  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.odd_texts import ODD_TEXTS  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import long_texts  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.long_texts import MAX_TIMES, shortened  # noqa: E402

LENGTHS = (8, 64)  # tokens
CODE = "".join(f"{' ' * 8 * (i % 9)}if a_{i} == {i}:\n{' ' * 8 * (i % 9 + 1)}return (a, b)\n" for i in range(40))
TABLE = "\n".join(f"| {f'row {i}':190} | {i * 3.5:190.2f} |" for i in range(15))
FIT = {  # with so many tokens they were refused
    "blanks": ("a" + " " * 5000 + "b", 4),
    "a word of letters": ("a" * 5000, 3),
    "a million letters": ("a" * 10**6, 3),
    "NULs": ("\0" * 10**6, 2),
    "accents": ("e" + "\u0301" * 10**6 + "a", 3),
    "words of letters": (" ".join(["abcdefghij" * 60] * 200), 202),
    "code": ("".join(" " * 300 + f"x_{i} = {i}\n" for i in range(20)), None),
    "a table": (TABLE, None),
}


@cache
def wordpiece():
    from transformers import AutoTokenizer

    from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm

    folder = registry_minilm()
    return get_cached_tokenizer(AutoTokenizer.from_pretrained(folder)) if folder else pytest.skip("no tokenizer")


@cache
def unigram():
    """XLM-R's pipeline, with a vocabulary of its own: the real one cannot be had offline."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    split = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator([*SENTENCES, "日本語のテキスト 中文"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )
    return get_cached_tokenizer(fast)


def most(tokenizer, tokens: int) -> int:
    return tokens * tokenizer.max_chars_per_token


def texts() -> list[str]:
    """Long ones of every kind, and random mixtures of their parts."""
    parts = [
        *SENTENCES[:40],
        *(text[:4000] for text in ODD_TEXTS.values()),
        CODE,
        TABLE,
        " " * 3000,
        "\n\t" * 500,
        "x" * 4000,
        "ab1" * 900,
    ]
    parts += [
        "中文字符" * 800,
        "a,b;" * 900,
        "[SEP][MASK]" * 300,
        "<mask> </s>" * 300,
        "e\u0301" * 900,
        "\u200b " * 700,
    ]
    parts += [
        "🙂" * 700,
        "🙂 " * 700,
        "\x00\x1c\u0085\u2028 " * 300,
        "ﬁﬂ㍿" * 300,
        "[S\u0301EP]" * 300,
        "[M" + "\0" * 600 + "ASK]",
        "\u0301" * 500,
        "don't-stop_" * 300,
    ]
    rng = random.Random(0)
    mixed = [rng.choice(["", " ", "\n"]).join(rng.choices(parts, k=rng.randint(2, 9))) for _ in range(60)]
    return [part * 3 for part in parts] + mixed


@pytest.mark.parametrize("tokens", LENGTHS)
@pytest.mark.parametrize("make", [wordpiece, unigram], ids=["WordPiece", "Unigram"])
def test_a_shortened_text_has_the_same_first_ids(make, tokens):
    tokenizer, shorter = make(), 0
    for text in texts():
        whole = tokenizer(text, truncation=True, max_length=tokens + 1)["input_ids"]
        try:
            short = shortened(text, tokens + 1, most(tokenizer, tokens), tokenizer)
        except VLLMValidationError:
            assert len(text) > MAX_TIMES * most(tokenizer, tokens)
            continue
        shorter += len(short) < len(text)
        assert tokenizer(short, truncation=True, max_length=tokens + 1)["input_ids"] == whole, text[:80]
        raw = tokenizer(text)["input_ids"]  # as with a truncation side, which vLLM cuts itself
        assert tokenizer(short)["input_ids"][:tokens] == raw[:tokens], text[:80]
    assert shorter > 30


@pytest.mark.parametrize("name", FIT)
@pytest.mark.parametrize("truncate", [None, -1, 256])
def test_what_fits_is_tokenised(monkeypatch, name, truncate):
    monkeypatch.setattr(TokenizeParams, "_text_len_check", long_texts._text_len_check)
    (text, count), tokenizer = FIT[name], wordpiece()
    params = TokenizeParams(max_total_tokens=256, truncate_prompt_tokens=truncate)
    whole = tokenizer(text)["input_ids"]
    assert len(whole) <= 256 and count in (None, len(whole)) and len(text) > most(tokenizer, 256)
    prompt = params.apply_pre_tokenization(tokenizer, {"prompt": text})
    assert tokenizer(prompt["prompt"], **params.get_encode_kwargs())["input_ids"] == whole


def test_vllm_still_refuses_them(monkeypatch):
    """When this fails: delete front_end/long_texts.py."""
    params = TokenizeParams(max_total_tokens=256)
    monkeypatch.undo()
    assert TokenizeParams._text_len_check is not long_texts._text_len_check, "another test left it"
    with pytest.raises(VLLMValidationError, match="upper bound"):
        params.apply_pre_tokenization(wordpiece(), {"prompt": FIT["blanks"][0]})


LONGEST = 2**23  # characters of a body
HEAVY = {
    "words": "word " * (LONGEST // 5),
    "blanks": " " * LONGEST,
    "letters": "a" * LONGEST,
    "marks": "a," * (LONGEST // 2),
    "ideographs": "中" * (LONGEST // 3),
    "odd words": "🙂 " * (LONGEST // 5),
    "code": CODE * (LONGEST // len(CODE)),
    "no spaces": "don't" * (LONGEST // 5),
    "invisible": "\u200b" * (LONGEST // 3),
    "invisible words": "\u200b " * (LONGEST // 4),
    "accents": "a" + "\u0301" * (LONGEST // 2),
    "emoji": "🙂" * (LONGEST // 4),
}


NATURAL = ("words", "odd words", "code")  # the rest is made to be slow


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("make", [wordpiece, unigram], ids=["WordPiece", "Unigram"])
def test_eight_megabytes_take_no_longer_than_a_few_texts(make, name):
    """Shortening and tokenising, as a multiple of tokenising a text as long as the model takes."""
    tokenizer = make()

    def seconds(work) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def serve():
        try:
            short = shortened(HEAVY[name], 513, most(tokenizer, 512), tokenizer)
        except VLLMValidationError:
            return
        tokenizer(short, truncation=True, max_length=513)

    usual = " ".join(SENTENCES)[:2500]
    once = min(seconds(lambda: tokenizer(usual, truncation=True, max_length=512)) for _ in range(5))
    taken = min(seconds(serve) for _ in range(2))
    print(f"{name}: {taken * 1e3:.1f} ms, {taken / once:.0f} times {once * 1e3:.2f} ms")
    assert taken < (50 if name in NATURAL else 500) * once
