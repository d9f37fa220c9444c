# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A shortened text has the ids of the whole one, by BERT's WordPiece and by a Unigram built as XLM-R's; and is short.

How long the longest take: pytest -s -k eight_megabytes
"""

import json
import random
import time
from functools import cache
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402
from vllm.entrypoints.pooling.scoring.io_processor import CrossEncoderIOProcessor  # noqa: E402
from vllm.exceptions import VLLMValidationError  # noqa: E402
from vllm.renderers.base import BaseRenderer  # noqa: E402
from vllm.renderers.params import TokenizeParams  # noqa: E402
from vllm.tokenizers.hf import get_cached_tokenizer  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
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
    "NULs": ("\0" * 10**5, 2),
    "accents": ("e" + "\u0301" * 10**5 + "a", 3),
    "emoji": ("🙂" * 10**5, 3),
    "invisible words": ("\u200b " * 10**5 + "a", 3),
    "all at once": ("🙂\0 " * 200 + "\0a" * 10**5 + "\u200b " * 10**4, 203),
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


def assert_same_first_ids(tokenizer, text: str, tokens: int) -> bool:
    """Whether it was shortened."""
    try:
        short = shortened(text, tokens + 1, most(tokenizer, tokens), tokenizer)
    except VLLMValidationError:
        assert len(text) > MAX_TIMES * most(tokenizer, tokens)
        return False
    whole = tokenizer(text, truncation=True, max_length=tokens + 1)["input_ids"]
    assert tokenizer(short, truncation=True, max_length=tokens + 1)["input_ids"] == whole, text[:80]
    raw = tokenizer(text)["input_ids"]  # as with a truncation side, which vLLM cuts itself
    assert tokenizer(short)["input_ids"][:tokens] == raw[:tokens], text[:80]
    return len(short) < len(text)


@pytest.mark.parametrize("tokens", LENGTHS)
@pytest.mark.parametrize("make", [wordpiece, unigram], ids=["WordPiece", "Unigram"])
def test_a_shortened_text_has_the_same_first_ids(make, tokens):
    tokenizer = make()
    assert sum(assert_same_first_ids(tokenizer, text, tokens) for text in texts()) > 30


# Of every kind, beside what special tokens are made of; letters that are many when they are decomposed, too.
ALPHABET = ["a", "7", "x" * 99, "b" * 101, "\0", "\u0301", "\u200b", " ", "\n", "\u3000", "\x85", "\u2028", ",", "##"]
ALPHABET += ["🙂", "中", "[", "]", "SEP", "[SEP]", "[MASK]", "<mask>", "İ", "각", "\u037e", "≠", "ﬁ", "ß", "\U000e0001"]


@pytest.mark.parametrize("make", [wordpiece, unigram], ids=["WordPiece", "Unigram"])
def test_any_mixture_in_slices_of_any_size(monkeypatch, make):
    """Words, blanks and blocks that go on over the ends of slices and chunks."""
    tokenizer, rng, shorter = make(), random.Random(1), 0
    for _ in range(300):
        monkeypatch.setattr(long_texts, "SLICE", rng.choice([16, 100, 1000]))
        monkeypatch.setattr(long_texts, "CHUNK", rng.choice([4, 50, 500]))
        few = rng.sample(ALPHABET, rng.randint(1, 5))
        text = "".join(rng.choice(few) * rng.choice([1, 1, 1, 2, 150]) for _ in range(rng.randint(1, 30)))[:6000]
        shorter += assert_same_first_ids(tokenizer, text, rng.choice([2, 8, 40]))
    assert shorter > 40


def bound(monkeypatch) -> None:
    bounded = (BaseRenderer, "_tokenize_prompt"), (TokenizeParams, "_text_len_check")
    for owner, name in (*bounded, (CrossEncoderIOProcessor, "get_score_prompt")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # to be put back
    long_texts.bound_tokenizing(300)


def tokenized(monkeypatch, params: TokenizeParams, text: str) -> list[int]:
    """As vLLM's renderer does it, with the bound: 300 tokens where it has none."""
    bound(monkeypatch)
    tokenizer = wordpiece()
    renderer = SimpleNamespace(get_tokenizer=wordpiece, _wants_offsets=lambda *_: False)
    renderer._build_tokens_prompt = BaseRenderer._build_tokens_prompt
    prompt = BaseRenderer._tokenize_prompt(renderer, params.apply_pre_tokenization(tokenizer, {"prompt": text}), params)
    return params.apply_post_tokenization(tokenizer, prompt)["prompt_token_ids"]


@pytest.mark.parametrize("name", FIT)
@pytest.mark.parametrize("truncate", [None, -1, 256])
def test_what_fits_is_tokenised(monkeypatch, name, truncate):
    (text, count), tokenizer = FIT[name], wordpiece()
    whole = tokenizer(text)["input_ids"]
    assert len(whole) <= 256 and count in (None, len(whole)) and len(text) > most(tokenizer, 256)
    params = TokenizeParams(max_total_tokens=256, truncate_prompt_tokens=truncate)
    assert tokenized(monkeypatch, params, text) == whole


def test_what_does_not_fit_is_refused_or_cut(monkeypatch):
    text, tokenizer = "word, " * 10**6, wordpiece()
    with pytest.raises(VLLMValidationError, match="at least 257 input tokens"):
        tokenized(monkeypatch, TokenizeParams(max_total_tokens=256), text)
    for side, kept in ((None, slice(256)), ("right", slice(256)), ("left", slice(-256, None))):
        params = TokenizeParams(max_total_tokens=256, truncate_prompt_tokens=-1, truncation_side=side)
        right = tokenizer(text[:3000] if side is None else text[:9000], truncation=side is None, max_length=256)
        assert tokenized(monkeypatch, params, text) == right["input_ids"][kept]


def test_a_text_to_tokenize_has_a_bound(monkeypatch):
    """/tokenize, where vLLM has none."""
    params = TokenizeParams(max_total_tokens=None)
    assert len(tokenized(monkeypatch, params, "word " * 298)) == 300
    assert len(tokenized(monkeypatch, params, "word" + " " * 10**6)) == 3
    for text in ("word " * 299, "word " * 10**6, "a," * 10**6):
        with pytest.raises(VLLMValidationError, match="prompt has at least 301 tokens; the limit is 300") as refused:
            tokenized(monkeypatch, params, text)
        assert refused.value.parameter == "prompt"


@pytest.mark.parametrize("side", [None, "right", "left"])
def test_what_is_tokenised_is_short(monkeypatch, side):
    monkeypatch.setattr(BaseRenderer, "_tokenize_prompt", lambda self, prompt, params: given.append(prompt["prompt"]))
    bound(monkeypatch)
    given, renderer = [], SimpleNamespace(get_tokenizer=wordpiece)
    params = TokenizeParams(max_total_tokens=256, truncate_prompt_tokens=-1, truncation_side=side)
    BaseRenderer._tokenize_prompt(renderer, {"prompt": "a word, " * 10**5}, params)
    assert 1000 < len(given[0]) <= most(wordpiece(), 256)


@pytest.mark.parametrize("longest", [64, 65])
def test_pairs_of_a_cross_encoder_are_cut_as_if_whole(monkeypatch, longest):
    tokenizer, cut = wordpiece(), {"truncation": True, "max_length": longest}
    monkeypatch.setattr(CrossEncoderIOProcessor, "get_score_prompt", lambda self, data_1, data_2: (data_1, data_2))
    bound(monkeypatch)
    processor = SimpleNamespace(model_config=SimpleNamespace(max_model_len=longest), tokenizer=tokenizer)
    # Of two such texts the tokenizer keeps every pair of their pieces, which are a thousand here.
    long, short = "the dance, of bees " * 400, "how do bees talk?"
    for pair in ((short, long), (long, short), (long, f"{long} x"), (short, short)):
        given = CrossEncoderIOProcessor.get_score_prompt(processor, data_1=pair[0], data_2=pair[1])
        assert dict(tokenizer(*given, **cut)) == dict(tokenizer(*pair, **cut))
        assert sum(map(len, given)) < 100 * longest


RENDERED = r"""
import asyncio, json, sys
from vllm.engine.arg_utils import EngineArgs
from vllm.exceptions import VLLMValidationError
from vllm.renderers.params import TokenizeParams
from vllm.renderers.registry import renderer_from_config

config = EngineArgs(model=sys.argv[1], max_model_len=256).create_engine_config()
renderer = renderer_from_config(config)

def lengths(limit, *texts):
    params = TokenizeParams(max_total_tokens=limit)
    prompts = [{"prompt": text} for text in texts]
    found = asyncio.run(renderer.tokenize_prompts_async(prompts, params)), renderer.tokenize_prompts(prompts, params)
    return [[len(prompt["prompt_token_ids"]) for prompt in prompts] for prompts in found]

answer = [lengths(256, "a" + " " * 10**6 + "b", "\U0001f642" * 10**5, "word"), lengths(None, "a" * 10**6)]
try:
    lengths(None, "word " * 10**5)
except (ValueError, VLLMValidationError) as error:
    answer.append(str(error))
print(json.dumps(answer))
"""


def test_vllms_renderer_has_it_from_the_platform(vllm_environment, minilm, tmp_path):
    """In a process of its own, whose configuration the platform has completed; no engine."""
    done = run_forked("rendered", [str(minilm)], vllm_environment, tmp_path, code=RENDERED)
    assert done.returncode == 0, done.stderr[-3000:]
    bounded, unbounded, refusal = json.loads(done.stdout.splitlines()[-1])
    assert bounded == [[4, 3, 3]] * 2 and unbounded == [[3]] * 2 and "at least 8193 tokens" in refusal


def test_vllm_still_refuses_them():
    """When this fails: let front_end/long_texts.py only bound what it costs."""
    params = TokenizeParams(max_total_tokens=256)
    with pytest.raises(VLLMValidationError, match="upper bound"):
        params.apply_pre_tokenization(wordpiece(), {"prompt": FIT["blanks"][0]})


LONGEST = 2**23  # characters of a body; those beyond ASCII take more bytes of it
HEAVY = {
    "words": "word " * (LONGEST // 5),
    "blanks": " " * LONGEST,
    "letters": "a" * LONGEST,
    "words of letters": ("a" * 101 + ",") * (LONGEST // 102),
    "the longest words": ("j" * 100 + " ") * (LONGEST // 101),
    "unknown words": ("j" * 99 + "🙂 ") * (LONGEST // 105),
    "marks": "a," * (LONGEST // 2),
    "special": "[SEP" * (LONGEST // 4),
    "ideographs": "中" * (LONGEST // 3),
    "odd words": "🙂 " * (LONGEST // 5),
    "code": CODE * (LONGEST // len(CODE)),
    "no spaces": "don't" * (LONGEST // 5),
    "invisible": "\u200b" * (LONGEST // 3),
    "invisible words": "\u200b " * (LONGEST // 4),
    "NULs and letters": "j\0" * (LONGEST // 2),
    "NULs and blanks": "\0 " * (LONGEST // 2),
    "words of NULs": ("j\0" * 102 + " ") * (LONGEST // 205),
    "accents": "a" + "\u0301" * (LONGEST // 2),
    "emoji": "🙂" * (LONGEST // 4),
    "one word": "don't" * 8900,  # as long as a word may be that cannot be cut
}
ENDLESS = ("one word", "no spaces", "marks", "special", "ideographs")  # words to Unigram
# Of the time of a text as long as the model takes: measured were 4, and at most 26.
NATURAL, MADE_TO_BE_SLOW = 15, 60


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("make", [wordpiece, unigram], ids=["WordPiece", "Unigram"])
def test_eight_megabytes_take_no_longer_than_a_few_texts(make, name):
    """Processor time of shortening and tokenising, as a multiple of tokenising a text as long as the model takes."""
    tokenizer, refused = make(), False

    def seconds(work) -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    def serve():
        nonlocal refused
        try:
            short = shortened(HEAVY[name], 513, most(tokenizer, 512), tokenizer)
        except VLLMValidationError:
            refused = True
        else:
            tokenizer(short, truncation=True, max_length=513)

    usual = " ".join(SENTENCES)[:2500]
    once = min(seconds(lambda: tokenizer(usual, truncation=True, max_length=512)) for _ in range(10))
    taken = min(seconds(serve) for _ in range(3))
    print(f"{name}: {taken * 1e3:.1f} ms, {taken / once:.0f} times {once * 1e3:.2f} ms{', refused' * refused}")
    assert not (refused and (make is wordpiece or name in ENDLESS))
    natural = name in ("words", "odd words", "code")
    assert taken < (NATURAL if natural else MADE_TO_BE_SLOW) * once
