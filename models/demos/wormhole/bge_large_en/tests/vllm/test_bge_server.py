# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A server of a small BGE (its exact widths, CLS pooling, two seeded layers) with an API key and BGE's query prompt."""

import base64
import http.client
import json
import urllib.error
import urllib.request

import pytest

pytest.importorskip("vllm")

import openai
import torch

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.conftest import MAX_EMBED_LEN, ORIGIN
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.tests.vllm.server import START_LIMIT_S, assert_like, post
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.api_guard import OPEN_PATHS

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

TEXTS = SENTENCES[:3]
EMBED = {"input": TEXTS}
SCORE = {"text_1": TEXTS[0], "text_2": TEXTS[1:]}
RERANK = {"query": TEXTS[0], "documents": TEXTS[1:]}
BODIES = {  # what each route that computes is asked with a key
    "/v1/models": None,
    "/v1/embeddings": EMBED,
    "/v2/embed": {"texts": TEXTS},
    "/pooling": EMBED,
    "/invocations": EMBED,
    "/tokenize": {"prompt": TEXTS[0]},
    "/detokenize": {"tokens": [101, 2054, 102]},
    **({"/kv_event_sources": None} if NEWER else {}),
    **dict.fromkeys(("/score", "/v1/score"), SCORE),
    **dict.fromkeys(("/rerank", "/v1/rerank", "/v2/rerank"), RERANK),
}
# Of models that generate; vLLM 0.33 has them with any model.
NOT_OURS = {
    "/v1/decisions": {
        "input": [{"role": "user", "content": TEXTS[0]}],
        "questions": [{"type": "predicate", "instructions": "Is it so?"}],
    },
    "/v1/systemone": {"state": TEXTS[0], "questions": {"so": {"type": "predicate", "instructions": "Is it so?"}}},
}


@pytest.fixture(scope="module")
def key(api_key) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"}


@pytest.fixture(scope="module")
def reference(bge_small) -> ReferenceEncoder:
    return ReferenceEncoder.from_pretrained(bge_small)


@pytest.fixture(scope="module")
def ask(bge_server, bge_name, key):
    """Function from a path and a body to what the server answers to them with the key, which must be 200."""

    def ask(path: str, body: dict) -> dict:
        answer = post(bge_server, path, {"model": bge_name, **body}, key)
        assert answer.status == 200, answer.read()
        return json.load(answer)

    return ask


def get(server, path: str, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url + path, headers=headers), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


# --- the key ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def routes(bge_server) -> set[tuple[str, str]]:
    """(path, method) of every route by the server's own account."""
    with urllib.request.urlopen(f"{bge_server.url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    return {(path, method) for path, methods in paths.items() for method in methods}


def test_every_route_that_computes_wants_the_key(bge_server, bge_name, routes):
    for path, method in sorted(routes):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            body = {"model": bge_name, **(BODIES.get(path) or {})}
            status = get(bge_server, path, headers) if method == "get" else post(bge_server, path, body, headers).status
            assert status == (200 if path in OPEN_PATHS else 401), (path, method, headers)


def test_every_route_answers_with_the_key(bge_server, bge_name, routes, ask, key):
    guarded = {path for path, _ in routes if path not in OPEN_PATHS}
    assert guarded == {*BODIES, *(NOT_OURS if NEWER else ())}, "a route is new or gone: give it a body here"
    for path, method in sorted(routes):
        if method == "get":
            assert get(bge_server, path, key) == 200, path
        elif path in BODIES:
            ask(path, BODIES[path])
        elif path in NOT_OURS:
            answer = post(bge_server, path, {"model": bge_name, **NOT_OURS[path]}, key)
            assert answer.status == 501 and "The model does not support" in json.load(answer)["error"]["message"], path


def test_no_method_and_no_spelling_passes_without_the_key(bge_server, bge_name):
    """Over a bare connection: no client puts the path into shape before."""
    connection = http.client.HTTPConnection(bge_server.url.removeprefix("http://"), timeout=60)
    body = json.dumps({"model": bge_name, **SCORE, **EMBED})
    paths = ["/score", "//score", "/v1/../score", "/health/../score", "/health/..%2fscore", "/%73core", "/static"]
    for path in [*paths, "/v1/embeddings", "//v1/embeddings", "/v2/embed", "/v1/models", "/metrics/x", "/nope"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE"):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer", (method, path)
            if method != "HEAD":
                error = json.loads(said)["error"]
                assert set(error) == {"message", "type", "param", "code"} and error["code"] == 401
    connection.request("GET", "/v1/realtime", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert connection.getresponse().status in (400, 401, 403)


def test_no_key_and_no_text_is_in_the_log(bge_server, bge_name, api_key, key):
    """Neither the server's own key, which vLLM writes there with its other options, nor one that is tried."""
    post(bge_server, "/score", {"model": bge_name, **SCORE}, {"Authorization": "Bearer somebody-elses-key"})
    for text in ("a private text", ["a private text", 5], "a private text " * 100):
        post(bge_server, "/v1/embeddings", {"model": bge_name, "input": text}, key)
    log = bge_server.log.read_text()
    assert ("'api_key': '***'" if NEWER else "'api_key': ['***']") in log
    assert "a private text" not in log
    assert api_key not in log and "somebody-elses-key" not in log


def test_one_port_is_open_and_on_this_machine_only(bge_server):
    """Of the whole server: the engine and its device listen to nobody else."""
    psutil = pytest.importorskip("psutil")
    server = psutil.Process(bge_server.process.pid)
    processes = [server, *server.children(recursive=True)]
    assert len(processes) > 1
    found = [c.laddr for process in processes for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert [f"http://{address.ip}:{address.port}" for address in found] == [bge_server.url]


def test_what_is_open_is_there(bge_server):
    for path in OPEN_PATHS:
        assert get(bge_server, path, {}) == 200, path


def test_a_browsers_preflight_needs_no_key(bge_server):
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    request = urllib.request.Request(f"{bge_server.url}/score", headers=asks, method="OPTIONS")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200 and answer.headers["access-control-allow-origin"] == ORIGIN


def test_openai_client_with_the_right_and_a_wrong_key(bge_server, bge_name, api_key, reference):
    with openai.OpenAI(base_url=f"{bge_server.url}/v1", api_key=api_key) as client:
        data = client.embeddings.create(model=bge_name, input=TEXTS).data
        assert_like(torch.tensor([item.embedding for item in data]), reference.encode(TEXTS))
    with openai.OpenAI(base_url=f"{bge_server.url}/v1", api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError):
            client.embeddings.create(model=bge_name, input=TEXTS)


# --- query and passage prompts ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(ask):
    """Function from texts to /v1/embeddings' vectors, which get no prompt."""

    def plain(texts: list[str]) -> list[list[float]]:
        answer = ask("/v1/embeddings", {"input": texts, "encoding_format": "base64"})
        return [
            torch.frombuffer(bytearray(base64.b64decode(d["embedding"])), dtype=torch.float32) for d in answer["data"]
        ]

    return plain


def test_queries_get_the_prompt(ask, plain, reference, query_prompt):
    rows = torch.tensor(ask("/v2/embed", {"texts": TEXTS, "input_type": "query"})["embeddings"]["float"])
    prompted = [query_prompt + text for text in TEXTS]
    assert torch.equal(rows, torch.stack(plain(prompted)))
    assert_like(rows, reference.encode(prompted))
    assert not torch.allclose(rows, torch.stack(plain(TEXTS)), atol=1e-2)


@pytest.mark.parametrize("input_type", ["passage", None])
def test_passages_get_none(ask, plain, reference, input_type):
    rows = torch.tensor(ask("/v2/embed", {"texts": TEXTS, "input_type": input_type})["embeddings"]["float"])
    assert torch.equal(rows, torch.stack(plain(TEXTS)))
    assert_like(rows, reference.encode(TEXTS))


def test_an_unknown_input_type_is_refused(bge_server, bge_name, key):
    answer = post(bge_server, "/v2/embed", {"model": bge_name, "texts": TEXTS, "input_type": "image"}, key)
    assert answer.status == 400
    message = json.load(answer)["error"]["message"]
    assert "Unsupported input_type 'image'" in message and "passage, query" in message


def test_scores_add_no_prompt_so_clients_put_it_before_the_query(ask, reference, query_prompt):
    """/score and /rerank: what is sent is what is compared."""
    for query in (TEXTS[0], query_prompt + TEXTS[0]):
        rows = reference.encode([query, *TEXTS[1:]])
        cosines = (rows[1:] @ rows[0]).tolist()
        scores = ask("/score", {"text_1": query, "text_2": TEXTS[1:]})["data"]
        assert [item["score"] for item in scores] == pytest.approx(cosines, abs=0.005)
        results = ask("/rerank", {"query": query, "documents": TEXTS[1:]})["results"]
        assert {item["index"]: item["relevance_score"] for item in results} == pytest.approx(
            dict(enumerate(cosines)), abs=0.005
        )


def test_prompts_come_from_the_checkpoint_or_from_overrides(bge_small, tmp_path, prompts):
    """The server above has them from --hf-overrides; a checkpoint that brings its own needs no flag."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.entrypoints.pooling.embed.io_processor import EmbedIOProcessor

    config = EngineArgs(model=str(bge_small), hf_overrides={"task_instructions": prompts}).create_model_config()
    assert EmbedIOProcessor._load_task_instructions(config.hf_config) == prompts
    assert EmbedIOProcessor._load_st_prompts(str(bge_small), None) is None
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    assert EmbedIOProcessor._load_st_prompts(str(tmp_path), None) == prompts


# --- texts longer than the model, whose 64 tokens are 62 and the two special ones of each piece ----------------------


@pytest.fixture(scope="module")
def long_text(reference) -> str:
    text = " ".join(SENTENCES[:30])
    assert 2 * 62 < len(reference.tokenizer(text)["input_ids"]) < MAX_EMBED_LEN - 62
    return text


def whole_and_pieces(reference, text: str) -> tuple[list[int], list[list[int]]]:
    """Ids of a text, and of its pieces as the tokenizer itself makes them."""
    whole = reference.tokenizer(text)["input_ids"]
    inner = reference.tokenizer(text, add_special_tokens=False)["input_ids"]
    return whole, [[101, *inner[i : i + 62], 102] for i in range(0, len(inner), 62)]


def average(vectors: list[torch.Tensor], pieces: list[list[int]]) -> torch.Tensor:
    """By the tokens of each piece, as vLLM documents it, in fp32, and normalised."""
    total = sum((len(ids) * vector for vector, ids in zip(vectors, pieces, strict=True)), torch.zeros(384))
    return torch.nn.functional.normalize(total / sum(map(len, pieces)), dim=0)


@pytest.mark.parametrize("form", ["text", "ids"])
def test_a_long_text_is_the_average_of_its_pieces_to_the_bit(ask, plain, reference, long_text, form):
    whole, pieces = whole_and_pieces(reference, long_text)
    alone = [plain([ids])[0] for ids in pieces]
    expected = average(alone, pieces)
    value = long_text if form == "text" else whole
    (vector,) = plain([value])
    assert torch.equal(vector, expected)
    # among others, which keep theirs
    rows = plain([TEXTS[0], value, TEXTS[1]] if form == "text" else [whole[:9], value, whole[:8]])
    assert torch.equal(rows[1], expected)
    assert torch.equal(rows[0], plain([TEXTS[0]] if form == "text" else [whole[:9]])[0])
    answer = ask("/v1/embeddings", {"input": [value, value]})
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] == 2 * len(whole)
    assert [item["index"] for item in answer["data"]] == [0, 1]


def test_a_long_text_not_normalised_and_by_coheres_route(ask, plain, reference, long_text):
    whole, pieces = whole_and_pieces(reference, long_text)
    raw = [
        torch.tensor(d["embedding"]) for d in ask("/v1/embeddings", {"input": pieces, "use_activation": False})["data"]
    ]
    expected = sum((len(ids) * vector for vector, ids in zip(raw, pieces, strict=True)), torch.zeros(384)) / sum(
        map(len, pieces)
    )
    found = ask("/v1/embeddings", {"input": long_text, "use_activation": False})["data"][0]["embedding"]
    assert torch.equal(torch.tensor(found), expected) and not 0.99 < expected.norm() < 1.01
    answer = ask("/v2/embed", {"texts": [long_text], "truncate": "NONE", "max_tokens": len(whole)})
    assert torch.equal(torch.tensor(answer["embeddings"]["float"][0]), plain([long_text])[0])
    assert answer["meta"]["billed_units"]["input_tokens"] == len(whole)


def test_who_asks_for_a_truncated_text_gets_one(ask, plain, reference, long_text):
    cut = reference.tokenizer(long_text, truncation=True, max_length=64)["input_ids"]
    for path, body in (
        ("/v1/embeddings", {"input": long_text, "truncate_prompt_tokens": -1}),
        ("/v2/embed", {"texts": [long_text]}),
    ):
        answer = ask(path, body)
        rows = answer["embeddings"]["float"] if path == "/v2/embed" else [answer["data"][0]["embedding"]]
        assert torch.equal(torch.tensor(rows[0]), plain([cut])[0]), path


@pytest.mark.parametrize("text", ["word " * 299, [101] * 301])
def test_a_text_longer_than_max_embed_len_is_refused(bge_server, bge_name, key, text):
    answer = post(bge_server, "/v1/embeddings", {"model": bge_name, "input": text}, key)
    said = json.load(answer)["error"]["message"]
    assert answer.status == 400 and "301 input tokens" in said and "300 tokens (max_embed_len)" in said, said
    assert '"truncate_prompt_tokens": -1' in said and "pieces" in said


def test_pooling_takes_what_the_model_takes(bge_server, bge_name, ask, plain, key, long_text):
    rows = torch.tensor([item["data"] for item in ask("/pooling", EMBED)["data"]])
    assert torch.equal(rows, torch.stack(plain(TEXTS)))
    answer = post(bge_server, "/pooling", {"model": bge_name, "input": long_text}, key)
    said = json.load(answer)["error"]["message"]
    assert answer.status == 400 and "maximum context length is 64 tokens" in said, said


def test_bench_serve(bge_server, bge_name, bge_small, api_key, vllm_environment, tmp_path):
    """vLLM's own load generator, unchanged."""
    command = ["bench", "serve", "--backend", "openai-embeddings", "--endpoint", "/v1/embeddings"]
    command += ["--base-url", bge_server.url, "--model", bge_name, "--tokenizer", str(bge_small)]
    command += ["--dataset-name", "random", "--random-input-len", "20", "--num-prompts", "16", "--max-concurrency", "8"]
    environment = {**vllm_environment, "OPENAI_API_KEY": api_key}
    done = run_forked("vllm.entrypoints.cli.main", command, environment, tmp_path)
    lines = {line.partition(":")[0]: line.partition(":")[2].strip() for line in done.stdout.splitlines()}
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert (lines["Successful requests"], lines["Failed requests"]) == ("16", "0")
