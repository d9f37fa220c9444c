# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A checkpoint folder in the layout of sentence-transformers: where it is, its dims, its pooling."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from models.demos.wormhole.bge_large_en.tt.dims import BertDims, check_model_type

_FILES = ["*.json", "*.txt", "*.safetensors"]
_MODULES = {"Transformer", "Pooling", "Normalize"}
# sentence-transformers up to 5.3 has a flag for each; later releases have one text or list, "pooling_mode".
_FLAGS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}


@dataclass(frozen=True)
class PooledBy:
    """pooling: "cls" or "mean"; normalize: whether rows are L2 normalised; declared: whether the checkpoint says so."""

    pooling: str
    normalize: bool
    declared: bool = True


@dataclass(frozen=True)
class Checkpoint:
    """folder: local; pooled_by: what becomes of the last hidden states."""

    folder: Path
    dims: BertDims
    pooled_by: PooledBy

    @property
    def pooling(self) -> str:
        return self.pooled_by.pooling

    @property
    def normalize(self) -> bool:
        return self.pooled_by.normalize


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
    """Read config.json, and by `pooled_by` what is done with the encoder's rows.

    FileNotFoundError without a config.json, ValueError for a model, a pooling or a module that is not supported.
    """
    folder = Path(folder)
    dims = read_dims(folder)
    found = pooled_by(lambda name: _json(folder / name), folder)
    if not found.declared:
        logger.warning(f"{folder} has no modules.json: mean pooling, not normalised, as sentence-transformers has it")
    return Checkpoint(folder, dims, found)


def read_dims(folder: Path) -> BertDims:
    """FileNotFoundError without a config.json, ValueError for a model that is not supported."""
    from transformers import AutoConfig

    config = _json(folder / "config.json")
    if not isinstance(config, dict):
        raise FileNotFoundError(f"{folder} holds no config.json")
    check_model_type(config.get("model_type"))  # before transformers asks for code of the checkpoint's own
    return BertDims.from_hf(AutoConfig.from_pretrained(folder))


def longest_input(folder: str | Path) -> int:
    """Tokens of the longest input a checkpoint was made for: sentence_bert_config.json, within config.json's positions."""
    positions = read_dims(Path(folder)).max_position_embeddings
    config = _json(Path(folder) / "sentence_bert_config.json")
    return min(positions, (config if isinstance(config, dict) else {}).get("max_seq_length") or positions)


def pooled_by(load: Callable[[str], dict | list | None], name: str | Path) -> PooledBy:
    """Pooling and normalising as sentence-transformers does them, whichever of its releases saved the checkpoint.

    load: from a file's name in the checkpoint to its JSON, None where there is no such file. Without modules.json that
    is mean pooling. ValueError, naming it, for another pooling or module.
    """
    listed = load("modules.json")
    if listed is None:
        return PooledBy("mean", False, declared=False)
    modules = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in listed}
    if modules.keys() - _MODULES or "Pooling" not in modules:
        raise ValueError(
            f"{name}/modules.json has modules {sorted(modules)}; Transformer, Pooling, Normalize are known"
        )
    if modules.get("Transformer"):
        raise ValueError(
            f"{name}/modules.json has the Transformer in {modules['Transformer']!r}; allowed: beside itself"
        )
    path = f"{modules['Pooling']}/config.json"
    config = load(path)
    if not isinstance(config, dict):
        raise FileNotFoundError(f"{name} holds no {path}, which its modules.json names")
    modes = config.get("pooling_mode", None)
    if modes is None:
        modes = [_FLAGS.get(key, key) for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if len(modes) != 1 or modes[0] not in _FLAGS.values():
        raise ValueError(f"{name}/{path} asks for {sorted(modes)}; CLS or mean pooling is supported")
    if config.get("include_prompt", True) is not True:
        raise ValueError(f"{name}/{path} has include_prompt {config['include_prompt']!r}; allowed: true")
    return PooledBy(modes[0], "Normalize" in modules)


def _json(path: Path) -> dict | list | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
