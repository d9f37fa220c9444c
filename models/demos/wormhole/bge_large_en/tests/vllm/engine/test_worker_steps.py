# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the worker makes of a step, with a double of the model; the real one runs in test_server.py."""

from collections.abc import Iterator
from unittest.mock import MagicMock

import pytest
import torch

pytest.importorskip("vllm")

from vllm.v1.outputs import EMPTY_MODEL_RUNNER_OUTPUT  # noqa: E402

from models.demos.wormhole.bge_large_en.tests.vllm.engine.worker_doubles import (  # noqa: E402
    HIDDEN,
    ModelDouble,
    idle_worker,
    request,
    step,
)
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker  # noqa: E402


@pytest.fixture
def log() -> list:
    return []


@pytest.fixture
def served(log) -> Iterator[TTPoolingWorker]:
    """A worker whose model, a double, writes to `log`."""
    with idle_worker(MagicMock()) as worker:
        worker.use(ModelDouble(log))
        yield worker


def test_empty_step_asks_nothing_of_the_model(served, log):
    del log[:]
    assert served.execute_model(step()) is EMPTY_MODEL_RUNNER_OUTPUT
    assert log == []


def test_vectors_come_back_in_order_and_normalised(served, log):
    prompts = {"b": [3, 4], "a": [1], "c": [5, 6, 7]}
    output = served.execute_model(step(*(request(req_id, ids) for req_id, ids in prompts.items())))
    assert log[-1] == ("model.embed", list(prompts.values()))
    assert output.req_ids == ["b", "a", "c"] and output.req_id_to_index == {"b": 0, "a": 1, "c": 2}
    for ids, vector in zip(prompts.values(), output.pooler_output, strict=True):
        expected = torch.tensor((ids * HIDDEN)[:HIDDEN]).float()
        torch.testing.assert_close(vector, expected / expected.norm())
        assert vector.dtype == torch.float32 and vector.shape == (HIDDEN,)


@pytest.mark.parametrize(
    "use_activation, checkpoint_normalizes, norm",
    [(None, True, 1.0), (None, False, 200**0.5), (True, False, 1.0), (False, True, 200**0.5)],
)
def test_normalisation_follows_the_request_then_the_checkpoint(served, use_activation, checkpoint_normalizes, norm):
    served.model.normalize = checkpoint_normalizes
    (vector,) = served.execute_model(step(request("a", [5], use_activation=use_activation))).pooler_output
    assert vector.norm().item() == pytest.approx(norm, rel=1e-6)  # eight fives: sqrt(8 * 25)


def test_dimensions_truncate_before_normalising(served):
    batch = step(request("a", [1, 2], dimensions=2), request("b", [1, 2], dimensions=3, use_activation=False))
    truncated, raw = served.execute_model(batch).pooler_output
    torch.testing.assert_close(truncated, torch.tensor([1.0, 2.0]) / 5**0.5)
    assert raw.tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("dimensions", [None, 3])
@pytest.mark.parametrize("use_activation", [True, False])
def test_vectors_outlive_the_models_buffer(served, use_activation, dimensions):
    served.model.returned = torch.ones(1, HIDDEN)
    asked = request("a", [1], use_activation=use_activation, dimensions=dimensions)
    (vector,) = served.execute_model(step(asked)).pooler_output
    before = vector.clone()
    served.model.returned.zero_()
    assert torch.equal(vector, before)


@pytest.mark.parametrize("hidden", [384, 768, 1024])
@pytest.mark.parametrize("batch", [1, 2, 7, 33])
def test_bits_do_not_depend_on_the_batch(served, hidden, batch):
    rows = torch.randn(64, hidden, generator=torch.Generator().manual_seed(7))
    requests = [request(str(i), [1]) for i in range(64)]
    served.model.returned = rows
    together = served.execute_model(step(*requests)).pooler_output
    for start in range(0, 64, batch):
        part = slice(start, start + batch)
        served.model.returned = rows[part]
        some = served.execute_model(step(*requests[part])).pooler_output
        assert all(map(torch.equal, some, together[part]))


def test_model_of_the_wrong_shape_or_dtype_is_our_own_bug(served):
    for rows in (torch.ones(2, HIDDEN), torch.ones(1, HIDDEN, dtype=torch.bfloat16)):
        served.model.returned = rows
        with pytest.raises(AssertionError):
            served.execute_model(step(request("a", [1])))


def test_split_or_resumed_requests_are_refused(served):
    split = step(request("part", [1, 2, 3]))
    split.num_scheduled_tokens["part"] = 2
    resumed = step()
    resumed.scheduled_cached_reqs.req_ids.append("again")
    cached = step(request("prefix", [1, 2], computed=1))
    for output, name in ((split, "part"), (resumed, "again"), (cached, "prefix"), (step(request("e", None)), "e")):
        with pytest.raises(RuntimeError, match=f"'{name}'.*whole requests"):
            served.execute_model(output)


def test_a_healthy_worker_is_not_disturbed(served, log):
    served.execute_model(step(request("a", [1])))
    del log[:]
    served.check_health()
    assert log == []
