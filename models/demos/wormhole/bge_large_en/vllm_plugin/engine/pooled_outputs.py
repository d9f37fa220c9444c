# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""From a scheduler step to token ids, and from pooled rows to what vLLM returns. No ttnn here."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import failed_row
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import runner_output

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import NewRequestData, SchedulerOutput
    from vllm.v1.outputs import ModelRunnerOutput


def whole_requests(scheduler_output: "SchedulerOutput") -> list["NewRequestData"]:
    """The requests of a step, each with all of its tokens.

    Raises RuntimeError when the scheduler split or resumed one: a part of a text has no embedding.
    """
    resumed = scheduler_output.scheduled_cached_reqs.req_ids
    if resumed:
        raise RuntimeError(f"requests {list(resumed)} were resumed; an encoder needs whole requests in one step")
    requests = list(scheduler_output.scheduled_new_reqs)
    for request in requests:
        tokens = len(request.prompt_token_ids or ())
        scheduled = scheduler_output.num_scheduled_tokens[request.req_id]
        if scheduled != tokens or request.num_computed_tokens:
            raise RuntimeError(
                f"request {request.req_id!r}: {scheduled} of {tokens} tokens scheduled, "
                f"{request.num_computed_tokens} computed before; an encoder needs whole requests in one step"
            )
    return requests


def prompt_of(request: "NewRequestData") -> "Sequence[int] | Row":
    """A request's token ids, with their types where it is a pair of a model that has them."""
    ids = request.prompt_token_ids
    first = (getattr(request.pooling_params, "extra_kwargs", None) or {}).get("compressed_token_type_ids")
    if first is None:
        return ids
    return Row(torch.tensor(ids), types=(torch.arange(len(ids)) >= first).long())


def useless_rows(rows: torch.Tensor) -> list[int]:
    """Which of the rows (N, H) are not finite, or are zero: that has no direction, so it is as useless as NaN."""
    norms = torch.linalg.vector_norm(rows, dim=1).tolist()
    return [i for i, norm in enumerate(norms) if not 0 < norm < math.inf]


def to_runner_output(
    requests: list["NewRequestData"],
    rows: torch.Tensor,
    *,
    normalize: bool,
    failures: Mapping[str, str] = MappingProxyType({}),
) -> "ModelRunnerOutput":
    """vLLM's answer for one step.

    rows: float32 (n, hidden), pooled and not normalised, of the requests that are not in `failures`, in their order.
    normalize: what to do for a request that does not say (`use_activation` None).
    failures: req_id -> error message.
    """
    served = [request for request in requests if request.req_id not in failures] if failures else requests
    assert rows.dtype == torch.float32 and rows.ndim == 2 and len(rows) == len(served), (rows.dtype, rows.shape)
    # All rows at once, which is the same to the bit as one by one: a norm is a sum along one row.
    units = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    vectors, width = list(units.unbind()), rows.shape[1]
    for i, request in enumerate(served):
        dimensions = request.pooling_params.dimensions
        asked = getattr(request.pooling_params, "use_activation", None)  # the fork's requests cannot ask
        activation = normalize if asked is None else asked
        if not activation or dimensions not in (None, width):
            vectors[i] = _cut(rows[i], dimensions, activation)
    req_ids = [request.req_id for request in served]
    return runner_output([*req_ids, *failures], [*vectors, *map(failed_row, failures.values())])


def to_classes(
    requests: list["NewRequestData"], logits: torch.Tensor, scores: torch.Tensor, failures: Mapping[str, str]
) -> "ModelRunnerOutput":
    """vLLM's answer for one step of pairs: scores, or where use_activation is false logits, both (n, labels) fp32."""
    served = [request for request in requests if request.req_id not in failures]
    raw = [getattr(request.pooling_params, "use_activation", None) is False for request in served]
    vectors = [(row if r else score).clone() for r, row, score in zip(raw, logits, scores, strict=True)]
    req_ids = [request.req_id for request in served]
    return runner_output([*req_ids, *failures], [*vectors, *map(failed_row, failures.values())])


def _cut(row: torch.Tensor, dimensions: int | None, activation: bool) -> torch.Tensor:
    """One request's vector of so many dimensions, normalised after that, since a part of a unit is no unit.

    Never aliases `row`, which the model may reuse while vLLM's output thread still serialises.
    """
    vector = row[:dimensions]
    return torch.nn.functional.normalize(vector, dim=-1) if activation else vector.clone()
