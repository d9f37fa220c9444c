# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The server's public API, as far as the page uses it."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import requests
from prometheus_client.parser import text_string_to_metric_families

CONNECT_S, ANSWER_S = 5, 600  # an emulated device takes its time
QUERY, PASSAGE = "search_query", "search_document"  # the server puts the checkpoint's prompts before them


class ServerError(RuntimeError):
    """What the server said, or why it said nothing. status: of HTTP, 0 without an answer. wait_s: its Retry-After."""

    def __init__(self, message: str, status: int = 0, wait_s: float = 0.0):
        super().__init__(message)
        self.status, self.wait_s = status, wait_s


@dataclass(frozen=True)
class Served:
    """The model of a server; max_tokens: of a text."""

    model: str
    max_tokens: int


@dataclass
class Tally:
    """Of what one page asked. latencies: seconds of the last requests."""

    requests: int = 0
    tokens: int = 0
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=100))


class Samples:
    """What /metrics said: (sample name, labels) -> value."""

    def __init__(self, text: str):
        self.at = time.monotonic()
        self.found = [
            (s.name, s.labels, s.value) for family in text_string_to_metric_families(text) for s in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name with (at least) these labels."""
        return sum(value for sample, of, value in self.found if sample == name and labels.items() <= of.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        return [of for sample, of, _ in self.found if sample == name]


class Client:
    """One server at `url`; key: its API key. Every method raises ServerError."""

    def __init__(self, url: str, key: str | None = None):
        self.url, self.key, self.tally = url.rstrip("/"), key, Tally()

    def served(self) -> Served:
        try:
            card = self._json("GET", "/v1/models")["data"][0]
            return Served(card["id"], int(card["max_model_len"]))
        except (LookupError, TypeError, ValueError):
            raise ServerError(f"{self.url}/v1/models names no model: is that an embedding server?") from None

    def version(self) -> str:
        return str(self._json("GET", "/version").get("version", "unknown"))

    def metrics(self) -> Samples:
        return Samples(self._ask("GET", "/metrics").text)

    def embed(self, model: str, texts: Sequence[str], kind: str) -> np.ndarray:
        """(n, H) fp32 of unit length. kind: QUERY or PASSAGE."""
        asked = {"model": model, "texts": list(texts), "input_type": kind, "truncate": "NONE"}
        answer = self._timed("/v2/embed", {**asked, "embedding_types": ["float"]})
        self.tally.tokens += int(answer.get("meta", {}).get("billed_units", {}).get("input_tokens") or 0)
        return unit(answer["embeddings"]["float"])

    def embed_plain(self, model: str, texts: Sequence[str]) -> np.ndarray:
        """(n, H) fp32 of unit length, without a prompt."""
        answer = self._timed("/v1/embeddings", {"model": model, "input": list(texts)})
        self.tally.tokens += answer["usage"]["prompt_tokens"]
        return unit([item["embedding"] for item in answer["data"]])

    def rerank(self, model: str, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text, in their order."""
        answer = self._timed("/rerank", {"model": model, "query": query, "documents": list(texts)})
        self.tally.tokens += int(answer.get("usage", {}).get("total_tokens") or 0)
        scores = {item["index"]: item["relevance_score"] for item in answer["results"]}
        return [scores[i] for i in range(len(texts))]

    def count_tokens(self, model: str, text: str) -> int:
        """[CLS] and [SEP] counted."""
        return self._json("POST", "/tokenize", {"model": model, "prompt": text})["count"]

    def _timed(self, path: str, body: dict) -> dict:
        start = time.perf_counter()
        answer = self._json("POST", path, body)
        self.tally.latencies.append(time.perf_counter() - start)
        self.tally.requests += 1
        return answer

    def _json(self, method: str, path: str, body: dict | None = None) -> dict[str, Any]:
        try:
            return self._ask(method, path, body).json()
        except requests.JSONDecodeError:
            raise ServerError(f"{self.url}{path} answers something that is not JSON") from None

    def _ask(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            answer = requests.request(
                method, self.url + path, json=body, headers=headers, timeout=(CONNECT_S, ANSWER_S)
            )
        except requests.Timeout:
            raise ServerError(f"{self.url} does not answer in time") from None
        except requests.RequestException:
            raise ServerError(f"nothing answers at {self.url}: is the server running?") from None
        if answer.status_code >= 400:
            wait = answer.headers.get("Retry-After", "")
            raise ServerError(_sentence(answer), answer.status_code, float(wait) if wait.isdigit() else 0.0)
        return answer


def unit(rows: Sequence) -> np.ndarray:
    """(n, H) fp32, each row of length 1."""
    found = np.asarray(rows, dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True).clip(min=1e-12)


def _sentence(answer: requests.Response) -> str:
    """Its error's message, with the status before it."""
    try:
        message = answer.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        message = answer.text.strip()[:300] or answer.reason
    return f"{answer.status_code}: {message}"
