# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What differs between the vLLM versions served: 0.25.1, 0.33.0, and the 0.10 that Tenstorrent's fork is made of.

The platform imports this while vLLM is itself being imported, so most of vLLM is imported only inside the functions.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from vllm.config import ModelConfig
    from vllm.pooling_params import PoolingParams
    from vllm.renderers.params import TokenizeParams
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.outputs import ModelRunnerOutput
    from vllm.v1.worker.worker_base import CompilationTimes

__all__ = [
    "OWN_SCHEDULERS",
    "RUNNING_LIMITS",
    "TELLS_OPTIONS",
    "VLLMValidationError",
    "batch_answer",
    "batch_bytes",
    "batch_progress",
    "compilation_times",
    "cut_engine_inputs",
    "empty_step",
    "generation_error",
    "prompt_of",
    "refuse_as_values",
    "registered_class",
    "runner_output",
    "with_prompt",
    "write_batch",
]

# What scheduler_cls is where nobody asked for one.
OWN_SCHEDULERS: tuple[str | None, ...] = (None,)
TELLS_OPTIONS = True  # whether an API server's middleware finds its command line in app.state.args
try:
    from vllm.exceptions import VLLMValidationError
except ImportError:
    OWN_SCHEDULERS = ("vllm.v1.core.sched.scheduler.Scheduler", "vllm.core.scheduler.Scheduler")
    TELLS_OPTIONS = False

    class VLLMValidationError(ValueError):  # type: ignore[no-redef]
        """A refused request; the fork answers 400 to any ValueError. parameter: the request's field."""

        def __init__(self, message: str, *, parameter: str | None = None):
            super().__init__(message)
            self.parameter = parameter


# Of vLLM's scheduler: how many requests may run, and since 0.33 how many may begin beside those that run.
RUNNING_LIMITS = ("max_num_running_reqs", "max_num_active_reqs")
# Fields that have no default in the fork, and that a pooling step has no use for.
_GENERATED: dict[str, Any] = {
    "sampled_token_ids": [],
    "spec_token_ids": None,
    "logprobs": None,
    "prompt_logprobs_dict": {},
}


def generation_error() -> type[Exception]:
    """vLLM's class for a request that failed in the engine, which its server answers with 500."""
    try:
        from vllm.exceptions import GenerationError  # since 0.33
    except ImportError:
        from vllm.entrypoints.openai.engine.protocol import GenerationError  # type: ignore[no-redef]
    return GenerationError


def compilation_times(seconds: float) -> "CompilationTimes | None":
    """What compile_or_warm_up_model returns; None in the fork, whose executor reads nothing."""
    try:
        from vllm.v1.worker.worker_base import CompilationTimes
    except ImportError:
        return None
    return CompilationTimes(language_model=seconds, encoder=0.0)


def empty_step() -> "SchedulerOutput":
    """With nothing scheduled."""
    from vllm.v1.core.sched.output import CachedRequestData, SchedulerOutput

    if hasattr(SchedulerOutput, "make_empty"):
        return SchedulerOutput.make_empty()
    return SchedulerOutput([], CachedRequestData.make_empty(), {}, 0, {}, {}, [], set(), [], {}, None)  # vLLM 0.10


def registered_class(architectures: list[str], model_config: "ModelConfig") -> Any:
    """Of the first of these names that vLLM knows a class for."""
    from vllm import ModelRegistry

    resolve = ModelRegistry.resolve_model_cls
    takes_config = len(signature(resolve).parameters) > 1  # not in vLLM 0.10
    return (resolve(architectures, model_config) if takes_config else resolve(architectures))[0]


def runner_output(req_ids: list[str], vectors: "list[torch.Tensor]") -> "ModelRunnerOutput":
    """The answer of a pooling step: one 1-D CPU tensor for each request, in their order."""
    from vllm.v1.outputs import ModelRunnerOutput

    return ModelRunnerOutput(
        req_ids=req_ids,
        req_id_to_index={req_id: index for index, req_id in enumerate(req_ids)},
        pooler_output=vectors,
        **_required(ModelRunnerOutput),
    )


@cache
def _required(output: type) -> dict[str, Any]:
    required = {f.name for f in fields(output) if f.default is MISSING and f.default_factory is MISSING}
    return {name: value for name, value in _GENERATED.items() if name in required}


def refuse_as_values() -> None:
    """Have the checks of vLLM's requests raise ValueErrors, as until 0.33, so that pydantic goes on to other kinds of them.

    A refusal of 0.33 is none: that of a chat would be the answer to a request that is no chat. Safe to call again.
    """
    for name in ("pooling", "generate"):
        with suppress(ImportError):
            protocol: Any = import_module(f"vllm.entrypoints.{name}.base.protocol")
            refusal = getattr(protocol, "VLLMValidationError", ValueError)
            if not issubclass(refusal, ValueError):
                protocol.VLLMValidationError = type(refusal.__name__, (refusal, ValueError), {})


# --- the inputs of an engine, which since 0.33 go with their parameters ----------------------------------------------


def prompt_of(engine_input: Any) -> Any:
    """vLLM's prompt, with prompt_token_ids, of an input."""
    return engine_input.get("prompts", engine_input)


def with_prompt(engine_input: Any, prompt: Any) -> Any:
    return {**engine_input, "prompts": prompt} if "prompts" in engine_input else prompt


def cut_engine_inputs(
    before: Callable[[Any, Any], None],
    lengthened: "Callable[[Any, TokenizeParams], TokenizeParams]",
    offline: "Callable[[Any, Sequence[Any], Sequence[PoolingParams]], tuple[list[Any], list[PoolingParams]]]",
) -> None:
    """Where vLLM embeds long texts in pieces, have these do it, each with the EmbedIOProcessor first.

    before(context): puts pieces in the place of a request's inputs. lengthened(params): how a text of LLM.embed is
    tokenised. offline(inputs, parameters): the pieces of its inputs, and the parameters of each piece.
    """
    from vllm.entrypoints.pooling.base.io_processor import PoolingIOProcessor
    from vllm.entrypoints.pooling.embed.io_processor import EmbedIOProcessor
    from vllm.renderers.inputs.preprocess import prompt_to_seq

    def pre_process(self, ctx):
        if self.enable_chunked_processing:
            before(self, ctx)

    def pre_process_offline(self, ctx):
        if not self.enable_chunked_processing:
            return PoolingIOProcessor.pre_process_offline(self, ctx)
        prompts = prompt_to_seq(ctx.prompts)
        params = self.renderer.default_cmpl_tok_params.with_kwargs(**(ctx.tokenization_kwargs or {}))
        whole = self._preprocess_cmpl_offline(prompts, lengthened(self, params))
        pieces, ctx.pooling_params = offline(self, whole, self._params_to_seq(ctx.pooling_params, len(whole)))
        return pieces

    def get_request_factory_offline(self, ctx):
        factory, count = PoolingIOProcessor.get_request_factory_offline(self, ctx)
        if not self.enable_chunked_processing:
            return factory, count
        # How many pieces there are is known once all is tokenised, so nothing computes meanwhile.
        asked = [{**each, "tok_params": lengthened(self, each["tok_params"])} for each in factory()]
        whole = list(self._executor.map(self.render, asked))
        pieces, params = offline(self, whole, [each["params"] for each in whole])
        rendered = [{**piece, "params": each} for piece, each in zip(pieces, params, strict=True)]
        return (lambda: iter(rendered)), len(rendered)

    def render(self, asked):
        return PoolingIOProcessor.render(self, asked) if "tok_params" in asked else asked

    if hasattr(PoolingIOProcessor, "pre_process_offline"):
        EmbedIOProcessor._pre_process_chunked = pre_process
        EmbedIOProcessor.pre_process_offline = pre_process_offline
    else:
        EmbedIOProcessor.maybe_pre_process_chunked = pre_process
        EmbedIOProcessor.get_request_factory_offline = get_request_factory_offline
        EmbedIOProcessor.render = render


# --- vLLM's module of batch files, which since 0.33 reads and writes them bit by bit ----------------------------------


async def batch_bytes(vllms: ModuleType, path: str, opened: "IO[str] | None") -> bytes:
    """Of a file, or of what 0.33 has opened, staged or downloaded."""
    if opened is not None:
        opened.seek(0)
        return opened.buffer.read() if hasattr(opened, "buffer") else opened.read().encode()
    if path.startswith(("http://", "https://")):
        return (await vllms.read_file(path)).encode()
    return Path(path).read_bytes()


def batch_answer(vllms: ModuleType, request: Any, tracker: Any, endpoint: Any) -> Awaitable[Any]:
    """vLLM's answer to a request, counted in the tracker."""
    if "url_matcher" in endpoint:
        return vllms.handle_endpoint_request(request, tracker, **endpoint)

    async def counted():
        try:
            return await vllms.handle_endpoint_request(request, endpoint)
        finally:
            tracker.completed()

    return counted()


def batch_progress(vllms: ModuleType, tracker: Any, total: int) -> Any:
    return tracker.pbar(total=total) if hasattr(vllms, "batch_output_writer") else tracker.pbar()


async def write_batch(vllms: ModuleType, path: str, outputs: Sequence[Any], folder: str | None) -> None:
    """outputs, a line each, to a file or URL, which is staged in `folder`."""
    if not hasattr(vllms, "batch_output_writer"):
        await vllms.write_file(path, outputs, folder)
        return
    async with vllms.batch_output_writer(path, folder) as file:
        for output in outputs:
            print(output.model_dump_json(), file=file)
