# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What is right: a Hugging Face BertModel in fp32, pooled and normalised as the checkpoint says.

Tests, demos and evaluations compare with this; the serving path never imports it.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel

_POOLING_KEYS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}


class ReferenceEncoder:
    """model: in fp32, of MODEL_TYPES; pooling: "cls" or "mean"; normalize: L2; tokenizer: None when there is no text."""

    def __init__(self, model: PreTrainedModel, pooling: str, normalize: bool, tokenizer=None):
        self.model, self.pooling, self.normalize, self.tokenizer = model.float().eval(), pooling, normalize, tokenizer

    @classmethod
    def from_pretrained(cls, path: str | Path) -> "ReferenceEncoder":
        """From a local checkpoint folder in the layout of sentence-transformers (modules.json, 1_Pooling).

        ValueError for a pooling that is neither CLS nor mean.
        """
        path = Path(path)
        modules = json.loads((path / "modules.json").read_text())
        kinds = {module["type"].rsplit(".", 1)[-1]: module["path"] for module in modules}
        said = json.loads((path / kinds["Pooling"] / "config.json").read_text())
        asked = said.get("pooling_mode") or [key for key, on in said.items() if key.startswith("pooling_mode_") and on]
        asked = [_POOLING_KEYS.get(key, key) for key in ([asked] if isinstance(asked, str) else asked)]
        if len(asked) != 1 or asked[0] not in _POOLING_KEYS.values():
            raise ValueError(f"{path} asks for the pooling {asked}; the reference knows CLS or mean")
        model = AutoModel.from_pretrained(path, add_pooling_layer=False, dtype=torch.float32)
        return cls(model, asked[0], "Normalize" in kinds, AutoTokenizer.from_pretrained(path))

    @property
    def config(self) -> PretrainedConfig:
        return self.model.config

    @torch.no_grad()
    def hidden_states(self, input_ids, attention_mask=None, token_type_ids=None, position_ids=None) -> torch.Tensor:
        """input_ids (B, S) int64, mask 1 for tokens -> last hidden states (B, S, H) fp32."""
        return self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
        ).last_hidden_state

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, position_ids=None) -> torch.Tensor:
        """As hidden_states, then pooled and normalised: (B, H) fp32."""
        hidden = self.hidden_states(input_ids, attention_mask, token_type_ids, position_ids)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        pooled = self.pool(hidden, mask)
        return torch.nn.functional.normalize(pooled, dim=-1) if self.normalize else pooled

    def pool(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(B, S, H), (B, S) -> (B, H), not normalised."""
        if self.pooling == "cls":
            return hidden[:, 0]
        weights = mask[..., None].float()
        return (hidden * weights).sum(1) / weights.sum(1)

    def encode(self, texts: list[str], max_length: int | None = None, batch_size: int = 16) -> torch.Tensor:
        """Texts -> (N, H) fp32; truncated at max_length tokens, by default at what the config's positions allow."""
        first = 0 if self.config.model_type == "bert" else self.config.pad_token_id + 1  # positions of no token
        max_length = max_length or self.config.max_position_embeddings - first
        rows = []
        for start in range(0, len(texts), batch_size):
            part = texts[start : start + batch_size]
            batch = self.tokenizer(part, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
            rows.append(self.forward(batch["input_ids"], batch["attention_mask"]))
        return torch.cat(rows)
