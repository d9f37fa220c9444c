# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Embeds a text that is longer than the model in pieces, where --pooler-config has enable_chunked_processing.

Each piece has the special tokens that the whole has; the vector is the pieces' average, weighted by their tokens as
vLLM documents it (docs.vllm.ai, openai_embedding_long_text), and normalised where vectors are. vLLM 0.25.1 itself cuts
the ids of the whole: only the first piece has [CLS], of which a CLS model's vector is made, and only the last [SEP]. It
does not normalise the average, bounds nothing by max_embed_len, ignores a truncate_prompt_tokens of -1, and refuses long
texts offline.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from models.demos.wormhole.bge_large_en.vllm_plugin import CROSS_ENCODERS
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import (
    VLLMValidationError,
    cut_engine_inputs,
    prompt_of,
    with_prompt,
)

if TYPE_CHECKING:
    from vllm.config import ModelConfig
    from vllm.pooling_params import PoolingParams

SHORTEST = 3  # tokens of a piece: one, and two special ones
WAYS = {  # by the limit that a text exceeds
    "max_model_len": '"truncate_prompt_tokens": -1 embeds its beginning; a server started with --pooler-config '
    "'{\"enable_chunked_processing\": true}' embeds it in pieces and averages them; or send pieces of it",
    "max_embed_len": '"truncate_prompt_tokens": -1 embeds its beginning; or send pieces of it, or start the server with '
    "a larger max_embed_len in --pooler-config",
}


def check_pieces(model_config: "ModelConfig", most_ids: int) -> None:
    """Complete max_embed_len of the pooler's configuration, in place: most_ids where it is not given.

    ValueError, naming value and limit, for a configuration that would cut or accept nothing as it says.
    """
    pooler, longest = model_config.pooler_config, model_config.max_model_len
    in_pieces = getattr(pooler, "enable_chunked_processing", False)  # the fork's vLLM has other fields
    most = getattr(pooler, "max_embed_len", None)
    if most is not None and most < 1:
        raise ValueError(f"max_embed_len is {most}; allowed: at least 1")
    if not in_pieces:
        if most is not None and most > longest:
            raise ValueError(
                f"max_embed_len is {most}; allowed without enable_chunked_processing: at most max_model_len, {longest}"
            )
        return
    if not set(model_config.architectures).isdisjoint(CROSS_ENCODERS):
        raise ValueError(f"enable_chunked_processing is {in_pieces}; allowed for a cross-encoder, which scores: false")
    if longest < SHORTEST:
        raise ValueError(f"max_model_len is {longest}; allowed with enable_chunked_processing: at least {SHORTEST}")
    pooler.max_embed_len = most or most_ids


def cut(ids: list[int], longest: int, first: int | None, last: int | None) -> list[list[int]]:
    """Pieces of `ids` of at most `longest`, in order, each as long as that but the last of them.

    first, last: the special tokens of a text, which each piece gets where the whole has them.
    """
    if len(ids) <= longest:
        return [ids]
    head = ids[:1] if ids[0] == first else []
    tail = ids[-1:] if ids[-1] == last else []
    inner, step = ids[len(head) : len(ids) - len(tail)], longest - len(head) - len(tail)
    return [head + inner[start : start + step] + tail for start in range(0, len(inner), step)]


def averaged(vectors: Sequence[torch.Tensor], tokens: Sequence[int], normalize: bool) -> torch.Tensor:
    """The average (H,) of pieces' vectors (H,), weighted by their tokens, in fp32; of a single piece its own vector."""
    if len(vectors) == 1:
        return vectors[0]
    weighted = torch.zeros_like(vectors[0], dtype=torch.float32)
    for vector, weight in zip(vectors, tokens, strict=True):
        weighted += vector.float() * weight
    mean = weighted / sum(tokens)
    return torch.nn.functional.normalize(mean, dim=-1) if normalize else mean


def embed_in_pieces() -> None:
    """Have vLLM do so, offline too, and name the ways where a text is too long; safe to call again."""
    try:
        from vllm.entrypoints.pooling.base.protocol import EmbeddingTokenizeParamsMixin
        from vllm.entrypoints.pooling.embed.io_processor import EmbedIOProcessor
        from vllm.renderers.params import TokenizeParams
    except ImportError:  # the fork
        return

    class EmbedTokenizeParams(TokenizeParams):
        """Of a text to embed: its refusal says what to do."""

        def _token_len_check(self, tokenizer, tokens):
            limit = self.max_input_tokens
            if len(tokens) <= limit:
                return tokens
            # A tokenizer is told to stop at one more.
            found = f"{'at least ' if len(tokens) == limit + 1 else ''}{len(tokens)}"
            raise VLLMValidationError(
                f"This model's maximum context length is {limit} tokens ({self.max_total_tokens_param}), and your "
                f"prompt contains {found} input tokens. {WAYS[self.max_total_tokens_param]}",
                parameter="input_tokens",
            )

    def of_a_request(self, model_config: "ModelConfig") -> TokenizeParams:
        pooler, longest = model_config.pooler_config, model_config.max_model_len
        in_pieces = pooler.enable_chunked_processing and self.truncate_prompt_tokens is None
        params = self._build_pooling_tok_params(
            model_config,
            add_special_tokens=self.add_special_tokens,
            max_total_tokens=pooler.max_embed_len if in_pieces else min(longest, pooler.max_embed_len or longest),
            max_output_tokens=0,
            max_total_tokens_param="max_embed_len" if in_pieces else "max_model_len",
        )
        return EmbedTokenizeParams(**vars(params))

    def before(self, ctx) -> None:
        ctx.original_engine_inputs = ctx.engine_inputs
        ctx.engine_inputs, ctx.chunked_embedding_metadata = _cut_inputs(self, ctx.engine_inputs)

    def after(self, ctx) -> None:
        params, owners = ctx.pooling_params, ctx.chunked_embedding_metadata
        if owners is None:  # /pooling, which vLLM 0.33 cuts nothing of, and fails for that
            return
        whole = ctx.original_engine_inputs
        ctx.final_res_batch = _join(self, ctx.final_res_batch, owners, whole, [params] * len(whole))

    def lengthened(self, params: TokenizeParams) -> TokenizeParams:
        if params.truncate_prompt_tokens is not None:
            return params
        params = replace(params, max_total_tokens=self.pooler_config.max_embed_len, max_output_tokens=0)
        return EmbedTokenizeParams(**{**vars(params), "max_total_tokens_param": "max_embed_len"})

    def offline(self, whole, each):
        pieces, owners = _cut_inputs(self, whole)
        self._offline = owners, whole, each
        return pieces, [each[owner] for owner in owners]

    def after_offline(self, ctx):
        return _join(self, ctx.outputs, *self._offline) if self.enable_chunked_processing else ctx.outputs

    EmbeddingTokenizeParamsMixin.build_tok_params = of_a_request
    cut_engine_inputs(before, lengthened, offline)
    EmbedIOProcessor._post_process_chunked = after
    EmbedIOProcessor.post_process_offline = after_offline


def _cut_inputs(processor: Any, inputs: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """vLLM's inputs of an engine as pieces, and of each the index of the input that it is of."""
    from vllm.inputs import tokens_input

    tokenizer, longest = processor.renderer.get_tokenizer(), processor.model_config.max_model_len
    special = tokenizer.cls_token_id, tokenizer.sep_token_id
    cuts = [cut(prompt_of(each)["prompt_token_ids"], longest, *special) for each in inputs]
    pieces = [
        with_prompt(each, tokens_input(prompt_token_ids=ids)) for each, pieces in zip(inputs, cuts) for ids in pieces
    ]
    return pieces, [owner for owner, pieces in enumerate(cuts) for _ in pieces]


def _join(
    processor: Any,
    outputs: Sequence[Any],
    owners: Sequence[int],
    inputs: Sequence[Any],
    params: "Sequence[PoolingParams]",
) -> list[Any]:
    """One output for each input: its vector, and its own tokens, which usage counts as /tokenize does."""
    from vllm.outputs import PoolingOutput, PoolingRequestOutput

    of_input: list[list[Any]] = [[] for _ in inputs]
    for owner, output in zip(owners, outputs, strict=True):
        of_input[owner].append(output)
    joined = []
    for pieces, whole, asked in zip(of_input, inputs, params, strict=True):
        activation = asked.use_activation
        if activation is None:
            activation = processor.pooler_config.use_activation is not False
        vector = averaged([p.outputs.data for p in pieces], [len(p.prompt_token_ids) for p in pieces], activation)
        joined.append(
            PoolingRequestOutput(
                request_id=pieces[0].request_id,
                outputs=PoolingOutput(data=vector),
                prompt_token_ids=prompt_of(whole)["prompt_token_ids"],
                num_cached_tokens=0,
                finished=True,
            )
        )
    return joined
