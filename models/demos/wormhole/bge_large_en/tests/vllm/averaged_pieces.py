# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Finding a long text by a sentence of it: cut off, as the average of its pieces, and by a vector for each piece.

    python -m models.demos.wormhole.bge_large_en.tests.vllm.averaged_pieces

Prints a table: of queries whose sentence is within what a cut-off text keeps, and of those behind, how often the right
text is first, and the mean of 1 / its rank. Texts: of one subject, what installed packages say of themselves, and of
none, sentences of the STS benchmark in a random order. MiniLM's fp32 reference; pieces and average are the server's own.
"""

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

import torch

from models.demos.wormhole.bge_large_en.demo.checkpoints import registry_minilm, stsb_test
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end.pieces import averaged, cut

WAYS = ("cut off", "average", "best piece")
QUERIES_OF_A_TEXT = 8
LEAST_RELEVANT = 4  # of the STS benchmark's 0 to 5
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True)
class Query:
    """text: what is searched by; of: number of the text that holds its sentence; ends: tokens of that text up to its end."""

    text: str
    of: int
    ends: int


def count(tokenizer, text: str) -> int:
    """Tokens without the special ones."""
    return len(tokenizer(text, add_special_tokens=False, truncation=False, padding=False, verbose=False)["input_ids"])


def of_packages(tokenizer, tokens: tuple[int, int], seed: int = 0) -> tuple[list[str], list[Query]]:
    """What installed packages say of themselves, of so many tokens; queries: sentences of theirs, taken as they are."""
    found = {each.metadata["Name"]: each.metadata.get_payload() or "" for each in metadata.distributions()}
    texts, queries, draw = [], [], random.Random(seed)
    for name in sorted(found):
        text = " ".join(str(found[name]).split())
        if not tokens[0] <= count(tokenizer, text) <= tokens[1]:
            continue
        # Prose: a sentence that is in no other place, and is no code, link or table.
        plain = [s for s in _SENTENCE.split(text) if 8 <= len(s.split()) <= 40 and not re.search(r"[`|<>=*#/\\{}]", s)]
        for sentence in draw.sample(plain, min(QUERIES_OF_A_TEXT, len(plain))):
            end = text.index(sentence) + len(sentence)
            queries.append(Query(sentence, len(texts), count(tokenizer, text[:end])))
        texts.append(text)
    return texts, queries


def of_stsb(tokenizer, sentences: int, seed: int = 0) -> tuple[list[str], list[Query]]:
    """Texts of so many second sentences of pairs in a random order; queries: the first ones of pairs that mean the same."""
    drawn = list(dict.fromkeys(pair[1] for pair in stsb_test()))
    random.Random(seed).shuffle(drawn)
    groups = [drawn[start : start + sentences] for start in range(0, len(drawn) - sentences + 1, sentences)]
    place = {sentence: (of, i) for of, group in enumerate(groups) for i, sentence in enumerate(group)}
    queries = [
        Query(first, of, count(tokenizer, " ".join(groups[of][: i + 1])))
        for first, second, score in stsb_test()
        if score >= LEAST_RELEVANT and second in place and first != second
        for of, i in (place[second],)
    ]
    return [" ".join(group) for group in groups], queries


def vectors(encoder: ReferenceEncoder, texts: Sequence[str], longest: int) -> dict[str, list[torch.Tensor]]:
    """By way, the vectors (n, H) of each text, all of unit norm."""
    tokenizer = encoder.tokenizer
    found: dict[str, list[torch.Tensor]] = {way: [] for way in WAYS}
    for text in texts:
        ids = tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"]
        pieces = cut(ids, longest, tokenizer.cls_token_id, tokenizer.sep_token_id)
        rows = [encoder.forward(torch.tensor([piece]))[0] for piece in pieces]
        found["cut off"].append(rows[0][None])  # but for its length in tokens the first piece is the cut-off text
        found["average"].append(averaged(rows, [len(piece) for piece in pieces], normalize=True)[None])
        found["best piece"].append(torch.stack(rows))
    return found


def ranks(queries: torch.Tensor, texts: Sequence[torch.Tensor], wanted: Sequence[int]) -> torch.Tensor:
    """Place from 1 of each query's text, by its vector that is the nearest. queries: (Q, H); texts: of (n, H) each."""
    near = torch.stack([(queries @ rows.T).amax(1) for rows in texts], 1)  # (Q, texts)
    own = near.gather(1, torch.tensor(wanted)[:, None])
    return (near > own).sum(1) + 1


def measure(encoder: ReferenceEncoder, texts: Sequence[str], queries: Sequence[Query], longest: int) -> list[tuple]:
    """Rows of (where the sentence is, queries, way, share that is first, mean of 1 / rank)."""
    asked = encoder.encode([query.text for query in queries], max_length=longest)
    found = vectors(encoder, texts, longest)
    kept = torch.tensor([query.ends <= longest - 2 for query in queries])
    rows = []
    for where, mask in (("kept by a cut", kept), ("behind it", ~kept)):
        for way in WAYS:
            place = ranks(asked, found[way], [query.of for query in queries])[mask].float()
            rows.append((where, len(place), way, (place == 1).float().mean().item(), (1 / place).mean().item()))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-tokens", type=int, default=256, help="of a piece; default what MiniLM is made for")
    parser.add_argument("--most", type=int, default=2500, help="tokens of a text")
    parser.add_argument("--sentences", type=int, default=40, help="of the STS benchmark in a text")
    asked = parser.parse_args()
    folder = registry_minilm()
    if folder is None:
        print("averaged_pieces: no installed package holds all-MiniLM-L6-v2", file=sys.stderr)
        return 1
    encoder = ReferenceEncoder.from_pretrained(folder)
    print("| texts | number | sentence | queries | way | first | mean of 1 / rank |\n|---|---|---|---|---|---|---|")
    for name, (texts, queries) in (
        ("packages", of_packages(encoder.tokenizer, (2 * asked.max_tokens, asked.most))),
        ("STS-B", of_stsb(encoder.tokenizer, asked.sentences)),
    ):
        for where, number, way, first, mean in measure(encoder, texts, queries, asked.max_tokens):
            print(f"| {name} | {len(texts)} | {where} | {number} | {way} | {first:.1%} | {mean:.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
