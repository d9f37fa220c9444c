# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""From a scheduler step to token ids, and from pooled rows to what vLLM returns. No ttnn here."""

import math
from typing import TYPE_CHECKING

import torch

from models.demos.wormhole.bge_large_en.vllm_plugin.versions import runner_output

if TYPE_CHECKING:
    from vllm.pooling_params import PoolingParams
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


def to_runner_output(requests: list["NewRequestData"], rows: torch.Tensor, *, normalize: bool) -> "ModelRunnerOutput":
    """vLLM's answer for one step.

    rows: float32 (N, hidden), pooled and not normalised, in the order of `requests`.
    normalize: what to do for a request that does not say (`use_activation` None).
    Raises RuntimeError naming the requests whose row is not finite or is zero.
    """
    assert rows.dtype == torch.float32 and rows.ndim == 2 and len(rows) == len(requests), (rows.dtype, rows.shape)
    req_ids = [request.req_id for request in requests]
    # All rows at once, which is the same to the bit as one by one: a norm is a sum along one row.
    norms = torch.linalg.vector_norm(rows, dim=1)
    _check_norms(req_ids, norms.tolist())
    units = rows / norms[:, None]
    vectors = [
        _finish(row, unit, request.pooling_params, normalize)
        for row, unit, request in zip(rows.unbind(), units.unbind(), requests, strict=True)
    ]
    return runner_output(req_ids, vectors)


def _check_norms(req_ids: list[str], norms: list[float]) -> None:
    # A zero row has no direction, so it is as useless to a client as NaN, and harder to notice.
    bad = [req_id for req_id, norm in zip(req_ids, norms, strict=True) if not 0 < norm < math.inf]
    if bad:
        raise RuntimeError(f"the model returned NaN, Inf or all-zero embeddings for requests {bad}")


def _finish(row: torch.Tensor, unit: torch.Tensor, params: "PoolingParams", normalize: bool) -> torch.Tensor:
    """One request's vector; unit: `row` normalised. Truncated to `dimensions` before, since a truncated unit is no unit.

    Never aliases `row`, which the model may reuse while vLLM's output thread still serialises.
    """
    asked = getattr(params, "use_activation", None)  # the fork's requests cannot ask
    activation = normalize if asked is None else asked
    if params.dimensions is None:
        return unit if activation else row.clone()
    vector = row[: params.dimensions]
    return torch.nn.functional.normalize(vector, dim=-1) if activation else vector.clone()
