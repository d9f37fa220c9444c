# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which requests a step that fails takes with it, and when it takes the engine: the worker over doubles of a model."""

from collections.abc import Callable, Iterator
from unittest.mock import MagicMock, call

import pytest
import torch

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import (  # noqa: E402
    DIMS,
    OneStepRunner,
    idle_worker,
    request,
    step,
)
from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.failed_rows import accept, failed_row, failure  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402

BAD = 13  # a token id that the device can't embed, in some tests


class FaultyModel:
    """Row i is the ids of prompt i, cut or padded with ones to 4; `fault` gets prompts and rows and spoils or raises."""

    normalize = False

    def __init__(self, fault: Callable[[list[list[int]], torch.Tensor], None]):
        self.fault, self.calls = fault, []
        self.runner, self.step_rows = OneStepRunner(self.embed), 4
        self.dims, self.max_seq_len = DIMS, 512

    def embed(self, prompts):
        self.calls.append(prompts)
        rows = torch.tensor([(ids + [1] * 4)[:4] for ids in prompts]).float()
        self.fault(prompts, rows)
        return rows


def spoil(value: float, token: int | None = None):
    def fault(prompts, rows):
        for ids, row in zip(prompts, rows):
            if token is None or token in ids:
                row[0 if value else slice(None)] = value

    return fault


def refuse(token: int | None = None, times: int = 10**6):
    left = [times]

    def fault(prompts, rows):
        if left[0] and (token is None or any(token in ids for ids in prompts)):
            left[0] -= 1
            raise RuntimeError("the device said no\nbacktrace:\n --- somewhere")

    return fault


@pytest.fixture
def worker() -> Iterator[TTPoolingWorker]:
    with idle_worker(MagicMock()) as worker:
        worker.metrics = MagicMock()
        yield worker


def run(worker, fault, prompts: dict[str, list[int]], accepted: bool = True) -> dict[str, list[float] | str]:
    """req_id -> its vector, or its error."""
    count("faults injected")
    worker.use(FaultyModel(fault))
    requests = [request(req_id, ids) for req_id, ids in prompts.items()]
    for one in requests if accepted else ():
        accept(one.pooling_params)
    output = worker.execute_model(step(*requests))
    assert sorted(output.req_ids) == sorted(prompts) and len(output.pooler_output) == len(prompts)
    rows = {req_id: output.pooler_output[output.req_id_to_index[req_id]] for req_id in prompts}
    return {req_id: failure(row) or row.tolist() for req_id, row in rows.items()}


THREE = {"good": [1, 2, 3, 4], "bad": [5, BAD], "fine": [7, 8]}
VECTORS = {"good": [1, 2, 3, 4], "bad": [5, BAD, 1, 1], "fine": [7, 8, 1, 1]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 0.0])
def test_a_useless_row_fails_its_request_only(worker, value):
    got = run(worker, spoil(value, BAD), THREE)
    assert got.pop("bad").startswith("request bad failed twice: the model returned NaN, Inf or all-zero")
    assert got == {name: VECTORS[name] for name in got}


def test_a_text_that_makes_the_step_raise_fails_alone(worker):
    got = run(worker, refuse(BAD), THREE)
    assert got.pop("bad") == "request bad failed twice: the device said no"  # without ttnn's backtrace
    assert got == {name: VECTORS[name] for name in got}
    assert [stage for (stage,), _ in worker.metrics.failure.call_args_list] == ["step", "retry"]


@pytest.mark.parametrize("fault", [refuse(times=1), spoil(float("nan"), BAD)], ids=["raises once", "NaN once"])
def test_a_fault_that_passes_fails_nobody(worker, fault):
    passing = [fault]

    def once(prompts, rows):
        if passing:
            passing.pop()(prompts, rows)

    assert run(worker, once, THREE) == VECTORS
    # The step, the health prompt, and each request alone.
    assert worker.model.calls == [list(THREE.values()), [[0]], *([ids] for ids in THREE.values())]


def test_a_request_alone_in_its_step_is_tried_again_too(worker):
    assert run(worker, refuse(times=1), {"bad": [BAD]}) == {"bad": [BAD, 1, 1, 1]}
    assert "failed twice" in run(worker, refuse(BAD), {"bad": [BAD]})["bad"]


@pytest.mark.parametrize("fault", [refuse(), spoil(float("nan")), spoil(0.0)], ids=["raises", "NaN", "zero"])
def test_a_device_that_fails_the_health_prompt_ends_the_engine(worker, fault):
    with pytest.raises(RuntimeError, match=r"embedding failed: .*\['good', 'bad', 'fine'\]; then the device fails"):
        run(worker, fault, THREE)
    assert len(worker.model.calls) == 2


def test_a_device_that_fails_between_retries_ends_the_engine(worker):
    """Once the health prompt worked; but a request that fails afterwards is not to blame."""

    def dying(prompts, rows):
        if len(worker.model.calls) != 2:
            raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="the device fails: gone"):
        run(worker, dying, THREE)
    assert len(worker.model.calls) == 4


def test_a_front_end_that_takes_no_failed_rows_loses_the_engine(worker):
    """The fork's, or one without our middleware: it would send the error message's bytes as a vector."""
    with pytest.raises(RuntimeError, match=r"no error can be sent for requests \['bad'\]"):
        run(worker, refuse(BAD), THREE, accepted=False)
    assert run(worker, refuse(times=1), THREE, accepted=False) == VECTORS


def test_the_next_step_is_not_disturbed(worker):
    run(worker, refuse(BAD), THREE)
    worker.model.calls.clear()
    worker.model.fault = lambda prompts, rows: None
    worker.execute_model(step(request("next", [3])))
    worker.check_health()
    assert worker.model.calls == [[[3]]]


def test_health_after_a_failure_is_one_forward_until_it_works(worker):
    with pytest.raises(RuntimeError):
        run(worker, refuse(), THREE)
    with pytest.raises(RuntimeError, match="the device fails: the device said no"):
        worker.check_health()
    worker.model.fault, calls = lambda prompts, rows: None, len(worker.model.calls)
    worker.check_health()
    worker.check_health()
    assert len(worker.model.calls) == calls + 1
    assert worker.metrics.failure.call_args_list == [call("step"), call("health"), call("health")]


def test_a_message_is_not_taken_for_a_vector_nor_a_vector_for_a_message():
    assert failure(failed_row("Straße 🙂")) == "Straße 🙂"
    assert failure(failed_row("")) and failure(torch.ones(3)) is None
