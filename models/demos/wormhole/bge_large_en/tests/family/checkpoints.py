# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Public facts of checkpoints that are served by config alone: data, no weights and no files of theirs.

Where each stands: config.json, modules.json, 1_Pooling/config.json, sentence_bert_config.json and
config_sentence_transformers.json of huggingface.co/<name>, and where a prompt is in none of them the model card. No hub
was in reach where this was written. In stored public pages of it these were seen, and agree:

- config.json: of bge-m3 (in its onnx folder) and bge-reranker-v2-m3; of fine-tunes or copies that name what they are
  made of: bge-reranker base and large, ms-marco-MiniLM L6 and L12 (with Identity), multilingual-e5 base and large,
  gte-base, mxbai-embed-large, arctic-embed-m, paraphrase-multilingual-MiniLM (by its path);
- modules.json: e5 small and base v2, multilingual-e5-base and arctic-embed-s (with Normalize), UAE-Large (without), and
  mxbai-embed-large by its 229 bytes, which are UAE-Large's;
- pooling and length: e5-base-v2, and by a fine-tune's card paraphrase-multilingual-MiniLM, with no Normalize; length
  alone: arctic-embed l and m-v1.5, and multi-qa-MiniLM by fine-tunes;
- prompts: arctic-embed-m-v1.5, in mteb's models;
- all of all-MiniLM-L6-v2, in a registry package.

The others have yet to be compared.
"""

from dataclasses import dataclass

BERT = dict(model_type="bert", vocab_size=30522, max_position_embeddings=512, type_vocab_size=2, layer_norm_eps=1e-12)
MULTILINGUAL = {**BERT, "vocab_size": 250037}  # BERT's layers with XLM-R's tokenizer
XLMR = dict(
    model_type="xlm-roberta",
    vocab_size=250002,
    max_position_embeddings=514,
    type_vocab_size=1,
    layer_norm_eps=1e-5,
    pad_token_id=1,
)
XLMR_LONG = {**XLMR, "max_position_embeddings": 8194}

SMALL = dict(hidden_size=384, num_attention_heads=12, intermediate_size=1536)
BASE = dict(hidden_size=768, num_attention_heads=12, intermediate_size=3072)
LARGE = dict(hidden_size=1024, num_attention_heads=16, intermediate_size=4096)

SEARCH = "Represent this sentence for searching relevant passages: "


@dataclass(frozen=True)
class Known:
    """config: of config.json. length: tokens of sentence_bert_config.json. pooling: "cls", "mean", "" for a pair's logit.

    normalize: whether modules.json has a Normalize, None for a pair's logit. query, passage: prompts.
    matryoshka: whether it was trained for fewer dimensions. activation: of a cross-encoder's config, None for none.
    """

    config: dict
    length: int
    pooling: str = "mean"
    normalize: bool | None = True
    query: str = ""
    passage: str = ""
    matryoshka: bool = False
    activation: str | None = None


def _config(kind: dict, width: dict, layers: int) -> dict:
    return {**kind, **width, "num_hidden_layers": layers}


def _bge(width: dict, layers: int, **more) -> Known:
    return Known(_config(BERT, width, layers), 512, "cls", query=SEARCH, **more)


def _e5(kind: dict, width: dict, layers: int) -> Known:
    return Known(_config(kind, width, layers), 512, query="query: ", passage="passage: ")


def _pairs(kind: dict, width: dict, layers: int, length: int = 512, activation: str | None = None) -> Known:
    return Known(_config(kind, width, layers), length, "", None, activation=activation)


CHECKPOINTS: dict[str, Known] = {
    "BAAI/bge-small-en-v1.5": _bge(SMALL, 12),
    "BAAI/bge-base-en-v1.5": _bge(BASE, 12),
    "BAAI/bge-large-en-v1.5": _bge(LARGE, 24),
    "BAAI/bge-m3": Known(_config(XLMR_LONG, LARGE, 24), 8192, "cls"),  # its dense vectors
    "BAAI/bge-reranker-base": _pairs(XLMR, BASE, 12),
    "BAAI/bge-reranker-large": _pairs(XLMR, LARGE, 24),
    "BAAI/bge-reranker-v2-m3": _pairs(XLMR_LONG, LARGE, 24, 8192),
    "intfloat/e5-small-v2": _e5(BERT, SMALL, 12),
    "intfloat/e5-base-v2": _e5(BERT, BASE, 12),
    "intfloat/e5-large-v2": _e5(BERT, LARGE, 24),
    "intfloat/multilingual-e5-small": _e5(MULTILINGUAL, SMALL, 12),
    "intfloat/multilingual-e5-base": _e5(XLMR, BASE, 12),
    "intfloat/multilingual-e5-large": _e5(XLMR, LARGE, 24),
    "sentence-transformers/all-MiniLM-L6-v2": Known(_config(BERT, SMALL, 6), 256),
    "sentence-transformers/all-MiniLM-L12-v2": Known(_config(BERT, SMALL, 12), 128),
    "sentence-transformers/multi-qa-MiniLM-L6-cos-v1": Known(_config(BERT, SMALL, 6), 512),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": Known(
        _config(MULTILINGUAL, SMALL, 12), 128, normalize=False
    ),
    "sentence-transformers/paraphrase-multilingual-mpnet-base-v2": Known(_config(XLMR, BASE, 12), 128, normalize=False),
    "thenlper/gte-small": Known(_config(BERT, SMALL, 12), 512),
    "thenlper/gte-base": Known(_config(BERT, BASE, 12), 512),
    "thenlper/gte-large": Known(_config(BERT, LARGE, 24), 512),
    "mixedbread-ai/mxbai-embed-large-v1": _bge(LARGE, 24, normalize=False, matryoshka=True),
    "WhereIsAI/UAE-Large-V1": _bge(LARGE, 24, normalize=False),
    "Snowflake/snowflake-arctic-embed-xs": _bge(SMALL, 6),
    "Snowflake/snowflake-arctic-embed-s": _bge(SMALL, 12),
    "Snowflake/snowflake-arctic-embed-m": _bge(BASE, 12),
    "Snowflake/snowflake-arctic-embed-m-v1.5": _bge(BASE, 12, matryoshka=True),
    "Snowflake/snowflake-arctic-embed-l": _bge(LARGE, 24),
    "cross-encoder/ms-marco-MiniLM-L6-v2": _pairs(BERT, SMALL, 6, activation="Identity"),
    "cross-encoder/ms-marco-MiniLM-L12-v2": _pairs(BERT, SMALL, 12, activation="Identity"),
}

SERVED_LENGTH = 512  # tokens; attention of longer texts has no plan


def geometry(known: Known) -> tuple[str, int, str]:
    """(model_type, hidden size, pooling): what of a checkpoint makes another program than another's."""
    return known.config["model_type"], known.config["hidden_size"], known.pooling


GEOMETRIES = {geometry(known): known for known in CHECKPOINTS.values()}


def guide_rows() -> list[str]:
    """Of VLLM_REFERENCE.md's table: the checkpoints that are served alike in a row."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, known in CHECKPOINTS.items():
        normalized = ", normalised" if known.normalize else ", not normalised"
        vectors = known.pooling.upper() + normalized + ", Matryoshka" * known.matryoshka
        scores = f"scores: {'logits' if known.activation == 'Identity' else 'sigmoid'}"
        prompts = [f"`{prompt}`" if prompt else "" for prompt in (known.query, known.passage)]
        length = f"{known.length}" if known.length <= SERVED_LENGTH else f"{SERVED_LENGTH} of {known.length}"
        alike.setdefault((vectors if known.pooling else scores, *prompts, length), []).append(name)
    return [f"| {', '.join(names)} | {' | '.join(cells)} |" for cells, names in alike.items()]
