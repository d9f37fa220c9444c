# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a checkpoint says of its vectors, put into vLLM's configuration where vLLM reads it wrongly or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.tt.checkpoint import pooled_by
from models.demos.wormhole.bge_large_en.tt.dims import BertDims

if TYPE_CHECKING:
    from vllm.config import ModelConfig

logger = init_logger("vllm.tt_pooling.checkpoint_config")


def say_positions_are_absolute() -> None:
    """Give XLM-R's config, in this process, the position_embedding_type that transformers 5 no longer has nor saves.

    vLLM 0.25.1 reads it of every XLMRobertaModel, and ends in an AttributeError. A config.json that has one keeps it.
    """
    from transformers import XLMRobertaConfig

    if not hasattr(XLMRobertaConfig, "position_embedding_type"):
        XLMRobertaConfig.position_embedding_type = "absolute"  # type: ignore[attr-defined]


def check_dims(model_config: "ModelConfig") -> None:
    """ValueError, naming it, for what the encoder does not compute, or a length past the checkpoint's positions."""
    most = BertDims.from_hf(model_config.hf_config).max_position_embeddings
    if model_config.max_model_len > most:
        raise ValueError(f"max_model_len is {model_config.max_model_len}; the checkpoint takes texts of 1 to {most}")


def pool_as_the_checkpoint(model_config: "ModelConfig") -> None:
    """Set pooling and normalising, in place, to what sentence-transformers does with the same checkpoint.

    vLLM 0.25.1 knows neither the names that sentence-transformers gives modules since 6.0 nor the texts it has had for
    poolings since 5.4: it takes CLS for each, and normalises. --pooler-config chooses the pooling of a checkpoint that
    declares none, and everywhere whether to normalise. ValueError for another pooling than the checkpoint's.
    """
    pooler = model_config.pooler_config
    if getattr(pooler, "seq_pooling_type", None) is None:  # the fork's vLLM has another name for it
        return
    from vllm.transformers_utils.config import get_pooling_config

    model = (model_config.model, model_config.revision)
    found = pooled_by(lambda name: _read(name, *model), model_config.model)
    read = get_pooling_config(*model) or {}  # what vLLM makes of it
    default = read.get("seq_pooling_type", "CLS")
    asked = getattr(pooler, "pooling_type", None) or (
        pooler.seq_pooling_type if pooler.seq_pooling_type != default else None
    )
    wanted = found.pooling.upper()
    if not found.declared and asked in ("CLS", "MEAN"):
        wanted = asked
    if asked not in (None, wanted):
        raise ValueError(
            f"pooler_config has seq_pooling_type {asked!r}; model {model_config.model!r} allows {wanted!r} only"
        )
    pooler.seq_pooling_type = wanted
    if pooler.use_activation in (None, read.get("use_activation")):
        pooler.use_activation = found.normalize
    _tell(_read("config_sentence_transformers.json", *model) or {}, found.normalize)


def _read(name: str, model: str, revision: str | None) -> Any:
    """A checkpoint's JSON file; None where there is none: of a folder vLLM 0.16 asks the hub for what is not in it."""
    from vllm.transformers_utils.repo_utils import get_hf_file_to_dict

    if Path(model).is_dir() and not (Path(model) / name).is_file():
        return None
    return get_hf_file_to_dict(name, model, revision)


def _tell(config: dict, normalize: bool) -> None:
    """Of what sentence-transformers does by itself and no route does."""
    prompt, similarity = config.get("default_prompt_name"), config.get("similarity_fn_name")
    if prompt is not None:
        logger.warning(
            "default_prompt_name is %r: sentence-transformers puts that prompt before every text; here it is put "
            "where a request to /v2/embed has it as input_type",
            prompt,
        )
    if similarity not in (None, "cosine") and not (similarity == "dot" and normalize):
        logger.warning("similarity_fn_name is %r: /score and /rerank give cosines all the same", similarity)


def accept_own_width(model_config: "ModelConfig") -> None:
    """Have vLLM accept `dimensions` equal to the model's width, which changes nothing and which clients send by default.

    vLLM 0.25.1 refuses any for a model that does not declare itself as Matryoshka. It now finds a list of one.
    """
    config, width = model_config.hf_config, model_config.hf_config.hidden_size
    declared = getattr(config, "matryoshka_dimensions", None)
    if declared and (type(declared) is not list or any(type(d) is not int or not 0 < d <= width for d in declared)):
        raise ValueError(f"matryoshka_dimensions is {declared!r}; allowed: a list of integers from 1 to {width}")
    if declared or not getattr(config, "is_matryoshka", False):
        config.matryoshka_dimensions = sorted({*(declared or ()), width})
