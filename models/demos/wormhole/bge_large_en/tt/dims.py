# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the encoder must know of a BERT checkpoint: its dimensions, and nothing of its name."""

from dataclasses import dataclass

TILE = 32
HEAD_SIZES = (32, 64)


@dataclass(frozen=True)
class BertDims:
    """Dimensions of a BertModel; field names are those of its config.json.

    All are element counts but layer_norm_eps.
    """

    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    num_hidden_layers: int
    vocab_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    @property
    def head_size(self) -> int:
        """d, elements of a head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_hf(cls, config) -> "BertDims":
        """From a transformers BertConfig. ValueError names whatever this encoder does not compute."""
        for key, supported in (
            ("model_type", ("bert",)),
            ("hidden_act", ("gelu",)),
            ("position_embedding_type", ("absolute", None)),
            ("is_decoder", (False, None)),
        ):
            value = getattr(config, key, None)
            if value not in supported:
                raise ValueError(f"config.json has {key}={value!r}; this encoder computes {key}={supported[0]!r} only")
        dims = cls(**{name: getattr(config, name) for name in cls.__dataclass_fields__})
        for name in ("hidden_size", "intermediate_size"):
            if getattr(dims, name) % TILE:
                raise ValueError(f"config.json has {name}={getattr(dims, name)}; it must be a multiple of {TILE}")
        if dims.hidden_size % dims.num_attention_heads or dims.head_size not in HEAD_SIZES:
            raise ValueError(
                f"config.json has hidden_size={dims.hidden_size} over num_attention_heads={dims.num_attention_heads}; "
                f"the head size must be one of {HEAD_SIZES}"
            )
        return dims
