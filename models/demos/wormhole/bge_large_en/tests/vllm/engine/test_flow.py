# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Two steps on their way at once, over doubles of the runner: whose they are, what fails, and what is left behind."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch

pytest.importorskip("vllm")

from vllm.v1.core.sched.scheduler import Scheduler  # noqa: E402

from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets, plan_steps, remembered_plan  # noqa: E402
from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import (  # noqa: E402
    DIMS,
    idle_worker,
    request,
    step,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import accept  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.flow import AHEAD, Done, Flow, together  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.flow_scheduler import FlowScheduler  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.step_guard import StepGuard  # noqa: E402

ROWS, WIDTH = 4, 4
BUCKETS = Buckets((32,), (1, ROWS))
BAD = 13


class Device:
    """A runner of steps of up to ROWS texts, of which a text's row is its ids. spoil: what a step with BAD in it does."""

    def __init__(self, spoil: str | None = None):
        self.spoil, self.flying, self.log, self.now = spoil, [], [], 0.0
        self.cost = {shape: float(shape[0]) for shape in BUCKETS.shapes}

    def planned(self, rows):
        return plan_steps([len(row) for row in rows], BUCKETS, self.cost.__getitem__)

    def submit(self, rows, planned):
        assert len(self.flying) < AHEAD
        ids = [rows[place.text].ids.tolist() for place in planned.places]
        self.log.append(("submit", [text[0] for text in ids]))
        if self.spoil == "submit" and any(BAD in text for text in ids):
            self.flying.clear()
            raise RuntimeError("no")
        self.flying.append((planned, ids))

    def collect(self):
        planned, ids = self.flying.pop(0)
        self.now += 0.02
        return planned, self.rows_of(ids)

    def rows_of(self, ids):
        rows = torch.tensor([(text * WIDTH)[:WIDTH] for text in ids]).float()
        for row, text in zip(rows, ids):
            if BAD in text and self.spoil == "nan":
                row[0] = float("nan")
            if BAD in text and self.spoil in ("collect", "submit"):
                self.flying.clear()
                raise RuntimeError("no")
        return rows

    def rest(self, seconds):
        self.now += seconds

    def settle(self, error):
        self.log.append(("settle",))
        self.flying.clear()

    def embed(self, prompts):
        assert not self.flying, "the device is not idle"
        self.log.append(("alone", [text[0] for text in prompts]))
        return self.rows_of([text or [1] for text in prompts if text != [0]] or [[1]])


def flow_over(device: Device, rest=None, alone: bool = True) -> Flow:
    model = SimpleNamespace(runner=device, step_rows=ROWS, dims=DIMS, max_seq_len=32, normalize=False)
    flow = Flow(model, StepGuard(device.embed, MagicMock()), lambda: device.now, rest or device.rest, alone)
    flow.attached = True
    return flow


def requests(*firsts: int):
    made = [request(str(first), [first, first + 1]) for first in firsts]
    for one in made:
        accept(one.pooling_params)
    return made


def run(flow: Flow) -> dict[str, list[float] | str]:
    found: dict[str, list[float] | str] = {}
    while flow.busy or flow._new:
        for done in flow.advance():
            served = [one.req_id for one in done.requests if one.req_id not in done.failures]
            assert not set(found) & {one.req_id for one in done.requests}, "answered twice"
            found |= done.failures | dict(zip(served, done.rows.tolist(), strict=True))
    return found


def test_a_step_starts_before_the_last_one_is_collected():
    device = Device()
    flow = flow_over(device)
    flow.add(requests(*range(1, 9)))
    assert flow.advance() == [] and len(device.flying) == AHEAD
    assert flow.request_ids == [str(i) for i in range(1, 9)]
    (done,) = flow.advance()
    assert [one.req_id for one in done.requests] == ["1", "2", "3", "4"] and len(device.flying) == 1
    flow.add(requests(20, 21, 22, 23))
    found = run(flow)
    assert found == {str(i): [i, i + 1, i, i + 1] for i in (5, 6, 7, 8, 20, 21, 22, 23)}
    assert device.log == [("submit", [1, 2, 3, 4]), ("submit", [5, 6, 7, 8]), ("submit", [20, 21, 22, 23])]


def test_requests_are_taken_when_a_step_of_theirs_could_begin():
    device = Device()
    flow = flow_over(device)
    assert flow.takes(0)
    flow.add(requests(*range(1, 9)))
    flow.advance()
    assert len(device.flying) == AHEAD and not flow.takes(2 * ROWS - 1)
    assert flow.takes(2 * ROWS)  # to plan several meanwhile
    flow.add(requests(*range(10, 18)))
    flow._plan()
    assert not flow.takes(2 * ROWS)


@pytest.mark.parametrize("under_way", [[], ["a", "b"]])
def test_what_is_under_way_is_not_scheduled_again(monkeypatch, under_way):
    seen = []

    def schedule(self):
        seen.append((list(self.running), self.max_num_running_reqs))
        self.running.append("new")

    monkeypatch.setattr(Scheduler, "schedule", schedule)
    scheduler = object.__new__(FlowScheduler)
    scheduler._flow, scheduler.running, scheduler.max_num_running_reqs = None, list(under_way), 8
    scheduler.schedule()
    assert seen == [([], 8 - len(under_way))]
    assert scheduler.running == [*under_way, "new"] and scheduler.max_num_running_reqs == 8


@pytest.mark.parametrize("spoil", ["nan", "collect", "submit"])
@pytest.mark.parametrize("bad", [2, 6], ids=["in the first step", "in the second"])
def test_of_two_steps_the_right_request_fails(spoil, bad):
    device = Device(spoil)
    flow = flow_over(device)
    sent = requests(*range(1, 9))
    sent[bad - 1] = request(str(bad), [bad, BAD])
    accept(sent[bad - 1].pooling_params)
    flow.add(sent)
    found = run(flow)
    assert "failed twice" in found.pop(str(bad))
    assert found == {str(i): [i, i + 1, i, i + 1] for i in range(1, 9) if i != bad}
    # Alone were run the health prompt and the step that failed, text by text; the other step's not one by one.
    tried = [texts for name, *rest in device.log if name == "alone" for texts in rest]
    failed = range(1, 5) if bad < 5 else range(5, 9)
    assert [texts for texts in tried if len(texts) == 1 and texts != [0]] == [[i] for i in failed]
    assert all(set(texts).isdisjoint(failed) for texts in tried if len(texts) > 1)


def test_plans_are_remembered_by_lengths_in_order_buckets_and_costs():
    device, seen = Device(), []
    for buckets in (BUCKETS, replace(BUCKETS, batches=BUCKETS.batches[-1:])):
        for lengths in ((30, 20), (20, 30), (30,)):
            seen.append(remembered_plan(lengths, buckets, device.cost.__getitem__))
            assert seen[-1] == plan_steps(lengths, buckets, device.cost.__getitem__)
            assert remembered_plan(lengths, buckets, device.cost.__getitem__) is seen[-1]


def test_parts_together_are_in_order_and_keep_their_failures():
    rows = torch.arange(6.0).reshape(3, 2)
    a, b, c, d = requests(1, 2, 3, 4)
    failed = Done([d], torch.empty(0, 0), {d.req_id: "why"})
    whole = together([Done([a], rows[:1], {}), failed, Done([b, c], rows[1:], {})])
    assert whole.requests == [a, d, b, c] and torch.equal(whole.rows, rows) and whole.failures == {d.req_id: "why"}
    nothing = together([failed, Done([a], torch.empty(0, 0), {a.req_id: "too"})])
    assert len(nothing.rows) == 0 and nothing.failures == {d.req_id: "why", a.req_id: "too"}


def test_what_nobody_waits_for_is_not_begun():
    device = Device()
    flow = flow_over(device)
    flow.add(requests(*range(1, 13)))
    flow.advance()
    flow.forget({"9", "10"})
    assert set(run(flow)) == {str(i) for i in (1, 2, 3, 4, 5, 6, 7, 8, 11, 12)}


def test_a_step_answers_what_is_done():
    with idle_worker(MagicMock()) as worker:
        device = Device()
        worker.use(SimpleNamespace(runner=device, step_rows=ROWS, dims=DIMS, max_seq_len=32, normalize=False))
        worker.flow = flow_over(device)
        assert worker.execute_model(step(*requests(*range(1, 9)))).req_ids == []
        assert worker.execute_model(step(*requests(9))).req_ids == ["1", "2", "3", "4"]
        rest = [worker.execute_model(step()).req_ids for _ in range(4)]
        assert [req_id for ids in rest for req_id in ids] == ["5", "6", "7", "8", "9"]


@pytest.mark.parametrize("alone", [True, False])
def test_nobody_rests_for_a_device_that_computes_only_while_it_is_waited_for(alone):
    device, rests = Device(), []
    flow = flow_over(device, rests.append, alone)
    for first in range(1, 25, 4):
        flow.add(requests(*range(first, first + 4)))
        for _ in range(40):  # turns; with a clock that stands still a rest would go on for ever
            device.now += 0.001 if alone else 0
            flow.advance()
    assert bool(rests) is alone and not flow.busy
