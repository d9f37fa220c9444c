# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Requests on their way through the device, one device step after another, across the steps of vLLM's engine.

vLLM's own means, a queue of batches, waits for the oldest batch and meanwhile sees nothing of what arrives. Here the
worker keeps what is under way, and hands back at each step of the engine what is done (flow_scheduler.py).
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from vllm.logger import init_logger

from models.demos.wormhole.bge_large_en.runner.batch_plan import Place, Step
from models.demos.wormhole.bge_large_en.runner.inputs import Row, rows_from_lists
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pace import Pace
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.pooled_outputs import prompt_of
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.step_guard import StepGuard

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import NewRequestData

logger = init_logger("vllm.tt_pooling.flow")

AHEAD = 2  # steps on their way: one computes while the next one's inputs are written
GROUPED_S = 0.004  # answers of shorter steps are put together: a message takes both processes tenths of a millisecond
HELD_S = 0.0003  # between two looks at what has arrived


@dataclass(frozen=True)
class Work:
    """A device step, and its requests and rows in the order of its places."""

    requests: list["NewRequestData"]
    rows: list[Row]
    step: Step


@dataclass(frozen=True)
class Done:
    """Rows (n, H) of the requests that did not fail, in order; req_id -> error of the others."""

    requests: list["NewRequestData"]
    rows: torch.Tensor
    failures: dict[str, str]


def together(parts: Sequence[Done]) -> Done:
    """Of several one; of one itself, as what is not needed takes time when a text comes alone."""
    if len(parts) == 1:
        return parts[0]
    rows = [part.rows for part in parts if len(part.rows)]
    return Done(
        [request for part in parts for request in part.requests],
        torch.cat(rows) if rows else torch.empty(0, 0),
        {req_id: why for part in parts for req_id, why in part.failures.items()},
    )


class Flow:
    """model: BGEForEmbedding or the like. guard: for steps that fail.

    alone: whether the device computes while nobody waits for it. attached: set by a scheduler that takes what is done,
    whenever it is; without one the worker goes by the guard alone.
    """

    def __init__(
        self,
        model: Any,
        guard: StepGuard,
        clock: Callable[[], float] = time.perf_counter,
        rest: Callable[[float], None] = time.sleep,
        alone: bool = True,
    ):
        self._model, self._runner, self._guard = model, model.runner, guard
        self._clock, self._rest = clock, rest
        self.pace = Pace(self._estimated, clock, alone)
        self.attached = False
        self._new: list[NewRequestData] = []  # not planned yet
        self._planned: deque[Work] = deque()
        self._flying: deque[Work] = deque()
        self._done: list[Done] = []

    @property
    def busy(self) -> bool:
        return bool(self._planned or self._flying)

    @property
    def request_ids(self) -> list[str]:
        """Of the steps on their way, in the order of their rows."""
        return [request.req_id for work in self._flying for request in work.requests]

    def add(self, requests: Sequence["NewRequestData"]) -> None:
        self._new += requests

    def takes(self, waiting: int) -> bool:
        """Whether it is time to add requests, of which so many wait: to begin a step, or to plan several meanwhile."""
        if not self.busy:
            return True
        if len(self._planned) > 1:
            return False
        if self._flying and waiting >= 2 * self._model.step_rows:
            return True
        return len(self._flying) < AHEAD and not self.pace.early()

    def forget(self, req_ids: Collection[str]) -> None:
        """Requests that nobody waits for any more, as far as they have not been started."""
        if not req_ids or not (self._new or self._planned):
            return
        waiting = [request for work in self._planned for request in work.requests] + self._new
        if any(request.req_id in req_ids for request in waiting):
            self._planned.clear()
            self._new = [request for request in waiting if request.req_id not in req_ids]

    def advance(self) -> list[Done]:
        """One turn of the engine: begins steps and waits for some; what is done, most often that of one step.

        Returns in time for the engine to look at what has arrived before a step is begun that has room.
        """
        self._plan()
        start = self._clock()
        while self.busy:
            first = self._planned[0] if self._planned else None
            ready = first is not None and (len(self._planned) > 1 or self._full(first.step))
            if len(self._flying) == 1 and not ready and (early := self.pace.early()):
                if not self._done:
                    self._rest(early)
                    self.pace.woken()
                break
            if first and len(self._flying) < AHEAD and (ready or not self.pace.waits([len(row) for row in first.rows])):
                self._start(self._planned.popleft())
                if len(self._flying) == AHEAD and len(self._planned) < 2:
                    break  # to plan what waits while the device has two steps to do
            elif self._flying:
                taken = self._collect()
                if self._clock() - start + 2 * taken > GROUPED_S:
                    break
            else:
                self._rest(HELD_S)
                break
        return self._take_done()

    def _take_done(self) -> list[Done]:
        done, self._done = self._done, []
        return done

    def _plan(self) -> None:
        """Plan what is new, together with the last planned step, which may have room; a longer plan is kept."""
        if not self._new or len(self._planned) > 1:
            return
        requests = [request for work in self._planned for request in work.requests] + self._new
        self._planned.clear()
        self._new = []
        try:
            prompts = [prompt_of(request) for request in requests]
            rows = rows_from_lists(prompts, self._model.dims, self._model.max_seq_len)
            steps = self._runner.planned(rows)
        except Exception as error:
            self._recover(requests, error)
            return
        # The oldest text's step first: a later plan may move a text, but none for long.
        for step in sorted(steps, key=lambda step: min(place.text for place in step.places)):
            texts = [place.text for place in step.places]
            places = tuple(Place(i, place.row, place.start) for i, place in enumerate(step.places))
            picked = [requests[text] for text in texts], [rows[text] for text in texts]
            self._planned.append(Work(*picked, replace(step, places=places)))

    def _full(self, step: Step) -> bool:
        """Whether nothing more has room in it, as far as that can be told: packed rows may have some."""
        return not step.packed and len(step.places) == self._model.step_rows

    def _start(self, work: Work) -> None:
        self._flying.append(work)
        try:
            self._guard.watched(lambda: self._runner.submit(work.rows, work.step))
        except Exception as error:
            self._recover(work.requests, error)
        else:
            estimated = self._runner.cost[work.step.shape] * 1e-6
            self.pace.started(work.step.shape, estimated, [len(row) for row in work.rows])

    def _collect(self) -> float:
        """Seconds that the device took for it."""
        work = self._flying[0]
        if rest := self.pace.rest(1):
            self._rest(rest)  # so that other threads have Python's lock, whatever waiting for the device does with it
        asked = self._clock()
        try:
            rows = self._guard.useful(lambda: self._runner.collect()[1], "step")
        except Exception as error:
            self._recover(work.requests, error)
            return GROUPED_S
        self._flying.popleft()
        self._done.append(Done(work.requests, rows, {}))
        return self.pace.finished(asked)

    def _recover(self, requests: list["NewRequestData"], error: Exception) -> None:
        """Find out which of the requests fails, on a device without other steps; those are run anew."""
        lost = [work.requests for work in self._flying if work.requests is not requests]
        self._flying.clear()
        self.pace.abandoned()
        try:
            self._runner.settle(error)
        except Exception as worse:
            error = worse
        self._done.append(Done(requests, *self._guard.blame(requests, error)))
        for others in lost:
            self._done.append(Done(others, *self._guard.run(others)))

    def _estimated(self, lengths: Sequence[int]) -> float:
        """Device seconds of the steps for texts of these lengths."""
        steps = self._runner.planned([range(length) for length in lengths])
        return sum(self._runner.cost[step.shape] for step in steps) * 1e-6
