# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGEForEmbedding: the encoder behind the interface that vLLM's Tenstorrent backends and their users call."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from loguru import logger

import ttnn
from models.demos.wormhole.bge_large_en.demo.registration import register_models
from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
from models.demos.wormhole.bge_large_en.runner.inputs import Row, rows_from_lists, rows_from_padded
from models.demos.wormhole.bge_large_en.runner.runner import EncoderRunner, core_grid
from models.demos.wormhole.bge_large_en.runner.target import target
from models.demos.wormhole.bge_large_en.tt import checkpoint
from models.demos.wormhole.bge_large_en.tt.dims import BertDims
from models.demos.wormhole.bge_large_en.tt.precision import Precision, profile_precision
from models.demos.wormhole.bge_large_en.tt.weights import Weights

target()  # before ttnn looks for a card that is not there

DEFAULT_MODEL = "BAAI/bge-large-en-v1.5"
DEFAULT_MAX_LENGTH = 384
DEFAULT_PROFILE = "performance"


class BGEForEmbedding:
    """A BERT encoder (BGE large, base, small; MiniLM) on a ttnn device or mesh.

    Weights load with the constructor; shapes compile at first use, or all of them in warm_up().
    """

    # What vLLM asks of a pooling model (vllm/model_executor/models/interfaces_base.py).
    is_pooling_model = True
    attn_type = "encoder_only"
    default_seq_pooling_type = "CLS"
    default_tok_pooling_type = "ALL"
    score_type = "bi-encoder"

    def __init__(
        self,
        device=None,
        model_location_generator=None,
        max_batch_size: int = 8,
        max_seq_len: int = DEFAULT_MAX_LENGTH,
        act_dtype=None,
        weight_dtype=None,
        model_name: str = DEFAULT_MODEL,
        *,
        optimizations: str | None = None,
        precision: Precision | None = None,
        buckets: Buckets | None = None,
        pooling: str | None = None,
        hf_config=None,
        vllm_config=None,
        prefix: str = "",
        observer=None,
        num_command_queues: int = 1,
    ):
        """device: an open ttnn device or mesh. model_location_generator: function from a name to a folder or name.

        max_batch_size: rows of one device step per chip, used as far as there are rows of cores (8, on a Galaxy 9);
        forward() takes any number.
        max_seq_len: tokens. model_name: local folder or hub name.
        optimizations: "performance" (the default) or "accuracy", see tt/precision.py; instead of it act_dtype and
        weight_dtype, ttnn dtypes of activations and weights, or precision, every choice one by one.
        buckets: the shapes to compile, per chip, in place of those that follow from max_batch_size and max_seq_len;
        runner.batch_plan.default_buckets(384, 8, packed=()) never packs texts into shared rows, and dense=True packs
        them without a gap: more texts per step, but a text's vector then depends, a little, on its neighbours.
        pooling: "cls" or "mean" for a checkpoint that declares none (no modules.json); one that does has its own.
        hf_config: when given, must have the checkpoint's dims. vllm_config, prefix: taken for vLLM's interface check
        and not used. observer: told of every device step, see EncoderRunner. num_command_queues: what the device was
        opened with, 1 or 2; with 2 the next step's inputs are written while a step computes.

        ValueError for a value out of range or a checkpoint that does not fit; FileNotFoundError when it can't be had.
        """
        if device is None:
            raise ValueError("device is None; pass an open ttnn device")
        if max_batch_size < 1:
            raise ValueError(f"max_batch_size is {max_batch_size}; at least 1 is needed")
        _, core_rows = core_grid(device)
        found = self._read(checkpoint.locate(model_name, model_location_generator))
        if hf_config is not None and BertDims.from_hf(hf_config) != found.dims:
            raise ValueError(f"hf_config has {BertDims.from_hf(hf_config)}; checkpoint {model_name} has {found.dims}")
        self.device, self.model_name, self.dims = device, model_name, found.dims
        self.normalize = found.normalize
        pooling = pooling if pooling and not found.pooled_by.declared else found.pooling
        self.max_batch_size, self.max_seq_len = max_batch_size, max_seq_len
        self.runner = EncoderRunner(
            device,
            found.dims,
            self._weights(found.folder),
            pooling,
            precision or _precision(found.dims, optimizations, act_dtype, weight_dtype),
            min(max_batch_size, core_rows),
            max_seq_len,
            buckets,
            num_command_queues=num_command_queues,
            observer=observer,
        )
        logger.info(f"{model_name}: {pooling} pooling, up to {max_seq_len} tokens, {max_batch_size} rows a step")

    @classmethod
    def initialize_vllm_model(
        cls,
        hf_config,
        mesh_device,
        max_batch_size: int,
        max_seq_len: int | None = None,
        model_location_generator=None,
        tt_data_parallel: int = 1,
        optimizations: str | None = None,
        vllm_config=None,
        buckets: Buckets | None = None,
        observer=None,
        num_command_queues: int = 1,
    ) -> "BGEForEmbedding":
        """What vLLM's TT loaders call. The checkpoint is vllm_config's model, else hf_config's name, else BGE-large.

        tt_data_parallel: the chips of mesh_device each take max_batch_size / tt_data_parallel rows, at least one.
        optimizations: None, "performance" or "accuracy". buckets, num_command_queues: as for the constructor.
        ValueError as there.
        """
        for name, value in (("tt_data_parallel", tt_data_parallel), ("max_batch_size", max_batch_size)):
            if value < 1:
                raise ValueError(f"{name} is {value}; at least 1 is needed")
        model_config = getattr(vllm_config, "model_config", None)
        name = model_config.model if model_config is not None else getattr(hf_config, "_name_or_path", "")
        # What the platform has made of the checkpoint and of --pooler-config; the fork has no such field.
        pooling = getattr(getattr(model_config, "pooler_config", None), "seq_pooling_type", None)
        return cls(
            mesh_device,
            model_location_generator,
            max_batch_size=max(1, max_batch_size // tt_data_parallel),
            max_seq_len=DEFAULT_MAX_LENGTH if max_seq_len is None else max_seq_len,
            model_name=name or DEFAULT_MODEL,
            optimizations=optimizations,
            buckets=buckets,
            pooling=pooling and pooling.lower(),
            hf_config=hf_config,
            observer=observer,
            num_command_queues=num_command_queues,
        )

    def _read(self, folder: Path) -> checkpoint.Checkpoint:
        return checkpoint.read(folder)

    def _weights(self, folder: Path) -> Weights:
        """Of the encoder, nothing left over."""
        return Weights.from_folder(folder)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """input_ids (B, S) integers, right-padded -> (B, H) fp32, pooled and normalised as the checkpoint says.

        Any B; S up to max_seq_len and beyond as long as that is padding. attention_mask (B, S) int, bool or float of
        1 then 0; absent: every token counts. token_type_ids and position_ids (B, S), the latter as transformers counts
        them; vLLM's `positions` begin at 0. ValueError, naming the value and the limit, before anything reaches the device.
        """
        if position_ids is not None:
            positions = position_ids - self.dims.first_position if self.dims.first_position else position_ids
        limits = (self.dims, self.max_seq_len)
        rows = rows_from_padded(input_ids, attention_mask, token_type_ids, positions, *limits)
        pooled = self.runner.run(rows)
        return torch.nn.functional.normalize(pooled, dim=-1) if self.normalize else pooled

    __call__ = forward

    def embed(self, token_ids: Sequence[Sequence[int] | Row]) -> torch.Tensor:
        """Lists of token ids, not padded -> (N, H) fp32, pooled and NOT normalised. ValueError as for forward()."""
        return self.runner.run(rows_from_lists(token_ids, self.dims, self.max_seq_len))

    def embed_input_ids(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Of vLLM's interface for models that it runs itself: NotImplementedError, as this one embeds on the device."""
        raise NotImplementedError("BGEForEmbedding looks embeddings up on the device; call forward()")

    def warm_up(self, between: Callable[[], None] | None = None) -> None:
        """Compile every shape that max_batch_size and max_seq_len allow, and capture traces where that works.

        between: called before each shape; what it raises ends the warm-up.
        """
        self.runner.warm_up(between)

    def close(self) -> None:
        """Free traces and input tensors, before the device is closed; safe to call again."""
        self.runner.close()

    def get_embedding_dim(self) -> int:
        """H, numbers per embedding."""
        return self.dims.hidden_size

    def get_max_seq_len(self) -> int:
        """Tokens."""
        return self.max_seq_len

    def get_max_batch_size(self) -> int:
        """Rows of one device step per chip."""
        return self.max_batch_size

    @property
    def step_rows(self) -> int:
        """Rows of one device step on all chips."""
        return self.runner.buckets.batches[-1]


def _precision(dims: BertDims, optimizations: str | None, act_dtype, weight_dtype) -> Precision:
    if optimizations is not None or (act_dtype is None and weight_dtype is None):
        return profile_precision(optimizations or DEFAULT_PROFILE, dims)
    return Precision.of_dtypes(act_dtype or ttnn.bfloat16, weight_dtype or ttnn.bfloat8_b)


def register_model() -> None:
    """Make vLLM's ModelRegistry know this class under both names that TT backends look up. Needs vllm."""
    register_models()
