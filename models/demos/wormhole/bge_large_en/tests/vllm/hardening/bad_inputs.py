# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What was sent to other servers and broke them, and what comes to mind beside it: requests, and what is said to each.

The server asked has a model of 256 tokens and the default limits.
"""

from dataclasses import dataclass, field
from typing import Any

from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER, NO_WIDTH, OTHER_WIDTH

NO_PARAM, ANY_PARAM = None, "any"
EMBEDDINGS = "/v1/embeddings"
DEEP = "[" * 200 + "]" * 200
MEDIA_URL = "http://127.0.0.1:9/image.png"
WIDTHS = ((0, NO_WIDTH), (-1, NO_WIDTH), (128, OTHER_WIDTH), (1025, NO_WIDTH), (2**70, NO_WIDTH))
# Fields that vLLM 0.33 names.
TASK, DIMENSIONS = ("task", "dimensions") if NEWER else (NO_PARAM, NO_PARAM)
IMAGE = {"type": "image_url", "image_url": {"url": MEDIA_URL}}


@dataclass(frozen=True)
class Bad:
    """A request and its refusal. body: an object, given the model's name unless it names one, or bytes as they are.

    says: words of the message. param: the field that is named, None for none.
    """

    body: Any
    says: str
    param: str | None = NO_PARAM
    path: str = EMBEDDINGS
    status: int = 400
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"

    def __str__(self) -> str:
        shown = self.body if isinstance(self.body, bytes) else str(self.body)
        return f"{self.method} {self.path} {shown[:40]!r} {len(shown)}"


def _with(path: str, text: Any) -> dict:
    """The body of a good request to `path`, with `text` for one of its inputs."""
    return {
        "/v1/embeddings": {"input": text},
        "/pooling": {"input": text},
        "/invocations": {"input": text},
        "/score": {"text_1": "a", "text_2": text},
        "/v1/score": {"queries": text, "documents": "a"},
        "/rerank": {"query": "a", "documents": text},
        "/v2/rerank": {"query": "a", "documents": text},
        "/v2/embed": {"texts": text},
        "/tokenize": {"prompt": text},
    }[path]


def _field(path: str) -> str:
    return next(name for name, value in _with(path, None).items() if value is None)


ROUTES = ("/v1/embeddings", "/pooling", "/invocations", "/score", "/v1/score", "/rerank", "/v2/rerank", "/v2/embed")

NO_JSON = [
    Bad(b"{", "not valid JSON"),
    Bad(b"", "Field required", "body"),
    Bad(b"null", "the body is null; allowed: a JSON object"),
    Bad(b"[]", "the body is a list of 0"),
    Bad(b'"text"', 'the body is "text"'),
    Bad(b"1", "the body is 1"),
    Bad(b'{"input": "\xff"}', "not valid UTF-8: byte 0xff at 11"),
    Bad(b'{"input": "\xed\xa0\x80"}', "not valid UTF-8: byte 0xed"),
    Bad('{"input": "a"}'.encode("utf-16"), "not valid UTF-8"),
    Bad(b'{"input": "a"} {}', "Extra data at character 15"),
    Bad(b"{'input': 'a'}", "not valid JSON"),
    Bad(b'{"input": NaN}', "the body holds NaN"),
    Bad(b'{"input": [1, -Infinity]}', "the body holds -Infinity"),
    Bad(b'{"input": "a", "priority": Infinity}', "the body holds Infinity"),
    Bad(b'{"input": [1' + b"0" * 5000 + b"]}", "a number that is too long"),
    Bad(b"[" * 100_000, "nested deeper than 32 levels"),
    Bad(b'{"input": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", "nested deeper than 32 levels"),
    Bad(b'{"a":' * 90_000 + b"1" + b"}" * 90_000, "nested deeper than 32 levels"),
    Bad(b'{"input": "a", "x": ' + DEEP.encode() + b"}", "x is nested deeper than 32 levels", "x"),
    Bad(b'{"input": "a", "x": ' + b'{"y":' * 200 + b"1" + b"}" * 201, "x is nested deeper than 32 levels", "x"),
    Bad(b"[" * 100_000, "nested deeper than 32 levels", path="/invocations"),
    Bad(b"\xff", "not valid UTF-8", path="/invocations"),
    Bad(b"null", "the body is null", path="/invocations"),
    Bad({"input": "a"}, "application/json", headers={"Content-Type": "text/plain"}),
    Bad({"input": "a"}, "application/json", headers={"Content-Type": "application/x-www-form-urlencoded"}),
]

TOO_MUCH = [
    Bad({"input": "a" * 2**23}, "the limit is 8388608 bytes", status=413),
    *(Bad(_with(path, ["a" * 9 * 2**20]), "the limit is 8388608 bytes", path=path, status=413) for path in ROUTES),
    *(Bad(_with(path, ["a"] * 6000), "has 6000 inputs; the limit is 2048", _field(path), path) for path in ROUTES),
    Bad({"input": ["a"] * 2049}, "input has 2049 inputs; the limit is 2048 in a request", "input"),
    Bad({"input": [[101]] * 6000}, "input has 6000 inputs; the limit is 2048 in a request", "input"),
    Bad({"input": [[]] * 6000}, "input has 6000 inputs; the limit is 2048 in a request", "input"),
    Bad({"input": [None] * 6000}, "input has 6000 inputs; the limit is 2048 in a request", "input"),
    Bad({"input": [101] * 6000}, "6000 input tokens", "input_tokens"),
    Bad({"input": [101] * 9000}, "input has 9000 token ids; the limit is 8192 in an input", "input"),
    Bad({"input": [101] * 1_600_000}, "input has 1600000 token ids; the limit is 8192", "input"),
    Bad({"input": [[101], [101] * 9000]}, "input[1] has 9000 token ids; the limit is 8192", "input"),
    Bad({"tokens": [101] * 9000}, "tokens has 9000 token ids; the limit is 8192", "tokens", "/detokenize"),
    Bad({"input": [101] * 257}, "maximum context length is 256 tokens", "input_tokens"),
    Bad({"input": [101] * 513}, "513 input tokens", "input_tokens"),
    Bad({"input": "word " * 255}, "at least 257 input tokens", "input_tokens"),
    Bad({"input": ["a", "word " * 300]}, "maximum context length is 256 tokens", "input_tokens"),
    Bad({"input": "a," * 10**6}, "at least 257 input tokens", "input_tokens"),
    Bad({"prompt": "word " * 10**6}, "at least 8193 tokens; the limit is 8192", "prompt", "/tokenize"),
    Bad({"text_1": "word " * 300, "text_2": "a"}, "maximum context length", ANY_PARAM, "/score"),
    Bad({"query": "a", "documents": ["a", "word " * 300]}, "maximum context length", ANY_PARAM, "/rerank"),
    Bad({"texts": ["word " * 300], "truncate": "NONE"}, "maximum context length", ANY_PARAM, "/v2/embed"),
]

NO_INPUT = [
    Bad({}, "Field required", "input"),
    *(
        Bad({"input": value}, f"input is {shown}; allowed: a text", "input")
        for value, shown in ((None, "null"), (5, "5"), (1.5, "1.5"), (True, "true"), ({}, "an object of 0"))
    ),
    Bad({"input": []}, "input is an empty list; at least 1", "input"),
    Bad({"input": [[]]}, "the input holds no tokens", "input"),
    Bad({"input": [[101], []]}, "input[1] is an empty list: the input holds no tokens", "input"),
    Bad({"input": [[[101]]]}, "input[0][0] is a list of 1", "input"),
    Bad({"input": [["a"]]}, 'input[0][0] is "a"', "input"),
    Bad({"input": [[101, "x"]]}, 'input[0][1] is "x"', "input"),
    Bad({"input": [101, "x"]}, 'input[1] is "x"', "input"),
    Bad({"input": ["a", 101]}, "input[1] is 101", "input"),
    Bad({"input": ["a", [101]]}, "input[1] is a list of 1", "input"),
    Bad({"input": ["a", None]}, "input[1] is null", "input"),
    Bad({"input": [None, "a"]}, "input[0] is null", "input"),
    Bad({"input": [None] * 2000}, "input[0] is null", "input"),
    Bad({"input": [True, False]}, "input[0] is true", "input"),
    Bad({"input": [101.0]}, "input[0] is 101.0", "input"),
    Bad({"input": [[101, 101.5]]}, "input[0][1] is 101.5", "input"),
    Bad({"input": "", "add_special_tokens": False}, "the input holds no tokens", "input"),
    Bad({"input": ["a", ""], "add_special_tokens": False}, "the input holds no tokens", "input"),
    Bad({"input": "a", "truncate_prompt_tokens": 0}, "the input holds no tokens", "input"),
    *(
        Bad(_with(path, []), "is an empty list; at least 1 input is needed", _field(path), path)
        for path in ROUTES
        if path != "/v1/embeddings"
    ),
    *(Bad(_with(path, 5), "is 5; allowed: a text", _field(path), path) for path in (*ROUTES, "/tokenize")),
    *(Bad(_with(path, ["a", 5]), "[1] is 5; allowed: a text", _field(path), path) for path in ROUTES),
    Bad({"text_1": "a"}, "Field required", ANY_PARAM, "/score"),
    Bad({"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}, "Input lengths must be", path="/score"),
    Bad({"query": "a"}, "Field required", "documents", "/rerank"),
    Bad({"query": ["a"], "documents": ["a"]}, "valid string", ANY_PARAM, "/rerank"),
    Bad({}, "Exactly one of texts", ANY_PARAM, "/v2/embed"),
    Bad({}, "Field required", ANY_PARAM, "/tokenize"),
    Bad({"tokens": "x"}, 'tokens is "x"; allowed: a list of token ids', "tokens", "/detokenize"),
    Bad({"tokens": [1.5]}, "allowed: a list of token ids", "tokens", "/detokenize"),
    Bad({"data": "a"}, "No IOProcessor plugin", TASK, "/pooling"),
    Bad({"prompt": "a", "nothing": "known"}, "input is missing: a request has", "input", "/invocations"),
]

SURROGATES = [
    *(
        Bad(_with(path, "a\ud800"), f'"{_field(path)}" holds the lone surrogate U+D800', _field(path), path)
        for path in (*ROUTES, "/tokenize")
    ),
    Bad({"input": ["\ude42\ud83d"]}, "the lone surrogate U+DE42", "input"),
    Bad({"input": "a", "model": "\udfff"}, "the lone surrogate U+DFFF", "model"),
    Bad({"input": "a", "\ud800": 1}, "the lone surrogate U+D800", "\\ud800"),
]

TOKEN_IDS = [
    *(
        Bad({"input": ids}, f"token id {bad} is outside the model's vocabulary of 30522 tokens", "input", path)
        for path in ("/v1/embeddings", "/pooling", "/invocations")
        for bad in (-1, -(2**40), 30522, 2**31, 2**40, 2**70)
        for ids in ([101, bad, 102], [[101, 102], [101, bad, 102]])
    ),
    *(Bad({"tokens": [i]}, f"token id {i} is outside", "tokens", "/detokenize") for i in (-1, 30522, 2**31, 2**70)),
]

OPTIONS = [
    *(Bad({"input": "a", "dimensions": width}, said) for width, said in WIDTHS),
    Bad({"input": "a", "dimensions": "many"}, "valid integer", "dimensions"),
    Bad({"input": "a", "dimensions": 1.5}, "valid integer", "dimensions"),
    Bad({"texts": ["a"], "output_dimension": 5}, OTHER_WIDTH, path="/v2/embed"),
    Bad({"input": "a", "dimensions": 5}, "dimensions is currently not supported", DIMENSIONS, "/pooling"),
    Bad({"input": "a", "encoding_format": "hex"}, "'base64'", "encoding_format"),
    Bad({"input": "a", "encoding_format": "hex"}, 'is "hex"; allowed: ', "encoding_format", "/invocations"),
    Bad({"query": "a", "documents": ["a"], "top_n": -1}, "top_n is -1; allowed: ", "top_n", "/invocations"),
    Bad({"input": "a", "encoding_format": 5}, "'base64'", "encoding_format"),
    Bad({"input": "a", "encoding_format": []}, "'base64'", "encoding_format"),
    Bad({"input": "a", "embed_dtype": "int3"}, "'float32'", "embed_dtype"),
    Bad({"input": "a", "endianness": "middle"}, "'little'", "endianness"),
    Bad({"input": "a", "normalize": False}, 'allowed: "use_activation"', "normalize"),
    Bad({"input": "a", "normalize": "no"}, 'normalize is "no"', "normalize"),
    Bad({"input": "a", "normalize": True, "use_activation": False}, "normalize is true", "normalize"),
    Bad({"input": "a", "normalize": False}, 'allowed: "use_activation"', "normalize", "/pooling"),
    Bad({"texts": ["a"], "normalize": False}, 'allowed: "use_activation"', "normalize", "/v2/embed"),
    Bad({"input": "a", "use_activation": "perhaps"}, "valid boolean", "use_activation"),
    Bad({"input": "a", "truncate_prompt_tokens": 257}, "greater than max_model_len"),
    Bad({"input": "a", "truncate_prompt_tokens": -2}, "greater than or equal to -1", "truncate_prompt_tokens"),
    Bad({"input": "a", "truncate_prompt_tokens": 2**70}, "greater than max_model_len"),
    Bad({"input": "a", "truncation_side": "up"}, "'left' or 'right'", "truncation_side"),
    Bad({"input": "a", "priority": 2**70}, "less than or equal to", "priority"),
    Bad({"input": "a", "cache_salt": ""}, "cache_salt", "cache_salt"),
    Bad({"input": "a", "user": 5}, "valid string", "user"),
    Bad({"input": "a", "model": 5}, "valid string", "model"),
    Bad({"input": "a", "model": "another"}, "`another` does not exist", status=404),
    Bad({"input": "a", "model": "../../etc/passwd"}, "does not exist", status=404),
    Bad({"input": "a", "task": "token_embed"}, "Unsupported task: 'token_embed'", TASK, "/pooling"),
    Bad({"input": "a", "task": "plugin"}, "No IOProcessor plugin", TASK, "/pooling"),
    Bad({"input": "a", "task": 5}, "'embed'", "task", "/pooling"),
    Bad({"query": "a", "documents": ["a"], "top_n": -1}, "greater than or equal to 0", "top_n", "/rerank"),
    Bad({"text_1": "a", "text_2": "a", "max_tokens_per_doc": -5}, "non-negative", path="/score"),
    Bad({"text_1": "a", "text_2": "a", "max_tokens_per_query": -5}, "non-negative", path="/score"),
    Bad({"texts": ["a"], "embedding_types": ["x"]}, "'ubinary'", ANY_PARAM, "/v2/embed"),
    Bad({"texts": ["a"], "truncate": "UP"}, "'START'", "truncate", "/v2/embed"),
    Bad({"texts": ["a"], "input_type": "q"}, "Unsupported input_type 'q'", path="/v2/embed"),
    Bad({"texts": ["a"], "max_tokens": 0}, "the input holds no tokens", "input", "/v2/embed"),
    Bad({"texts": ["a"], "max_tokens": -5}, "greater than or equal to -1", path="/v2/embed"),
    Bad({"texts": ["a"], "max_tokens": 2**70}, "cannot be greater than", ANY_PARAM, "/v2/embed"),
]

MEDIA_AND_CHATS = [  # vLLM would fetch an image from wherever the client says, before it finds that there is no use
    Bad({"messages": [{"role": "user", "content": [IMAGE]}]}, '"image_url" is not supported', "messages"),
    Bad({"messages": [{"role": "user", "content": [{"image_url": "file:///etc/passwd"}]}]}, '"image_url"', "messages"),
    Bad({"messages": [[{"role": "user", "content": [IMAGE]}]]}, '"image_url" is not supported', "messages"),
    Bad({"messages": [{"role": "user", "content": [{"video_url": "http://x"}]}]}, '"video_url"', "messages"),
    Bad({"messages": [{"role": "user", "content": [{"input_audio": {}}]}]}, '"input_audio"', "messages"),
    Bad({"messages": [{"role": "user", "content": [IMAGE]}]}, '"image_url"', "messages", "/tokenize"),
    Bad({"messages": [{"role": "user", "content": [IMAGE]}]}, '"image_url"', "messages", "/pooling"),
    Bad({"input": [{"role": "user", "content": [IMAGE]}]}, '"image_url" is not supported', "input"),
    Bad({"input": [[{"role": "user", "content": [IMAGE]}]]}, '"image_url" is not supported', "input"),
    Bad({"inputs": [{"content": [IMAGE]}]}, '"image_url" is not supported', "inputs", "/v2/embed"),
    Bad({"images": [MEDIA_URL]}, "images is not supported", "images", "/v2/embed"),
    Bad({"text_1": "a", "text_2": {"content": [IMAGE]}}, '"image_url" is not supported', "text_2", "/score"),
    Bad({"query": {"content": [IMAGE]}, "documents": "a"}, '"image_url" is not supported', "query", "/rerank"),
    Bad({"text_1": "a", "text_2": {"content": [{"type": "text", "text": "a"}]}}, "not supported", path="/score"),
    Bad({"messages": [{"role": "user", "content": "hi"}]}, "chat template"),
    Bad({"messages": []}, "messages is an empty list", "messages"),
    Bad({"messages": [5]}, "messages[0] is 5", "messages"),
    Bad({"messages": "hi"}, 'messages is "hi"', "messages"),
    Bad(
        {"messages": [{"role": "user", "content": "a"}], "chat_template": "{{ 1 / 0 }}"},
        "--trust-request-chat-template",
    ),
    Bad({"inputs": [{"content": [{"type": "text", "text": "a"}]}]}, "chat template", path="/v2/embed"),
]

ROUTING = [
    Bad({}, "Not Found", path="/nope", status=404),
    Bad({"input": "a"}, "Not Found", path="//v1/embeddings", status=404),
    Bad({"input": "a"}, "Not Found", path="/v1/../pooling", status=404),
    Bad({"input": "a"}, "Not Found", path="/v1/embeddings%00", status=404),
    *(Bad(b"", "Method Not Allowed", status=405, method=method) for method in ("GET", "PUT", "PATCH", "DELETE")),
    Bad(b"", "Method Not Allowed", path="/health", status=405),
    Bad({"input": "a"}, "stateful sessions", path="/invocations", headers={"X-Amzn-SageMaker-Session-Id": "x"}),
]

ROWS = [*NO_JSON, *TOO_MUCH, *NO_INPUT, *SURROGATES, *TOKEN_IDS, *OPTIONS, *MEDIA_AND_CHATS, *ROUTING]

# Texts and ids that are no mistake, however they look. The longest has 256 tokens.
LEGAL = [
    *("", " ", "   ", "\n\t\r", "a", "Embedding", "?", "\0", "a\0b", "\x7f\x1b[0m", "\ufeff", "\u200b\u200d", "\ufffd"),
    *(
        "🙂",
        "👩‍👩‍👧‍👦" * 20,
        "e\u0301" * 50,
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A",
        "日本語のテキスト",
        "שלום עולם",
        "\u202eabc\u202c",
        "ﷺ",
        "𝕬𝖇𝖈",
        "İıſß",
    ),
    *(
        "[CLS]",
        "[SEP] [PAD]",
        "[MASK] [UNK] [CLS]",
        "##ing ##s",
        "{'a': 1}",
        '{"input": "a"}',
        "<script>",
        "'; DROP --",
    ),
    *(
        "a" * 101,
        "a" * 4000,
        "a" * 10**6,
        "a" + " " * 5000 + "b",
        "\u200b " * 10**5,
        "🙂" * 10**5,
        " ".join(["a" * 300] * 254),
        "!" * 254,
        "word " * 254,
        "NaN",
        "null",
        "-1",
        "\\ud800",
    ),
]
LEGAL_IDS = [[0], [101], [102, 101], [0] * 256, [30521], [100] * 3, [101, 102]]
