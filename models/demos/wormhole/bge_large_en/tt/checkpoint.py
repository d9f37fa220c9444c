# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A checkpoint folder in the layout of sentence-transformers: where it is, its dims, its pooling."""

import json
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from models.demos.wormhole.bge_large_en.tt.dims import BertDims

_FILES = ["*.json", "*.txt", "*.safetensors"]


@dataclass(frozen=True)
class Checkpoint:
    """folder: local; pooling: "cls" or "mean"; normalize: whether rows are L2 normalised."""

    folder: Path
    dims: BertDims
    pooling: str
    normalize: bool


def locate(name: str, model_location_generator=None) -> Path:
    """The local folder of checkpoint `name`: a folder, or a hub name that is downloaded or found in the local cache.

    model_location_generator: tt-metal's function from name to folder or name, called with one argument.
    FileNotFoundError, naming it, when the checkpoint can't be had.
    """
    wanted = str(model_location_generator(name)) if model_location_generator is not None else str(name)
    if Path(wanted).is_dir():
        return Path(wanted)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(wanted, allow_patterns=_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise FileNotFoundError(
            f"checkpoint {wanted!r} is no local folder, is not in the local Hugging Face cache and can't be downloaded "
            f"({type(error).__name__})"
        ) from error


def read(folder: Path) -> Checkpoint:
    """Read config.json, modules.json and the pooling module's config.json.

    FileNotFoundError without a config.json, ValueError for a model, a pooling or a module that is not supported.
    Without modules.json the rows are CLS pooled and normalised, which is what BGE wants.
    """
    from transformers import AutoConfig

    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds no config.json")
    dims = BertDims.from_hf(AutoConfig.from_pretrained(folder))
    if not (folder / "modules.json").is_file():
        logger.warning(f"{folder} has no modules.json: pooling by CLS and normalising, as BGE does")
        return Checkpoint(folder, dims, "cls", True)
    modules = {m["type"].rsplit(".", 1)[-1]: m["path"] for m in json.loads((folder / "modules.json").read_text())}
    unknown = modules.keys() - {"Transformer", "Pooling", "Normalize"}
    if unknown or "Pooling" not in modules:
        raise ValueError(
            f"{folder}/modules.json has modules {sorted(modules)}; Transformer, Pooling, Normalize are known"
        )
    return Checkpoint(folder, dims, _pooling(folder / modules["Pooling"] / "config.json"), "Normalize" in modules)


def _pooling(path: Path) -> str:
    modes = {key for key, on in json.loads(path.read_text()).items() if key.startswith("pooling_mode_") and on is True}
    for mode, key in (("cls", "pooling_mode_cls_token"), ("mean", "pooling_mode_mean_tokens")):
        if modes == {key}:
            return mode
    raise ValueError(f"{path} asks for {sorted(modes)}; CLS or mean pooling is supported")
