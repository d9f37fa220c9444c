# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Vectors of a whole corpus: Parquet, JSON lines or text in, Parquet out, by Ray Data on the cards of one machine or more.

    python -m models.demos.wormhole.bge_large_en.demo.embed_corpus --input 'docs/*.parquet' --text-column text --output vectors/

Started again it goes on where it was: files in --output are whole, and are not made twice. Needs the package ray[data].
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from models.demos.wormhole.bge_large_en.demo.checkpoints import choose, choose_default
from models.demos.wormhole.bge_large_en.reference.published import BGE_LARGE
from models.demos.wormhole.bge_large_en.runner.target import DESCRIPTIONS, EMULATED, SILICON, SIMULATOR, NoCard
from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

MAX_ROWS_PER_FILE = 1_000_000
RAY = "the package ray[data] is not installed: pip install 'ray[data]'"


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--input", nargs="+", required=True, help="files or patterns: .parquet, .jsonl, .txt (a text a line)"
    )
    parser.add_argument("--output", required=True, help="folder of the job's own; on a cluster one that all nodes see")
    parser.add_argument(
        "--text-column", default="text", help="the column, or key of JSON, with the texts; default text"
    )
    parser.add_argument("--model", help=f"folder or hub name; default {BGE_LARGE}, else the MiniLM of a package")
    parser.add_argument("--profile", default=PROFILES[0], choices=PROFILES)
    parser.add_argument("--max-tokens", type=int, help="of a text; default what the checkpoint was made for")
    parser.add_argument(
        "--truncate", action="store_true", help="cut texts that are longer; otherwise they are bad rows"
    )
    parser.add_argument("--on-error", default="fail", choices=("fail", "skip"), help="at a bad row: end, or list it")
    parser.add_argument("--prefix", default="", help="put before every text, as E5's 'passage: '")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float16"), help="of the vectors")
    parser.add_argument("--rows-per-file", type=int, default=8192, help="of an output file at most; default 8192")
    parser.add_argument("--cards", type=int, help="how many to use; default all, of emulated ones 1")
    parser.add_argument("--ray-address", help="of a running cluster, HOST:PORT; default this machine alone")
    asked = parser.parse_args(arguments)
    for name, most in (("cards", None), ("max_tokens", None), ("rows_per_file", MAX_ROWS_PER_FILE)):
        value = getattr(asked, name)
        if value is not None and (value < 1 or most and value > most):
            limit = f"1 to {most}" if most else "at least 1"
            parser.error(f"--{name.replace('_', '-')} is {value}; allowed: {limit}")
    return asked


def make_job(asked: argparse.Namespace):
    """The job that is asked for. FileNotFoundError and ValueError for a checkpoint that can't be had or used."""
    from models.demos.wormhole.bge_large_en.demo.corpus.card import weights_sha256
    from models.demos.wormhole.bge_large_en.demo.corpus.texts import tokenizer_of
    from models.demos.wormhole.bge_large_en.demo.corpus.units import Encoder, Job
    from models.demos.wormhole.bge_large_en.tt import checkpoint

    choice = choose(asked.model) if asked.model else choose_default()
    print(f"model: {choice.served_name} ({choice.weights})", file=sys.stderr)
    folder = checkpoint.locate(choice.model)
    found, most = checkpoint.read(folder), checkpoint.longest_input(folder)
    if asked.max_tokens is not None and asked.max_tokens > most:
        raise ValueError(f"--max-tokens is {asked.max_tokens}; {choice.served_name} takes 1 to {most}")
    tokenizer_of(str(folder))  # fails here if it would later
    encoder = Encoder(
        choice.served_name,
        weights_sha256(folder),
        asked.profile,
        found.pooling,
        found.normalize,
        found.dims.hidden_size,
        asked.max_tokens or most,
        asked.prefix,
        asked.dtype,
    )
    output = os.path.abspath(asked.output)
    return Job(encoder, choice.model, output, asked.text_column, asked.truncate, asked.on_error == "skip")


def described(cards: int, address: str | None) -> str:
    if address is not None:
        return f"{cards} card(s) of the Ray cluster at {address}"
    emulated, simulated = os.environ.get("EMULATED_WORMHOLE") == "1", os.environ.get("TT_METAL_SIMULATOR")
    kind = EMULATED if emulated else SIMULATOR if simulated else SILICON
    return f"{cards} card(s), {DESCRIPTIONS[kind]}"


def embed(asked: argparse.Namespace, **encoder) -> str:
    """Do the job; what is to be said of it at the end."""
    from models.demos.wormhole.bge_large_en.demo.corpus.files import find_sources
    from models.demos.wormhole.bge_large_en.demo.corpus.ledger import ALL_ERRORS, Ledger
    from models.demos.wormhole.bge_large_en.demo.corpus.pipeline import Cluster

    paths = find_sources(asked.input)
    job = make_job(asked)
    ledger = Ledger.open(job)
    cluster = Cluster.start(asked.cards, asked.ray_address)
    try:
        print(f"running on: {described(cluster.cards, asked.ray_address)}", file=sys.stderr)
        units = ledger.units(paths, lambda new: cluster.cut(new, asked.text_column, asked.rows_per_file))
        done = ledger.done()
        left = [unit for unit in units if unit.name not in done]
        rows, there = sum(unit.rows for unit in units), sum(unit.rows for unit in units if unit.name in done)
        print(f"{len(paths)} input files, {rows} rows; {there} of them are done", file=sys.stderr)
        counts = dict.fromkeys(("rows", "texts", "bad", "truncated", "tokens", "computed"), 0)
        began = time.monotonic()
        with tqdm(total=rows, initial=there, unit=" texts", unit_scale=True, smoothing=0) as bar:
            columns = {path: source.columns for path, source in ledger.sources.items()}
            for found in cluster.embed(job, left, columns, **encoder) if left else ():
                counts = {name: counts[name] + found[name] for name in counts}
                bar.set_postfix_str(speed(counts, time.monotonic() - began), refresh=False)
                bar.update(found["rows"])
        seconds = time.monotonic() - began
        listed = ledger.bad_rows()
    finally:
        cluster.stop()
        ledger.close()
    said = (
        f"{rows} rows: {there} were done, {counts['texts']} embedded in {len(left)} files, {counts['bad']} bad, "
        f"{counts['truncated']} truncated; {counts['texts'] / seconds:.1f} texts/s, {speed(counts, seconds)}"
    )
    return said + (f"\n{listed} bad rows in all: {ledger.folder / ALL_ERRORS}" if listed else "")


def speed(counts: dict[str, int], seconds: float) -> str:
    """padding: of the tokens that a card computed, the share that is of no text."""
    padding = 1 - counts["tokens"] / counts["computed"] if counts["computed"] else 0
    return f"{counts['tokens'] / seconds:.0f} tokens/s, padding {padding:.0%}"


def main(arguments: Sequence[str] | None = None, **encoder) -> int:
    """encoder: make_encoder of Cluster.embed, in place of a card's."""
    asked = options(arguments)
    try:
        if importlib.util.find_spec("ray") is None:
            raise ModuleNotFoundError(RAY)
        print(embed(asked, **encoder))
    except (OSError, ValueError, RuntimeError, ModuleNotFoundError, NoCard) as error:
        print(f"embed_corpus: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("embed_corpus: interrupted; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
