# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A card and the process that has it: which one, the encoder on it, ids -> vectors. ttnn is imported once it has a card."""

import atexit
import fcntl
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder
from models.demos.wormhole.bge_large_en.runner.device_params import L1_SMALL_SIZE, QUEUES, TRACE_REGION_SIZE
from models.demos.wormhole.bge_large_en.runner.mesh import VISIBLE, visible_cards
from models.demos.wormhole.bge_large_en.runner.target import NODES, NoCard
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

HOOKS = "tt_device_processes"  # entry points: functions to be called in a process before it imports ttnn
TEXTS_AT_ONCE = 1024  # planned into steps together: more plan hardly better, and the card waits for the plan
SECONDS_FOR_A_CARD = 60  # that the process before has to let go of it


def cards_here() -> list[str] | None:
    """The cards of this machine by number or address, [] where there is none, None for any number of emulated ones.

    A simulator is one. Reads the environment and /dev only. ValueError for a TT_VISIBLE_DEVICES of another form.
    """
    if os.environ.get("EMULATED_WORMHOLE") == "1":
        return None
    if os.environ.get("TT_METAL_SIMULATOR"):
        return ["0"]
    return visible_cards(os.environ) or sorted((node.name for node in NODES.glob("*") if node.name.isdigit()), key=int)


def take_card(seconds: float = SECONDS_FOR_A_CARD):
    """Make one free card of this machine the only one that this process sees; what is returned holds it.

    Free is what no other process holds in this way; one that dies lets go, however it dies. RuntimeError when none
    becomes free in so many seconds, NoCard where there is none.
    """
    cards, deadline = cards_here(), time.monotonic() + seconds
    if cards is None or os.environ.get("TT_METAL_SIMULATOR"):
        return None
    if not cards:
        raise NoCard(f"no Tenstorrent card: {NODES} is empty")
    while True:
        for card in cards:
            file = open(Path(tempfile.gettempdir(), f"tt_corpus_card_{card}.lock"), "a")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
            else:
                os.environ[VISIBLE] = card
                return file
        if time.monotonic() > deadline:
            raise RuntimeError(f"none of the cards {', '.join(cards)} became free in {seconds:g} s")
        time.sleep(0.2)


def weights_sha256(folder: Path) -> str:
    """Of the safetensors files, in the order of their names. FileNotFoundError where there is none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no *.safetensors")
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            while data := file.read(2**20):
                digest.update(data)
    return digest.hexdigest()


class CardEncoder:
    """BGEForEmbedding on the one card of this process."""

    def __init__(self, encoder: Encoder, folder: str):
        """ValueError when the weights here are not the job's; what BGEForEmbedding raises."""
        found = locate(folder)
        here = weights_sha256(found)
        if here != encoder.weights_sha256:
            raise ValueError(f"{found} has weights of sha256 {here}; the job's are {encoder.weights_sha256}")
        self._held = take_card()
        for hook in entry_points(group=HOOKS):
            hook.load()()
        from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
        from models.demos.wormhole.bge_large_en.runner.mesh import open_mesh
        from models.demos.wormhole.bge_large_en.runner.runner import DeviceLost

        self._lost = DeviceLost
        self._computed = 0
        self._mesh = open_mesh(l1_small_size=L1_SMALL_SIZE, trace_region_size=TRACE_REGION_SIZE)
        self._model = BGEForEmbedding(
            device=self._mesh,
            model_name=str(found),
            max_seq_len=encoder.max_tokens,
            optimizations=encoder.profile,
            num_command_queues=QUEUES,
            observer=self._observe,
        )
        atexit.register(self.close)

    def _observe(self, step, tokens: int, seconds: float) -> None:
        self._computed += step.batch * step.sequence

    def __call__(self, ids: Sequence[list[int]]) -> tuple[np.ndarray, int]:
        """Ids of n texts -> (n, H) fp32, pooled and normalised as the checkpoint says, and the tokens computed for them.

        On a card that is lost the process ends: Ray starts another and has it do the same again.
        """
        import torch

        before = self._computed
        rows = [torch.empty(0, self._model.get_embedding_dim())]
        try:
            for start in range(0, len(ids), TEXTS_AT_ONCE):
                rows.append(self._model.embed(ids[start : start + TEXTS_AT_ONCE]))
        except self._lost as error:
            print(f"the card is lost: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        found = torch.cat(rows)
        if self._model.normalize:
            found = torch.nn.functional.normalize(found, dim=-1)
        return found.numpy(), self._computed - before

    def close(self) -> None:
        """Free the encoder and close the card."""
        import ttnn

        self._model.close()
        ttnn.close_mesh_device(self._mesh)
