# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How a worker tells the API server that one request failed: vLLM 0.25.1 has no such thing for pooling requests.

In place of the request's vector goes its error message, as bytes. A front end that knows this says so in the request's
pooling parameters; for one that does not, a failed request still ends the engine, because it would answer 200.
"""

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vllm.pooling_params import PoolingParams

ACCEPTS = "tt_failed_rows"  # in PoolingParams.extra_kwargs, which vLLM hands on to the worker unread


def accept(params: "PoolingParams") -> None:
    """Say, in place, that the front end which sends this request turns a failed row into an error."""
    if not accepted(params):
        params.extra_kwargs = {**(params.extra_kwargs or {}), ACCEPTS: True}


def accepted(params: "PoolingParams | None") -> bool:
    """Whether accept() was called; False for the fork's parameters, which have no place for it."""
    return bool((getattr(params, "extra_kwargs", None) or {}).get(ACCEPTS))


def failed_row(message: str) -> torch.Tensor:
    """(bytes,) uint8, where a vector would be float32."""
    return torch.frombuffer(bytearray(message.encode() or b" "), dtype=torch.uint8)


def failure(row: torch.Tensor) -> str | None:
    """The message of a failed row, None for a vector."""
    return bytes(row.tolist()).decode() if row.dtype == torch.uint8 else None
