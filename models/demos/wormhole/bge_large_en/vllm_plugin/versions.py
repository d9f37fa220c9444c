# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What differs between the vLLM versions served: 0.25.1 and later, and the 0.10 that Tenstorrent's fork is made of.

The platform imports this while vLLM is itself being imported, so most of vLLM is imported only inside the functions.
"""

from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from vllm.v1.outputs import ModelRunnerOutput
    from vllm.v1.worker.worker_base import CompilationTimes

__all__ = ["IS_FORK", "VLLMValidationError", "compilation_times", "runner_output"]

IS_FORK = False
try:
    from vllm.exceptions import VLLMValidationError
except ImportError:
    IS_FORK = True

    class VLLMValidationError(ValueError):  # type: ignore[no-redef]
        """A refused request; the fork answers 400 to any ValueError. parameter: the request's field."""

        def __init__(self, message: str, *, parameter: str | None = None):
            super().__init__(message)
            self.parameter = parameter


# Fields that have no default in the fork, and that a pooling step has no use for.
_GENERATED: dict[str, Any] = {
    "sampled_token_ids": [],
    "spec_token_ids": None,
    "logprobs": None,
    "prompt_logprobs_dict": {},
}


def compilation_times(seconds: float) -> "CompilationTimes | None":
    """What compile_or_warm_up_model returns; None in the fork, whose executor reads nothing."""
    try:
        from vllm.v1.worker.worker_base import CompilationTimes
    except ImportError:
        return None
    return CompilationTimes(language_model=seconds, encoder=0.0)


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
