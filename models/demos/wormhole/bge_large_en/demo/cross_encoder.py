# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cross-encoders: a pair of texts in, logits out; the encoder on the device, its pooler and classifier on the host.

The head reads one row of H numbers per pair, H^2 of the encoder's weights, so that nothing is gained by a device step;
in fp32 on the host it adds no error to the row, and a row's logits have the same bits in any batch.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.tt import checkpoint
from models.demos.wormhole.bge_large_en.tt.weights import Weights, read_state

Activation = Callable[[torch.Tensor], torch.Tensor]

_ACTIVATIONS: dict[str, Activation] = {
    "Identity": lambda logits: logits,
    "Sigmoid": torch.sigmoid,
    "Softmax": lambda logits: torch.softmax(logits, dim=-1),
    "Tanh": torch.tanh,
}
# transformers' problem_type; one label of "single_label_classification" is a probability as well.
_PROBLEMS = {"regression": "Identity", "multi_label_classification": "Sigmoid"}


@dataclass(frozen=True)
class ClassificationHead:
    """CLS row (H,) -> dense (H, H), tanh, out (labels, H) -> logits (labels,); all fp32."""

    dense: tuple[torch.Tensor, torch.Tensor]  # weight, bias
    out: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def take(cls, weights: Weights, hidden_size: int, labels: int) -> "ClassificationHead":
        """From BERT's names, pooler.dense and classifier, or RoBERTa's, classifier.dense and classifier.out_proj.

        KeyError or ValueError, naming the weight, for one that is missing, left over or of another shape.
        """
        bert = any(name.startswith("pooler.") for name in weights.left())
        dense, out = ("pooler.dense", "classifier") if bert else ("classifier.dense", "classifier.out_proj")
        sizes = ((dense, (hidden_size, hidden_size)), (out, (labels, hidden_size)))
        found = [(weights.take(f"{n}.weight", s), weights.take(f"{n}.bias", s[:1])) for n, s in sizes]
        weights.finish()
        return cls(*found)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """(N, H) fp32 -> (N, labels) fp32; row by row, since a product of matrices rounds by how many rows there are."""
        logits = [self._linear(self.out, torch.tanh(self._linear(self.dense, row))) for row in rows]
        return torch.stack(logits) if logits else torch.empty(0, len(self.out[1]))

    @staticmethod
    def _linear(layer: tuple[torch.Tensor, torch.Tensor], row: torch.Tensor) -> torch.Tensor:
        return torch.mv(layer[0], row) + layer[1]


class BGEForSequenceClassification(BGEForEmbedding):
    """A cross-encoder (bge-reranker, ms-marco-MiniLM) or another BERT classifier, with the interface of BGEForEmbedding.

    Arguments as there. labels: how many; activation: (N, labels) logits -> scores, as the checkpoint says.
    """

    score_type = "cross-encoder"

    def _read(self, folder: Path) -> checkpoint.Checkpoint:
        check_is_classifier(folder)
        self.labels, self.activation = read_labels(folder), read_activation(folder)
        return checkpoint.Checkpoint(folder, checkpoint.read_dims(folder), checkpoint.PooledBy("cls", False))

    def _weights(self, folder: Path) -> Weights:
        state = read_state(folder)
        head = {name.removeprefix("bert."): state.pop(name) for name in list(state) if _of_the_head(name)}
        self.head = ClassificationHead.take(Weights(head), self.dims.hidden_size, self.labels)
        return Weights.from_state_dict(state)

    def forward(self, *args, **kwargs) -> torch.Tensor:
        """Arguments as for BGEForEmbedding.forward(): token ids of pairs (B, S) -> (B, labels) fp32, activated.

        token_type_ids (B, S) has to be given where the tokenizer gives it: 1 for the second text of a BERT's pair.
        """
        return self.activation(self.head(super().forward(*args, **kwargs)))

    __call__ = forward


def check_is_classifier(folder: Path) -> None:
    """ValueError for a checkpoint without a head for sequence classification."""
    named = _json(folder / "config.json").get("architectures") or []
    if not any(name.endswith("ForSequenceClassification") for name in named):
        raise ValueError(f"{folder} has architectures {named}; a cross-encoder is a …ForSequenceClassification")


def read_labels(folder: Path) -> int:
    """num_labels of config.json, by default as transformers has it."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder).num_labels


def read_activation(folder: Path) -> Activation:
    """As sentence-transformers has it: config_sentence_transformers.json (since 5.4), or config.json in either place.

    A checkpoint that says nothing has by transformers' problem_type, else a sigmoid for one label and a softmax for
    several, as vLLM. ValueError, naming it, for an activation that is not known.
    """
    config = _json(folder / "config.json")
    said = (
        _json(folder / "config_sentence_transformers.json").get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
    )
    if said is not None:
        module, _, name = said.rpartition(".")
        if not module.startswith("torch.nn.modules") or name not in _ACTIVATIONS:
            raise ValueError(
                f"{folder} has the activation_fn {said!r}; allowed: torch.nn.modules' {list(_ACTIVATIONS)}"
            )
        return _ACTIVATIONS[name]
    default = "Sigmoid" if read_labels(folder) == 1 else "Softmax"
    return _ACTIVATIONS[_PROBLEMS.get(config.get("problem_type") or "", default)]


def _of_the_head(name: str) -> bool:
    return name.removeprefix("bert.").startswith(("pooler.", "classifier."))


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
