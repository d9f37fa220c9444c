# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""When the next device step is to begin: late, so that it is full, but never so late that the device stands still.

While the device computes nothing is gained by a step that is not full, so it is started as late as the host can. A text
that is alone on an idle device never waits. A step with room waits for texts whose clients are expected back, if
computing them together saves more device time than the wait takes: of a client that was answered, and of one that will
be, the next text is expected as long after the answer as it took others. All times are seconds.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from models.demos.wormhole.bge_large_en.runner.batch_plan import Shape

LEAD_S = 0.003  # to begin with
SLACK_S = 0.0005
LEAST_S = 0.0001  # that is worth a rest
KEPT = 8  # of how many steps of a shape the shortest is taken for what it takes
SHORTER = 0.97  # than that it is taken for, where the device was done when it was asked
ASKED_S = 0.0001  # more than asking takes: the device was waited for
EXPECTED = 32  # texts that a step waits for; planning more of them would take longer than it saves


class Envelope:
    """About the longest of recent times: up at once by half, down by a sixteenth."""

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds

    def add(self, seconds: float) -> None:
        self.seconds += (seconds - self.seconds) * (0.5 if seconds > self.seconds else 0.0625)


class Answered(NamedTuple):
    """A text whose client was told its vector, or will be: when, how many were before it, and its length."""

    at: float
    place: int
    length: int


@dataclass(frozen=True)
class Started:
    """A step on its way: its shape, when it was handed over, what it is estimated to take, and its texts' lengths."""

    shape: Shape
    at: float
    estimated: float
    lengths: Sequence[int]


class Pace:
    """Told of all that happens to steps and texts. cost: estimated device seconds of a plan for texts of these lengths.

    alone: whether the device computes while nobody waits for it; where not, no step is begun late.
    """

    def __init__(
        self,
        cost: Callable[[tuple[int, ...]], float],
        clock: Callable[[], float] = time.perf_counter,
        alone: bool = True,
    ):
        self._cost, self._clock, self._alone = lru_cache(256)(cost), clock, alone
        self._taken: dict[Shape, deque[float]] = {}
        self._least: dict[Shape, float] = {}  # of those
        self._asking: deque[float] = deque([ASKED_S], maxlen=64)  # how long the device was waited for
        self._started: deque[Started] = deque()
        self._ended = 0.0  # the last step
        self._answered: deque[Answered] = deque()  # whose clients are not back yet
        self._lags: deque[float] = deque(maxlen=64)
        # From an answer to the first of its clients' next texts, and from one of them to the next.
        self._first, self._next = Envelope(), Envelope()
        self._group = self._last = 0.0  # when those were answered of whom one came last, and when that was
        self._host = Envelope(LEAD_S)  # from waking up to begin a step until it has begun
        self._ratio = 1.0  # of measured to estimated time
        self._woken: float | None = None
        self._held: float | None = None  # since when a step with room waits

    def arrived(self, at: float) -> None:
        """A text came to the front end, by that one's clock. The smallest lag is what the way to here takes, and what the
        clocks differ by; others were noticed late."""
        now = self._clock()
        self._forget_the_gone(now)
        self._lags.append(now - at)
        came = now - self._lags[-1] + min(self._lags)
        if not self._answered or came < self._answered[0].at:
            return
        at = self._answered.popleft().at
        if at == self._group:
            self._next.add(came - self._last)
        else:
            self._first.add(came - at)
        self._group, self._last = at, came

    def started(self, shape: Shape, estimated: float, lengths: Sequence[int]) -> None:
        now = self._clock()
        if self._woken is not None:
            self._host.add(now - self._woken)
        self._woken = self._held = None
        self._started.append(Started(shape, now, estimated, lengths))

    def finished(self, asked: float) -> float:
        """The oldest step on its way, for which the device was asked at that time; how long it took."""
        step, now = self._started.popleft(), self._clock()
        begun = max(step.at, self._ended)
        taken, known = now - begun, self._taken.setdefault(step.shape, deque(maxlen=KEPT))
        self._asking.append(now - asked)
        if self._asking[-1] > min(self._asking) + ASKED_S:
            known.append(taken)
            self._ended = now
        else:  # It was done before; when, only asking earlier tells.
            known.append(SHORTER * min([taken, *known]))
            self._ended = min(now, begun + known[-1])
        self._least[step.shape] = min(known)
        self._ratio += (taken / step.estimated - self._ratio) / KEPT
        self._woken = None
        self._answered.extend(Answered(now, place, length) for place, length in enumerate(step.lengths))
        return taken

    def abandoned(self) -> None:
        """All steps on their way."""
        self._started.clear()
        self._woken = self._held = None

    def rest(self, steps: int) -> float:
        """Until the first so many of the steps on their way are about to be done; 0 for what was not measured yet."""
        if not self._alone:
            return 0.0
        end = self._ended
        for step in islice(self._started, steps):
            if step.shape not in self._least:
                return 0.0
            end = max(step.at, end) + self._least[step.shape]
        return max(0.0, end - self._clock() - SLACK_S)

    def early(self) -> float:
        """How long the next step is better not begun yet, as the device would not be free for it."""
        left = self.rest(len(self._started)) - self._host.seconds
        return left if left > LEAST_S else 0.0

    def woken(self) -> None:
        """It is time to begin a step, with what arrived meanwhile."""
        self._woken = self._clock()

    def waits(self, lengths: Sequence[int]) -> bool:
        """Whether a step with room, of texts of these lengths, waits for others while the device is (almost) free."""
        now = self._clock()
        self._forget_the_gone(now)
        free = now + self.rest(len(self._started))
        since = self._held if self._held is not None else now
        answered = [one for one in self._answered if now < one.at + 2 * self._back(one.place)]
        flying = (length for step in self._started for length in step.lengths)
        coming = [Answered(free, place, length) for place, length in enumerate(flying)]
        for expected in (answered, answered + coming):
            if not 0 < len(expected) <= EXPECTED:
                continue
            others = [one.length for one in expected]
            saved = self._estimated(lengths) + self._estimated(others) - self._estimated([*lengths, *others])
            wait = max(now, expected[-1].at + self._back(expected[-1].place)) - since
            # With those that are answered together from now on nothing computes until they are back.
            idle = self._back(len(expected) + len(lengths) - 1) if expected is not answered else 0.0
            if max(wait, idle) < saved:
                self._held, self._woken = since, None
                return True
        return False

    def _back(self, place: int) -> float:
        """From an answer until a client is back, of those that were answered together the one with so many before it."""
        return self._first.seconds + self._next.seconds * place

    def _estimated(self, lengths: Sequence[int]) -> float:
        return self._ratio * self._cost(tuple(sorted(lengths)))

    def _forget_the_gone(self, now: float) -> None:
        """Who is not back within the time of the longest step is not waited for: nothing could be saved by that."""
        if not self._answered:
            return
        longest = max(self._least.values(), default=0.0)
        while self._answered and now - self._answered[0].at > longest:
            if self._answered.popleft().at != self._group:
                self._first.add(longest)
