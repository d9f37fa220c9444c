# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""After a step that failed: does the device still work, and which of the requests is it that fails?"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

import torch
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.runner.inputs import Row
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import accepted
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pooled_outputs import prompt_of, useless_rows

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import NewRequestData

logger = init_logger("vllm.tt_pooling.step_guard")

T = TypeVar("T")

HEALTH_PROMPT = [0]  # token ids, in every vocabulary
SHOWN = 300  # characters of an error that a client gets; ttnn's go on with a backtrace


class StepGuard:
    """embed: token ids of texts -> (N, H) fp32. count: told of each failed run what it was for: step, health, retry.

    limit: a context for what waits for the device.
    """

    def __init__(
        self,
        embed: Callable[[Sequence[Sequence[int] | Row]], torch.Tensor],
        count: Callable[[str], None],
        limit: Callable[[], AbstractContextManager] = nullcontext,
    ):
        self._embed, self._count, self._limit = embed, count, limit
        self.failed: str | None = None  # why the last run failed
        self._requests: Sequence[NewRequestData] = ()  # that were run last

    @property
    def request_ids(self) -> list[str]:
        """Of those that were run last, in the order of the rows."""
        return [request.req_id for request in self._requests]

    def run(self, requests: Sequence["NewRequestData"]) -> tuple[torch.Tensor, dict[str, str]]:
        """Rows (n, H), all of them useful, of the requests that did not fail, in order, and req_id -> error of the others.

        On a device without steps on their way. If it fails, as blame() has it.
        """
        self._requests = requests
        try:
            return self._embedded([prompt_of(request) for request in requests], "step"), {}
        except Exception as error:
            return self.blame(requests, error)

    def blame(self, requests: Sequence["NewRequestData"], cause: Exception) -> tuple[torch.Tensor, dict[str, str]]:
        """What run() returns, of requests whose step failed.

        Whatever it raised or returned, it is tried once more, each request alone, provided that the device embeds the
        health prompt. RuntimeError, which ends the engine, if it does not, or if a front end wants no failed rows.
        """
        self._requests = requests
        logger.error("A step failed; requests, in the order of the rows: %s; %s", self.request_ids, cause)
        try:
            self.check()
        except RuntimeError as dead:
            why = f"embedding failed: {_first_line(cause)}; requests: {self.request_ids}; then {dead}"
            raise RuntimeError(why) from cause
        return self._one_by_one(requests)

    def check(self, *, always: bool = False) -> None:
        """After a failed run, or always, embed a short prompt. RuntimeError if the device fails in that."""
        earlier = self.failed
        if earlier is None and not always:
            return
        try:
            self._embedded([HEALTH_PROMPT], "health")
        except Exception as error:
            before = f"; the step before it: {earlier}" if earlier else ""
            raise RuntimeError(f"the device fails: {_first_line(error)}{before}") from error
        if earlier:
            logger.info("The device works, after a step that failed: %s", earlier)

    def _one_by_one(self, requests: Sequence["NewRequestData"]) -> tuple[torch.Tensor, dict[str, str]]:
        rows, failures = [], {}
        for request in requests:
            try:
                rows.append(self._embedded([prompt_of(request)], "retry"))
            except Exception as error:
                failures[request.req_id] = f"request {request.req_id} failed twice: {_first_line(error)}"
                logger.error("Also alone, %s", failures[request.req_id])
                self.check()
        unable = [r.req_id for r in requests if r.req_id in failures and not accepted(r.pooling_params)]
        if unable:
            raise RuntimeError(f"embedding failed: {failures[unable[0]]}; no error can be sent for requests {unable}")
        return torch.cat(rows) if rows else torch.empty(0, 0), failures

    def _embedded(self, prompts: Sequence[Sequence[int] | Row], stage: str) -> torch.Tensor:
        return self.useful(lambda: self._embed(prompts), stage)

    def useful(self, get: Callable[[], torch.Tensor], stage: str) -> torch.Tensor:
        """The rows (N, H) that `get` returns. RuntimeError for useless ones; watched as by watched()."""

        def checked() -> torch.Tensor:
            rows = get()
            bad = useless_rows(rows)
            if bad:
                raise RuntimeError(f"the model returned NaN, Inf or all-zero embeddings for rows {bad}")
            return rows

        rows = self.watched(checked, stage)
        self.failed = None
        return rows

    def watched(self, get: Callable[[], T], stage: str = "step") -> T:
        """What `get`, which asks something of the device, returns. A failure is counted, and remembered until the next
        success."""
        try:
            with self._limit():
                return get()
        except Exception as error:
            self._count(stage)
            self.failed = _first_line(error)
            raise


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:SHOWN]
