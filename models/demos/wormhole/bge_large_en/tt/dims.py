# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the encoder must know of a BERT checkpoint: its dimensions, and nothing of its name."""

from dataclasses import dataclass

TILE = 32
HEAD_SIZES = (32, 64)
MODEL_TYPES = ("bert", "roberta", "xlm-roberta")
# model_type -> what of it this encoder does not compute; "new" is GTE v1.5.
_UNSERVED = {
    **dict.fromkeys(("nomic_bert", "new", "gte"), "rotary positions, gated MLP"),
    "modernbert": "rotary positions, local attention, gated MLP",
    "mpnet": "a relative attention bias",
    "deberta-v2": "disentangled attention",
}


@dataclass(frozen=True)
class BertDims:
    """Dimensions of a BertModel; field names are those of its config.json.

    All are element counts but layer_norm_eps. max_position_embeddings: without the first_position rows that a RoBERTa's
    table has before that of the first token (its pad_token_id + 1), so the tokens of the longest text.
    """

    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    first_position: int = 0

    @property
    def head_size(self) -> int:
        """d, elements of a head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_hf(cls, config) -> "BertDims":
        """From a transformers config. ValueError names whatever this encoder does not compute."""
        check_model_type(config.model_type)
        for key, supported in (
            ("hidden_act", ("gelu",)),
            ("position_embedding_type", ("absolute", None)),
            ("is_decoder", (False, None)),
        ):
            value = getattr(config, key, None)
            if value not in supported:
                raise ValueError(f"config.json has {key}={value!r}; this encoder computes {key}={supported[0]!r} only")
        found = {name: getattr(config, name) for name in cls.__dataclass_fields__ if name != "first_position"}
        first = 0 if config.model_type == "bert" else config.pad_token_id + 1
        dims = cls(**{**found, "max_position_embeddings": config.max_position_embeddings - first}, first_position=first)
        for name in ("hidden_size", "intermediate_size"):
            if getattr(dims, name) % TILE:
                raise ValueError(f"config.json has {name}={getattr(dims, name)}; it must be a multiple of {TILE}")
        if dims.hidden_size % dims.num_attention_heads or dims.head_size not in HEAD_SIZES:
            raise ValueError(
                f"config.json has hidden_size={dims.hidden_size} over num_attention_heads={dims.num_attention_heads}; "
                f"the head size must be one of {HEAD_SIZES}"
            )
        return dims


def check_model_type(model_type: str | None) -> None:
    """ValueError, naming what it has that this encoder does not compute, for another model than MODEL_TYPES."""
    if model_type not in MODEL_TYPES:
        why = f" ({_UNSERVED[model_type]})" if model_type in _UNSERVED else ""
        raise ValueError(f"config.json has model_type={model_type!r}{why}; this encoder computes {MODEL_TYPES} only")
