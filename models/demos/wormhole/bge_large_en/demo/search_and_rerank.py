# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The search demo with a cross-encoder behind it, on the same device.

    python -m models.demos.wormhole.bge_large_en.demo.search_and_rerank --rerank BAAI/bge-reranker-base --query "…"

The best passages by cosine are scored as pairs with the query, and printed in the order of these scores. The other
options are those of interactive_demo.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cached_property

import torch
from transformers import AutoTokenizer

from models.demos.wormhole.bge_large_en.demo import interactive_demo
from models.demos.wormhole.bge_large_en.demo.checkpoints import choose
from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification, check_is_classifier
from models.demos.wormhole.bge_large_en.demo.search.similarity_plot import hit_lines
from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
from models.demos.wormhole.bge_large_en.runner.device_params import QUEUES
from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate, read_dims

PASSAGES = 4  # that are scored, for each that is wanted
PAIRS = 8  # rows of a step
MAX_PAIR = 512  # tokens


class Reranker:
    """A cross-encoder with one label that takes texts."""

    def __init__(self, device, name: str, profile: str = "performance"):
        """name: folder or hub name. FileNotFoundError or ValueError, naming it, for what is no cross-encoder."""
        folder = locate(choose(name).model)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.length = min(MAX_PAIR, read_dims(folder).max_position_embeddings)
        self.model = BGEForSequenceClassification(
            device=device,
            model_name=str(folder),
            max_seq_len=self.length,
            optimizations=profile,
            # The masks of packed rows stay in L1, where the encoder has its own already.
            buckets=default_buckets(self.length, PAIRS, packed=()),
            num_command_queues=QUEUES,
        )
        if self.model.labels != 1:
            raise ValueError(f"{name} has {self.model.labels} labels; a reranker has 1")

    def scores(self, query: str, texts: Sequence[str]) -> torch.Tensor:
        """(n,) fp32, activated as the checkpoint says; pairs are cut, the longer text first."""
        cut = dict(padding=False, truncation="longest_first", max_length=self.length)
        found = self.tokenizer([query] * len(texts), list(texts), **cut)
        types = found.get("token_type_ids", [None] * len(texts))
        rows = [Row(torch.tensor(i), None if t is None else torch.tensor(t)) for i, t in zip(found["input_ids"], types)]
        return self.model.activation(self.model.head(self.model.embed(rows)))[:, 0]


class RerankedSearch(interactive_demo.Search):
    """Search whose answers have the order and the scores of `reranker`, which is loaded at the first query."""

    name = ""

    @cached_property
    def reranker(self) -> Reranker:
        return Reranker(self.encoder.model.device, self.name)

    def ask(self, query: str, k: int) -> str:
        super().ask(query, k)
        best = [self.index.passages[number] for _, number in self.index.top(self.asked[-1][1], PASSAGES * k)]
        scores = self.reranker.scores(query, [passage.text for passage in best])
        order = scores.argsort(descending=True, stable=True).tolist()[:k]
        return hit_lines((scores[i].item(), best[i]) for i in order)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rerank", required=True, metavar="MODEL", help="folder or hub name of a cross-encoder")
    asked, others = parser.parse_known_args(arguments)
    try:
        check_is_classifier(locate(choose(asked.rerank).model))
    except (OSError, ValueError) as error:
        print(f"search_and_rerank: {error}", file=sys.stderr)
        return 1
    kind = type("NamedSearch", (RerankedSearch,), {"name": asked.rerank})
    return interactive_demo.main(others, kind)


if __name__ == "__main__":
    sys.exit(main())
