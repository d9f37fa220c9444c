# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Passages and their vectors, embedded by a thread that can be watched and stopped."""

import threading
from collections.abc import Sequence

import numpy as np

from models.demos.wormhole.bge_large_en.demo.search.passages import Passage
from models.demos.wormhole.bge_large_en.demo.web.client import PASSAGE, Client, Served, ServerError
from models.demos.wormhole.bge_large_en.demo.web.texts import fit

AT_ONCE = 16  # texts of a request: two device steps, so that a stop is soon heeded
TRIES = 30  # of a request that the server is too busy for


class Library:
    """Grows while its thread runs: `passages` and `vectors` (n, H) fp32 belong together when read by `snapshot`.

    failed: sentences on files that could not be read. error: the sentence that ended the embedding, or None.
    """

    def __init__(self, client: Client, served: Served):
        self.client, self.served = client, served
        self.failed: list[str] = []
        self.error: str | None = None
        self._done: list[tuple[Passage, np.ndarray]] = []
        self._waiting: list[Passage] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def snapshot(self) -> tuple[list[Passage], np.ndarray]:
        with self._lock:
            done = list(self._done)
        return [passage for passage, _ in done], np.array([vector for _, vector in done], dtype=np.float32)

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def progress(self) -> tuple[int, int]:
        """(embedded, all)"""
        with self._lock:
            return len(self._done), len(self._done) + len(self._waiting)

    def add(self, passages: Sequence[Passage]) -> None:
        with self._lock:
            self._waiting += passages
        self.go_on()

    def go_on(self) -> None:
        """Embed what waits, unless that is under way."""
        if not self.busy and self._waiting:
            self.error = None
            self._stopped.clear()
            self._thread = threading.Thread(target=self._embed, daemon=True, name="embedding")
            self._thread.start()

    def stop(self) -> None:
        """After the request that is under way."""
        self._stopped.set()

    def _embed(self) -> None:
        try:
            while self._waiting and not self._stopped.is_set():
                self._embed_group()
        except ServerError as error:
            self.error = str(error)

    def _embed_group(self) -> None:
        def count(text: str) -> int:
            return self.client.count_tokens(self.served.model, text)

        taken = 0
        group: list[Passage] = []
        while len(group) < AT_ONCE and taken < len(self._waiting):
            group += fit(self._waiting[taken], count, self.served.max_tokens)
            taken += 1
        rows = self._patiently([passage.text for passage in group])
        with self._lock:
            self._done += zip(group, rows)
            del self._waiting[:taken]

    def _patiently(self, texts: list[str]) -> np.ndarray:
        for left in range(TRIES, -1, -1):
            try:
                return self.client.embed(self.served.model, texts, PASSAGE)
            except ServerError as error:
                if error.status != 429 or not left or self._stopped.wait(error.wait_s or 1.0):
                    raise
        raise AssertionError("the last try returns or raises")


def joined(libraries: Sequence[Library]) -> tuple[list[Passage], np.ndarray]:
    """All of their passages, with vectors (n, H)."""
    parts = [library.snapshot() for library in libraries]
    vectors = [rows for _, rows in parts if len(rows)]
    passages = [passage for found, _ in parts for passage in found]
    return passages, np.concatenate(vectors) if vectors else np.zeros((0, 1), np.float32)
