# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The table of bad inputs against a live server, while good clients ask it too, and against BGEForEmbedding."""

import base64
import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

pytest.importorskip("vllm")

import torch

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.bad_inputs import (
    ANY_PARAM,
    EMBEDDINGS,
    LEGAL,
    LEGAL_IDS,
    MEDIA_URL,
    ROWS,
    Bad,
)
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count
from models.demos.wormhole.bge_large_en.tests.vllm.server import NAME, START_LIMIT_S, assert_like
from models.demos.wormhole.bge_large_en.tests.vllm.vllms import NO_WIDTH, OTHER_WIDTH

pytestmark = [pytest.mark.server, pytest.mark.timeout(START_LIMIT_S + 300)]

GOOD = [SENTENCES[i] for i in (0, 12, 40, 64)]  # 1 to 35 words
GOOD_CLIENTS, PAUSE_S = 2, 1.0


class Connection:
    """One kept-alive connection; fails when the server closes it."""

    def __init__(self, server):
        self._http = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=120)
        self._http.connect()
        self._http.auto_open = False

    def ask(self, method: str, path: str, body=None, headers: dict | None = None) -> tuple[int, dict, bytes]:
        self._http.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = self._http.getresponse()
        return answer.status, dict(answer.headers), answer.read()

    def send(self, bad: Bad) -> tuple[int, dict, bytes]:
        body = bad.body if isinstance(bad.body, bytes) else json.dumps({"model": NAME, **bad.body}).encode()
        return self.ask(bad.method, bad.path, body, bad.headers)

    def embed(self, texts) -> list[bytes]:
        """float32 bytes of each vector."""
        body = json.dumps({"model": NAME, "input": texts, "encoding_format": "base64"})
        status, _, answer = self.ask("POST", EMBEDDINGS, body)
        assert status == 200, answer[:500]
        return [base64.b64decode(item["embedding"]) for item in json.loads(answer)["data"]]

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def connection(server) -> Iterator[Connection]:
    connection = Connection(server)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def alone(server) -> dict[str, bytes]:
    """Each good text's vector, computed alone."""
    connection = Connection(server)
    vectors = {text: connection.embed([text])[0] for text in GOOD}
    connection.close()
    return vectors


@pytest.fixture(scope="module", autouse=True)
def good_clients(server, alone) -> Iterator[None]:
    """Clients that go on asking while the table is sent, and get what they would get alone, to the bit."""
    stop, found = threading.Event(), Counter()

    def ask(number: int) -> None:
        while not stop.wait(PAUSE_S):
            connection = Connection(server)
            for _ in range(10):
                texts = GOOD[number::GOOD_CLIENTS]
                try:
                    found["right" if connection.embed(texts) == [alone[text] for text in texts] else "wrong"] += 1
                except Exception as error:
                    found[f"failed: {error!r}"] += 1
                    break
                if stop.wait(PAUSE_S):
                    break
            connection.close()

    with ThreadPoolExecutor(GOOD_CLIENTS) as pool:
        clients = [pool.submit(ask, number) for number in range(GOOD_CLIENTS)]
        yield
        stop.set()
        for client in clients:
            client.result()
    count("good requests beside the bad inputs, all exact", found["right"])
    assert found["right"] and set(found) == {"right"}, found


def refusal(status: int, headers: dict, body: bytes) -> dict:
    """The error object of an answer that has OpenAI's shape."""
    assert headers["content-type"] == "application/json", headers
    said = json.loads(body)
    assert set(said) == {"error"} and set(said["error"]) == {"message", "type", "param", "code"}, said
    error = said["error"]
    assert error["code"] == status and isinstance(error["type"], str) and isinstance(error["message"], str), error
    assert 0 < len(error["message"]) <= 1001 and "site-packages" not in error["message"], error
    return error


@pytest.mark.parametrize("bad", ROWS, ids=str)
def test_refused_and_the_next_is_served(server, connection, alone, bad):
    status, headers, body = connection.send(bad)
    assert status == bad.status, (status, body[:500])
    error = refusal(status, headers, body)
    assert bad.says in error["message"], error
    assert bad.param == ANY_PARAM or error["param"] == bad.param, error
    text = GOOD[len(str(bad)) % 2]  # the short ones
    assert connection.embed([text]) == [alone[text]], "after a refusal, on the same connection"
    count("bad inputs tried against the server")


def test_a_connection_outlives_any_number_of_refusals(connection, alone):
    """vLLM alone closes it after each bare ValueError, such as a dimension, and the client's next request is lost."""
    kinds = [ROWS[0], *(bad for bad in ROWS if bad.says in (NO_WIDTH, OTHER_WIDTH) or "does not exist" in bad.says)]
    assert len(kinds) > 5
    for bad in kinds * 30:
        status, _, body = connection.send(bad)
        assert status == bad.status, body
    assert connection.embed(GOOD[:1]) == [alone[GOOD[0]]]
    count("bad inputs tried against the server", len(kinds) * 30)


def test_a_body_that_never_says_how_long_it_is(server, connection, alone):
    """Chunked: refused at the limit, and the rest of it is not taken for the next request."""
    chunks = (b" " * 2**16 for _ in range(200))  # 12.5 MiB
    status, headers, body = connection.ask("POST", EMBEDDINGS, chunks)
    assert status == 413 and "the limit is 8388608 bytes" in refusal(status, headers, body)["message"]
    assert connection.embed(GOOD[:1]) == [alone[GOOD[0]]]
    good = json.dumps({"model": NAME, "input": GOOD[0]}).encode()
    assert connection.ask("POST", EMBEDDINGS, iter([good[:9], good[9:]]))[0] == 200
    count("bad inputs tried against the server")


BROKEN_HTTP = [
    b"GARBAGE\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 2**20 + b"\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",  # and then nothing
    bytes(range(256)) * 40,
]


@pytest.mark.parametrize("sent", BROKEN_HTTP, ids=lambda sent: repr(sent[:60]))
def test_what_is_no_http_harms_nobody(server, connection, alone, sent):
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        try:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(2**16)
        except OSError:
            answer = b""  # closed in the middle of it
    assert not answer or answer.split()[1].startswith(b"4"), answer[:200]
    assert connection.embed(GOOD[:1]) == [alone[GOOD[0]]]
    count("bad inputs tried against the server")


def test_no_address_in_a_request_is_visited(connection):
    """vLLM alone fetches an image before it finds that the model takes none: a way into the server's network."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(1)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/image.png"
        sent = 0
        for bad in ROWS:
            body = json.dumps(bad.body) if isinstance(bad.body, dict) else ""
            if MEDIA_URL in body:
                status, _, _ = connection.send(replace(bad, body=json.loads(body.replace(MEDIA_URL, url))))
                assert status == 400
                sent += 1
        assert sent >= 9
        with pytest.raises(TimeoutError):
            listener.accept()
    count("bad inputs tried against the server", sent)


def test_one_request_id_twice_at_a_time(server, alone):
    """Two clients may give the same X-Request-Id: each gets its own vectors."""

    def ask(text: str) -> bytes:
        connection = Connection(server)
        body = json.dumps({"model": NAME, "input": text, "encoding_format": "base64"})
        status, _, answer = connection.ask("POST", EMBEDDINGS, body, {"X-Request-Id": "the-same"})
        connection.close()
        assert status == 200, answer[:500]
        return base64.b64decode(json.loads(answer)["data"][0]["embedding"])

    texts = GOOD[:2] * 6
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, texts)) == [alone[text] for text in texts]


def test_every_request_was_only_refused(server):
    """Nothing in the table got as far as an exception that nobody expected."""
    log = server.log.read_text(errors="replace")
    assert "Exception in ASGI application" not in log and "failed\nTraceback" not in log
    assert server.healthy()


# --- odd, and right ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def together(server) -> list[bytes]:
    connection = Connection(server)
    rows = connection.embed(LEGAL)
    connection.close()
    return rows


def vectors_of(rows: list[bytes]) -> torch.Tensor:
    return torch.stack([torch.frombuffer(bytearray(row), dtype=torch.float32) for row in rows])


def test_odd_texts_have_the_vectors_of_the_reference(together, reference):
    vectors = vectors_of(together)
    assert vectors.isfinite().all()
    assert_like(vectors, reference.encode(LEGAL))


@pytest.mark.parametrize("index", range(len(LEGAL)), ids=lambda index: ascii(LEGAL[index][:20]))
def test_an_odd_text_alone_is_itself_in_a_batch(connection, together, index):
    assert connection.embed(LEGAL[index]) == [together[index]]
    count("odd but legal inputs tried against the server")


def test_odd_ids(connection):
    rows = connection.embed(LEGAL_IDS)
    vectors = vectors_of(rows)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(len(rows)), atol=1e-5, rtol=0)
    for ids, row in zip(LEGAL_IDS, rows, strict=True):
        assert connection.embed(ids) == [row] == connection.embed([ids])
    count("odd but legal inputs tried against the server", len(LEGAL_IDS))


def test_duplicates_are_one_and_the_same(connection, alone):
    assert connection.embed([GOOD[0]] * 200) == [alone[GOOD[0]]] * 200


def test_longer_texts_are_cut_where_that_is_asked(connection):
    body = {"model": NAME, "input": ["a" * 10**6, "word " * 10**5], "truncate_prompt_tokens": -1}
    status, _, answer = connection.ask("POST", EMBEDDINGS, json.dumps(body))
    assert status == 200 and len(json.loads(answer)["data"]) == 2
    body["input"] = [[101] * 8192]
    assert connection.ask("POST", EMBEDDINGS, json.dumps(body))[0] == 200


def test_a_byte_order_mark_is_no_mistake(connection, alone):
    body = json.dumps({"model": NAME, "input": GOOD[0], "encoding_format": "base64"}).encode("utf-8-sig")
    status, _, answer = connection.ask("POST", EMBEDDINGS, body)
    assert base64.b64decode(json.loads(answer)["data"][0]["embedding"]) == alone[GOOD[0]]
