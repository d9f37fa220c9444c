# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A real vLLM server with real weights, asked over HTTP: on the card or simulator if there is one, else emulated."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.server import (
    MAX_MODEL_LEN,
    NAME,
    START_LIMIT_S,
    assert_like,
    embed,
    embed_bytes,
)

pytest.importorskip("vllm")
openai = pytest.importorskip("openai")

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]


@pytest.fixture(scope="module", autouse=True)
def idle_connection(server) -> Iterator[tuple[http.client.HTTPConnection, float]]:
    """A connection that was used once, and when; the tests that come first take their time."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.request("GET", "/v1/models")
    connection.getresponse().read()
    connection.auto_open = False  # to fail, not to connect anew
    yield connection, time.monotonic()
    connection.close()


# --- the vectors -----------------------------------------------------------------------------------------------------


def test_a_hundred_sentences_match_the_reference(client, expected):
    vectors = embed(client, SENTENCES)
    assert vectors.shape == (100, 384)
    assert_like(vectors, expected)


def test_one_string(client, expected):
    assert_like(embed(client, SENTENCES[25]), expected[25:26])


def test_token_ids_mean_the_same_as_text(client, ids):
    picked = [0, 17, 42, 70, 88, 99]
    texts = embed_bytes(client, [SENTENCES[i] for i in picked])
    assert embed_bytes(client, [ids[i] for i in picked]) == texts
    assert embed_bytes(client, ids[42]) == texts[2:3]


def test_float_and_base64_carry_the_same_numbers(client):
    answer = client.embeddings.create(model=NAME, input=SENTENCES[:3], encoding_format="float")
    rows = np.array([item.embedding for item in answer.data], dtype="<f4")
    assert [row.tobytes() for row in rows] == embed_bytes(client, SENTENCES[:3])


def test_alone_in_a_batch_and_in_another_order_to_the_bit(client):
    texts = SENTENCES[::3]  # of every length
    together = embed_bytes(client, texts)
    assert embed_bytes(client, texts[::-1]) == together[::-1]
    for text, vector in list(zip(texts, together, strict=True))[::4]:
        assert embed_bytes(client, [text]) == [vector], text


def test_concurrent_clients_get_their_own_vectors(client):
    texts = SENTENCES[::3]
    together = embed_bytes(client, texts)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda text: embed_bytes(client, [text])[0], texts)) == together


def test_activation_can_be_turned_off(client, expected):
    raw = embed(client, SENTENCES[:5], use_activation=False)
    assert (raw.norm(dim=-1) - 1).abs().min() > 0.01
    assert_like(torch.nn.functional.normalize(raw, dim=-1), expected[:5])


def test_guides_curl_call(server, expected):
    body = json.dumps({"model": NAME, "input": SENTENCES[30]})
    command = ["curl", "-sS", f"{server.url}/v1/embeddings", "-H", "Content-Type: application/json", "-d", body]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answer["model"] == NAME and answer["object"] == "list"
    assert_like(torch.tensor([answer["data"][0]["embedding"]]), expected[30:31])


# --- inputs at the edge ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\0", "🙂🙂", "日本語", "word " * 252, "[CLS] [SEP] [PAD]"])
def test_odd_texts_are_served(client, reference, text):
    assert_like(embed(client, [text]), reference.encode([text]))


def refused(client, texts, **extra) -> str:
    with pytest.raises(openai.BadRequestError) as error:
        embed_bytes(client, texts, **extra)
    assert error.value.status_code == 400
    return str(error.value)


def test_longest_text_is_served_and_a_longer_one_refused(client, ids):
    token = ids[0][1]
    assert len(embed_bytes(client, [[token] * MAX_MODEL_LEN])) == 1
    assert str(MAX_MODEL_LEN) in refused(client, [[token] * (MAX_MODEL_LEN + 1)])
    refused(client, "word " * 300)
    refused(client, [SENTENCES[0], "word " * 300])
    assert len(embed_bytes(client, ["word " * 300], truncate_prompt_tokens=MAX_MODEL_LEN)) == 1


@pytest.mark.parametrize("bad", [-1, -(2**40), 30522, 2**40])
def test_bad_token_id_is_refused_and_its_companions_are_served(server, client, ids, bad):
    before = embed_bytes(client, [ids[20]])
    message = refused(client, [[101, bad, 102]])
    assert str(bad) in message and "vocabulary" in message
    refused(client, [ids[1], [101, bad, 102], ids[2]])
    with ThreadPoolExecutor(8) as pool:
        good = pool.map(lambda _: embed_bytes(client, [ids[20]]), range(12))
        worse = [pool.submit(refused, client, [[101, bad, 102]]) for _ in range(4)]
        assert list(good) == [before] * 12
        assert all(future.result() for future in worse)
    assert server.healthy()


def test_refusing_a_token_id_keeps_the_connection(server):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    for ids, status in (([[101, -1, 102]], 400), ([[101, 2000, 102]], 200), ([[]], 400), ([[101, 102]], 200)):
        body = json.dumps({"model": NAME, "input": ids})
        connection.request("POST", "/v1/embeddings", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == status, answer.read()
        answer.read()
        time.sleep(0.5)  # for the server to close the connection, if it does
    connection.close()


def test_a_connection_that_idled_is_open(idle_connection):
    """vLLM and uvicorn close it after 5 s, which is sooner than a proxy stops using it."""
    connection, used = idle_connection
    if time.monotonic() - used > 60:  # the tests before took so long that the server may close it
        connection.close()
        connection.auto_open = True
        connection.request("GET", "/v1/models")
        connection.getresponse().read()
        connection.auto_open, used = False, time.monotonic()
    time.sleep(max(0.0, used + 6 - time.monotonic()))
    connection.request("GET", "/v1/models")
    assert connection.getresponse().status == 200


@pytest.mark.parametrize("dimensions", [0, -1, 128, 385])
def test_dimensions_of_a_model_without_them_are_refused(client, dimensions):
    refused(client, ["text"], dimensions=dimensions)


@pytest.mark.parametrize("texts", [[], [[]], [[101, "x"]]])
def test_nothing_and_wrong_types_are_refused(client, texts):
    refused(client, texts)


def test_the_log_says_what_it_runs_on(server):
    assert "Serving on: " in server.log.read_text()
