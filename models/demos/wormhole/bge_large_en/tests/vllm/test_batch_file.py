# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""`vllm run-batch` on files of OpenAI's form: which lines are refused, and, slow, 1,000 lines of which some are bad."""

import asyncio
import base64
import json
import struct
from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("vllm")

from starlette.responses import JSONResponse  # noqa: E402
from vllm.v1.engine.exceptions import EngineDeadError  # noqa: E402

from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.server import assert_like, post  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NEWER  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import run_batch as vllms  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.admission import default_slots  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.batch_file import (  # noqa: E402
    _Bad,
    request_of,
    run_batch,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.request_checks import Limits  # noqa: E402

LIMITS = Limits(inputs=8, ids=64, vocab_size=30522, normalizes=True)
MODEL = "bge-small-seeded"


def line(body: object, url: str = "/v1/embeddings", custom_id: object = "a", **fields) -> bytes:
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body, **fields}).encode()


@pytest.mark.parametrize(
    "url, body",
    [
        ("/v1/embeddings", {"input": ["a", "b"], "encoding_format": "base64", "user": None}),
        ("/v1/score", {"text_1": "a", "text_2": ["b"]}),
        ("/rerank", {"query": "a", "documents": [{"text": "b"}]}),
    ],
)
def test_a_good_line_is_a_request_as_a_server_reads_it(url, body):
    found = request_of(vllms, 1, line(body, url), LIMITS)
    assert (found.custom_id, found.url) == ("a", url)
    assert getattr(found.body, "input", None) == body.get("input")
    assert getattr(found.body, "documents", None) in (None, ["b"])


BAD = [  # line, custom_id, what is said
    (b"no JSON", None, "line 7: the body is not valid JSON"),
    (b"\xff{}", None, "not valid UTF-8"),
    (b"[]", None, "line 7: the body is a list of 0; allowed: a JSON object"),
    (line({"input": "a"}, custom_id=5), None, "custom_id is 5"),
    (line({"input": "a"}, "/v1/chat/completions"), "a", 'url is "/v1/chat/completions"; allowed: /v1/embeddings'),
    (line({"input": "a"}, method="GET"), "a", 'method is "GET"'),
    (line(["a"]), "a", "body is a list of 1; allowed: a JSON object"),
    (line({}), "a", "input is missing"),
    (line({"input": 5}), "a", "input is 5; allowed: a text"),
    (line({"input": []}), "a", "at least 1 input"),
    (line({"input": ["a"] * 9}), "a", "9 inputs; the limit is 8"),
    (line({"input": [-1]}), "a", "token id -1 is outside the model's vocabulary of 30522"),
    (line({"input": "a", "normalize": False}), "a", "normalize is false"),
    (line({"input": "a", "encoding_format": "hex"}), "a", 'encoding_format is "hex"'),
    (line({"text_1": "a"}, "/score"), "a", "text_2 is missing"),
    (line({"query": "a", "documents": 5}, "/rerank"), "a", "documents is 5"),
]


@pytest.mark.parametrize("bad, custom_id, said", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_refused_alone_and_in_one_line(bad, custom_id, said):
    with pytest.raises(_Bad) as caught:
        request_of(vllms, 7, bad, LIMITS)
    output = json.loads(caught.value.output(vllms).model_dump_json())
    assert output["custom_id"] == custom_id and output["response"]["status_code"] == 400
    error = output["error"]["error"]
    assert said in error["message"] and "\n" not in error["message"] and len(error["message"]) < 300, error
    assert set(error) == {"message", "type", "param", "code"}


def test_vllm_itself_ends_at_a_bad_line():
    """What is mended."""
    with pytest.raises(ValueError):
        vllms.BatchRequestInput.model_validate_json(b"no JSON")


# --- a run over a double of an engine --------------------------------------------------------------------------------


class Engine:
    """Of vLLM's client what a run looks at; answers as serving objects do, and dies after `lives` requests."""

    def __init__(self, lives: int):
        self.errored, self.lives, self.now, self.most = False, lives, 0, 0
        model = SimpleNamespace(get_vocab_size=lambda: 30522, pooler_config=SimpleNamespace(use_activation=True))
        self.vllm_config = SimpleNamespace(
            model_config=model,
            scheduler_config=SimpleNamespace(max_num_seqs=1),
            parallel_config=SimpleNamespace(data_parallel_size=1),
        )

    async def __call__(self, request):
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now, self.lives = self.now - 1, self.lives - 1
        self.errored = self.errored or self.lives < 0
        if self.errored:
            raise EngineDeadError()
        return JSONResponse(vllms.EmbeddingResponse(model="m", data=[], usage={}).model_dump())


def run_over(engine: Engine, folder, monkeypatch, lines: int) -> list[dict]:
    async def registry(engine_client, args):
        matched = {"url": "/v1/embeddings"} if NEWER else {"url_matcher": bool}
        return {"embeddings": {**matched, "handler_getter": lambda: engine, "wrapper_fn": None}}

    monkeypatch.setattr(vllms, "build_endpoint_registry", registry)
    (folder / "in").write_bytes(b"\n".join(line({"input": "a"}, custom_id=str(i)) for i in range(lines)))
    args = Namespace(
        input_file=str(folder / "in"), output_file=str(folder / "out"), output_tmp_dir=None, additional_config=None
    )
    try:
        asyncio.run(run_batch(vllms, engine, args))
    finally:
        outputs = [json.loads(found) for found in (folder / "out").read_text().splitlines()]
        assert [output["custom_id"] for output in outputs] == [str(i) for i in range(lines)]
    return outputs


def test_as_many_lines_at_once_as_wait_in_a_server(tmp_path, monkeypatch):
    engine = Engine(lives=1000)
    outputs = run_over(engine, tmp_path, monkeypatch, 100)
    assert {output["error"] for output in outputs} == {None} and engine.most == default_slots(1)


def test_what_was_answered_before_the_engine_died_is_written(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="the engine died; 40 of 100 lines were answered"):
        run_over(Engine(lives=40), tmp_path, monkeypatch, 100)
    outputs = [json.loads(found) for found in (tmp_path / "out").read_text().splitlines()]
    assert sum(output["error"] is None for output in outputs) == 40
    assert {output["response"]["status_code"] for output in outputs} == {200, 500}


# --- a whole run -----------------------------------------------------------------------------------------------------


def run(folder, model, environment, lines: list[bytes], *flags: str) -> tuple[list[dict], SimpleNamespace]:
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    source.write_bytes(b"\n".join(lines) + b"\n")
    command = ["run-batch", "-i", str(source), "-o", str(out), "--model", str(model), "--max-model-len", "64", *flags]
    command += ["--additional-config", json.dumps({"tt": {"enable_model_warmup": False}})]
    environment = {**environment, "VLLM_WORKER_MULTIPROC_METHOD": "fork"}
    done = run_forked("vllm.entrypoints.cli.main", command, environment, folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Closed the device in" in done.stdout + done.stderr
    return [json.loads(found) for found in out.read_text().splitlines()], done


@pytest.mark.slow
@pytest.mark.server
def test_a_thousand_lines_of_which_some_are_bad(bge_small, bge_server, api_key, vllm_environment, tmp_path):
    short = [sentence for sentence in SENTENCES if len(sentence.split()) < 30]
    texts = [f"{short[i % len(short)]} {i}" for i in range(1000)]
    lines = [
        line({"model": MODEL, "input": text, "encoding_format": "base64"}, custom_id=f"t{i}")
        for i, text in enumerate(texts)
    ]
    score = {"model": MODEL, "text_1": texts[0], "text_2": texts[1:4]}
    rerank = {"model": MODEL, "query": texts[0], "documents": texts[1:4]}
    lines[500], lines[501] = line(score, "/v1/score", "score"), line(rerank, "/v1/rerank", "rerank")
    bad = {10 + 60 * i: each for i, (each, _, _) in enumerate(BAD) if each != BAD[10][0]}
    bad[950] = line({"model": "another", "input": "a"}, custom_id="model")
    bad[960] = line({"model": MODEL, "input": "word " * 90}, custom_id="long")
    for number, each in bad.items():
        lines[number] = each
    outputs, done = run(tmp_path, bge_small, vllm_environment, lines, "--served-model-name", MODEL)
    assert len(outputs) == len(lines) == 1000
    failed = {number for number, output in enumerate(outputs) if output["error"]}
    assert failed == set(bad) and f"1000 lines: {1000 - len(bad)} answered, {len(bad)} refused or failed" in done.stdout
    assert [outputs[n]["response"]["status_code"] for n in (10, 950, 960)] == [400, 404, 400]
    assert '"enable_chunked_processing": true' in outputs[960]["error"]["error"]["message"]
    good = [n for n in range(1000) if n not in bad and n not in (500, 501)]
    assert [outputs[n]["custom_id"] for n in good] == [f"t{n}" for n in good]

    def vector(embedding: str) -> torch.Tensor:
        return torch.tensor(struct.unpack("<384f", base64.b64decode(embedding)))

    rows = torch.stack([vector(outputs[n]["response"]["body"]["data"][0]["embedding"]) for n in good])
    assert_like(rows, ReferenceEncoder.from_pretrained(bge_small).encode([texts[n] for n in good]))
    key = {"Authorization": f"Bearer {api_key}"}
    # and what a server answers, to the bit
    asked = {"model": MODEL, "input": [texts[n] for n in good[:200]], "encoding_format": "base64"}
    served = json.load(post(bge_server, "/v1/embeddings", asked, key))["data"]
    assert torch.equal(rows[:200], torch.stack([vector(item["embedding"]) for item in served]))
    for number, path, body in ((500, "/v1/score", score), (501, "/v1/rerank", rerank)):
        expected, found = json.load(post(bge_server, path, body, key)), outputs[number]["response"]["body"]
        name = "data" if "data" in expected else "results"
        assert found[name] == expected[name] and found["usage"] == expected["usage"]


@pytest.mark.slow
@pytest.mark.server
def test_of_a_cross_encoder(cross_encoder, vllm_environment, tmp_path):
    documents = SENTENCES[25:29]
    lines = [
        line({"text_1": SENTENCES[40], "text_2": documents}, "/score", "scores"),
        line({"query": SENTENCES[40], "documents": [*documents, "long " * 90]}, "/rerank", "ranks"),
        line({"input": "a"}, custom_id="vector"),
    ]
    (scores, ranks, vector), _ = run(tmp_path, cross_encoder, vllm_environment, lines)
    assert vector["response"]["status_code"] == 400 and "is not for this model" in vector["error"]["error"]["message"]
    each = [item["score"] for item in scores["response"]["body"]["data"]]
    found = {item["index"]: item["relevance_score"] for item in ranks["response"]["body"]["results"]}
    assert [found[i] for i in range(4)] == each and len(found) == 5  # the long document was cut, as a server does
