# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Checkpoint folders of any config of the family with seeded weights, and a small multilingual tokenizer for them."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from models.demos.wormhole.bge_large_en.tests.sentences import SENTENCES

TINY = dict(hidden_size=128, num_attention_heads=4, intermediate_size=256, num_hidden_layers=2)
TINY_BERT = dict(model_type="bert", **TINY)
# config.json of XLM-R, but for the vocabulary, which is that of tiny_xlmr_tokenizer()
XLMR = dict(
    model_type="xlm-roberta",
    max_position_embeddings=514,
    type_vocab_size=1,
    layer_norm_eps=1e-5,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
)
TINY_XLMR = {**TINY, **XLMR, "vocab_size": 1024}
# name ending -> standard deviation times the square root of the weight's inputs. reference/seeded.py has others, with
# which a CLS row hardly depends on the text: with these, of 20 pairs, by a quarter of its length, and logits by 0.1.
_DEVIATIONS = (
    ("query.weight", 1.0),
    ("key.weight", 1.0),
    ("attention.self.value.weight", 1.0),
    ("attention.output.dense.weight", 1.0),
    ("intermediate.dense.weight", 1.0),
    ("output.dense.weight", 0.5),
    ("weight", 1.0),  # of the heads
)


def seeded_model(seed: int = 0, labels: int | None = None, **config):
    """transformers' own model in fp32, with weights from `seed`; with `labels`, for sequence classification."""
    config = AutoConfig.for_model(**config, **({} if labels is None else {"num_labels": labels}))
    torch.manual_seed(seed)  # for what from_config draws, all of which is drawn again
    if labels is None:
        model = AutoModel.from_config(config, add_pooling_layer=False)
    else:
        model = AutoModelForSequenceClassification.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("LayerNorm.weight"):
                parameter.normal_(1.0, 0.1, generator=generator)
            elif parameter.ndim == 1 or "embeddings" in name:
                parameter.normal_(0.0, 0.05, generator=generator)
            else:
                deviation = next(value for ending, value in _DEVIATIONS if name.endswith(ending))
                parameter.normal_(0.0, deviation / parameter.shape[1] ** 0.5, generator=generator)
    return model.float().eval()


def write_encoder(folder: Path, tokenizer, pooling: str = "mean", normalize: bool = True, seed: int = 0, **config):
    """A folder in the layout of sentence-transformers with seeded weights; returns it."""
    return write_modules(folder, seeded_model(seed, **config), tokenizer, pooling, normalize)


def write_modules(folder: Path, model, tokenizer, pooling: str, normalize: bool) -> Path:
    """A folder in the layout of sentence-transformers of transformers' `model`; returns it."""
    model.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Normalize", "Normalize")] * normalize
    listed = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in modules]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": pooling}))
    return folder


def write_cross_encoder(folder: Path, tokenizer, labels: int = 1, seed: int = 0, said: dict | None = None, **config):
    """A folder of a seeded cross-encoder; returns it. said: of config.json, beside the rest."""
    seeded_model(seed, labels, **config).save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
    if said:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **said}))
    return folder


def bert_tokenizer(folder: Path):
    """The bert-base-uncased tokenizer of a folder, without what MiniLM's hard-codes of padding and truncation."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    return tokenizer


def tiny_xlmr_tokenizer(texts=SENTENCES, length: int = 512) -> PreTrainedTokenizerFast:
    """XLM-R's special ids and templates around a Unigram of at most 1,000 words and letters of `texts`."""
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    words = [f"▁{word}" for word in dict.fromkeys(" ".join(texts).split())]
    letters = sorted(set("".join(words)))
    pieces = [(piece, -1.0 - (len(piece) == 1) * 9) for piece in [*letters, *(w for w in words if len(w) > 1)]]
    backend = Tokenizer(models.Unigram([(s, 0.0) for s in specials] + pieces[:1000], unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(bos_token="<s>", cls_token="<s>", pad_token="<pad>", eos_token="</s>", sep_token="</s>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        model_max_length=length,
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )
