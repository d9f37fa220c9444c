# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Semantic search over text and Markdown files, on the device.

    python -m models.demos.wormhole.bge_large_en.demo.interactive_demo --texts FOLDER --index notes.safetensors
    python -m models.demos.wormhole.bge_large_en.demo.interactive_demo --query "why do I weep in the kitchen?"
    pytest -s models/demos/wormhole/bge_large_en/demo/interactive_demo.py::test_interactive_demo_inference

Without --texts it searches knowledge_base.txt beside this file. MESH_DEVICE chooses the chips.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from loguru import logger
from tqdm import tqdm

from models.demos.wormhole.bge_large_en.demo.checkpoints import choose, choose_default, choose_located
from models.demos.wormhole.bge_large_en.demo.search.index import Maker, SearchIndex, build_index, load_index
from models.demos.wormhole.bge_large_en.demo.search.passages import read_passages, split_passages
from models.demos.wormhole.bge_large_en.demo.search.similarity_plot import hit_lines, plot_similarities
from models.demos.wormhole.bge_large_en.reference.published import BGE_LARGE
from models.demos.wormhole.bge_large_en.runner.device_params import DEVICE_PARAMS, QUEUES
from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, NoCard, target
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

KNOWLEDGE_BASE = Path(__file__).with_name("knowledge_base.txt")
MAX_SEQ_LEN = 384
EXIT = ("exit", "quit")
EXAMPLES = ("Why do I have to weep in the kitchen?", "I can't sign in any more", "How do insects find their food?")
TOLERANCE = 0.02  # of a cosine between device and fp32, tt-metal's of its demos


@dataclass
class Search:
    """Queries against an index of passages; remembers what was asked, for the plot.

    encoder: its encode() makes rows (n, H) of texts; instruction: put before queries.
    """

    index: SearchIndex
    encoder: Any
    instruction: str
    asked: list[tuple[str, torch.Tensor]] = field(default_factory=list)

    def ask(self, query: str, k: int) -> str:
        """The k best passages with their cosines, as text. ValueError for a query that is no Unicode text."""
        try:
            query.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the query is no Unicode text: {error}") from error
        (similar,) = self.index.similarities(self.encoder.encode([self.instruction + query]))
        self.asked.append((query, similar))
        return hit_lines((score, self.index.passages[number]) for score, number in self.index.top(similar, k))

    def plot(self, path: Path, k: int) -> None:
        """The k best passages of each query so far as bars, and of several queries all as a matrix, in a PNG file."""
        similar = torch.stack([row for _, row in self.asked])
        columns = list(dict.fromkeys(number for row in similar for _, number in self.index.top(row, k)))
        labels = [self.index.passages[number].text for number in columns]
        plot_similarities(path, [query for query, _ in self.asked], labels, similar[:, columns], k)


def open_index(encoder, name: str, profile: str, texts: Path, file: Path | None) -> SearchIndex:
    """The index of the passages in `texts`: from `file` where that holds them, else embedded now and saved there.

    ValueError when the file was made by another encoder, before anything is embedded.
    """
    maker = Maker.of(name, encoder.model, profile)
    passages = split_passages(read_passages(texts), encoder.tokenizer, encoder.max_seq_len)
    if file is not None and file.exists():
        index = load_index(file, maker)
        if index.passages == tuple(passages):
            logger.info(f"{len(passages)} passages from the index {file}")
            return index
        logger.info(f"the texts in {texts} are not those of {file}: embedding them again")
    index = build_index(maker, passages, encoder.encode, lambda groups: tqdm(groups, "embedding", unit="group"))
    logger.info(f"{len(passages)} passages embedded from {texts}")
    if file is not None:
        index.save(file)
        logger.info(f"index saved: {file}")
    return index


def converse(search: Search, k: int, read: Callable[[str], str] = input) -> None:
    """Answer queries from the terminal until exit, quit, Ctrl-D or Ctrl-C."""
    print("Type a query; exit, Ctrl-D or Ctrl-C ends.")
    while True:
        try:
            query = read("Query: ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if query.lower() in EXIT:
            return
        if query:
            answer(search, query, k)


def answer(search: Search, query: str, k: int) -> None:
    """Print the k best passages, or say on stderr what is wrong with the query."""
    try:
        print(search.ask(query, k))
    except ValueError as error:
        print(f"interactive_demo: {error}", file=sys.stderr)


def run_interactive_demo_inference(device, model_name, sequence_length, batch_size, kb_file, locate) -> None:
    """Three queries on the device beside fp32, then the user's own where there is a terminal (pytest -s)."""
    from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder, query_instruction
    from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
    from models.demos.wormhole.bge_large_en.tt.checkpoint import locate as locate_folder

    choice = choose_located(model_name, locate)
    folder = locate_folder(choice.model)
    logger.info(f"model: {choice.served_name} ({choice.weights})")
    options = dict(max_batch_size=batch_size, num_command_queues=QUEUES)
    with TextEncoder(device, folder, sequence_length, **options) as encoder:
        index = open_index(encoder, choice.served_name, PROFILES[0], KNOWLEDGE_BASE.with_name(kb_file), None)
        search = Search(index, encoder, query_instruction(folder, choice.served_name))
        for query in EXAMPLES:
            logger.info(f"{query}\n{search.ask(query, 3)}")
        reference = ReferenceEncoder.from_pretrained(folder)
        queries = reference.encode([search.instruction + query for query in EXAMPLES], encoder.max_seq_len)
        exact = queries @ reference.encode([passage.text for passage in index.passages], encoder.max_seq_len).T
        error = (torch.stack([similar for _, similar in search.asked]) - exact).abs().max().item()
        logger.info(f"largest difference of a similarity to fp32: {error:.4f}")
        assert error <= TOLERANCE, f"a similarity differs by {error:.4f} from fp32; the limit is {TOLERANCE}"
        if sys.stdin.isatty():
            converse(search, 3)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(
    "model_name, sequence_length, batch_size, kb_file", [(BGE_LARGE, MAX_SEQ_LEN, 8, KNOWLEDGE_BASE.name)]
)
def test_interactive_demo_inference(device, model_name, sequence_length, batch_size, kb_file, model_location_generator):
    run_interactive_demo_inference(device, model_name, sequence_length, batch_size, kb_file, model_location_generator)


@pytest.mark.parametrize("device_params", DEVICE_PARAMS, indirect=True)
@pytest.mark.parametrize(
    "model_name, sequence_length, device_batch_size, kb_file", [(BGE_LARGE, MAX_SEQ_LEN, 8, KNOWLEDGE_BASE.name)]
)
def test_interactive_demo_inference_dp(
    mesh_device, model_name, sequence_length, device_batch_size, kb_file, model_location_generator
):
    run_interactive_demo_inference(
        mesh_device, model_name, sequence_length, device_batch_size, kb_file, model_location_generator
    )


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, default=KNOWLEDGE_BASE, help="a .txt or .md file, or a folder of them")
    parser.add_argument("--index", type=Path, help="file that keeps the embedded passages for the next time")
    parser.add_argument("--model", help=f"folder or hub name; default {BGE_LARGE}, else the MiniLM of a package")
    parser.add_argument("--profile", default=PROFILES[0], choices=PROFILES)
    parser.add_argument("--max-seq-len", type=int, default=MAX_SEQ_LEN, help="tokens of a passage at most; default 384")
    parser.add_argument("--query-instruction", help="put before queries; default what the checkpoint wants")
    parser.add_argument("--top-k", type=int, default=3, help="passages per query; default 3")
    parser.add_argument("--query", action="append", help="answer this, and end; may be given again")
    parser.add_argument("--plot", type=Path, help="PNG file to draw the best passages of all queries to")
    asked = parser.parse_args(arguments)
    for name, least in (("max_seq_len", 8), ("top_k", 1)):
        if getattr(asked, name) < least:
            parser.error(f"--{name.replace('_', '-')} is {getattr(asked, name)}; at least {least} is needed")
    return asked


def main(arguments: Sequence[str] | None = None, kind: Callable[..., Search] = Search) -> int:
    asked = options(arguments)
    try:
        runs_on = DESCRIPTIONS[target()]
    except NoCard as error:
        print(f"interactive_demo: {error}", file=sys.stderr)
        return 1
    print(f"running on: {runs_on}", file=sys.stderr)
    from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder, open_device, query_instruction
    from models.demos.wormhole.bge_large_en.tt.checkpoint import locate

    try:
        choice = choose(asked.model) if asked.model else choose_default()
        print(f"model: {choice.served_name} ({choice.weights})", file=sys.stderr)
        folder = locate(choice.model)
        read_passages(asked.texts)  # fails before the device is opened
        with (
            open_device() as device,
            TextEncoder(
                device, folder, asked.max_seq_len, optimizations=asked.profile, num_command_queues=QUEUES
            ) as encoder,
        ):
            index = open_index(encoder, choice.served_name, asked.profile, asked.texts, asked.index)
            instruction = asked.query_instruction
            if instruction is None:
                instruction = query_instruction(folder, choice.served_name)
            search = kind(index, encoder, instruction)
            for query in asked.query or ():
                print(f"Query: {query}")
                answer(search, query, asked.top_k)
            if not asked.query:
                converse(search, asked.top_k)
            if asked.plot and search.asked:
                search.plot(asked.plot, asked.top_k)
                print(f"plot: {asked.plot}", file=sys.stderr)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        print(f"interactive_demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interactive_demo: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
