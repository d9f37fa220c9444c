# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A worker without a device, a double of its model, and the steps that vLLM's scheduler hands it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
from vllm.pooling_params import PoolingParams
from vllm.v1.core.sched.output import NewRequestData, SchedulerOutput

from models.demos.wormhole.bge_large_en.runner.batch_plan import Place, Step
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.worker import TTPoolingWorker

HIDDEN = 8
DIMS = SimpleNamespace(vocab_size=1000)


class OneStepRunner:
    """Puts all rows in one step, and embeds them by `embed` when that is collected."""

    def __init__(self, embed: Callable[[list], torch.Tensor]):
        self.embed, self.flying, self.cost = embed, [], defaultdict(lambda: 1.0)

    def planned(self, rows):
        places = tuple(Place(i, i, 0) for i in range(len(rows)))
        return [Step(len(rows), 32, False, places)] if rows else []

    def submit(self, rows, step):
        self.flying.append([row.ids.tolist() for row in rows])

    def collect(self):
        return None, self.embed(self.flying.pop(0))

    def settle(self, error):
        self.flying.clear()


class ModelDouble:
    """step_rows: one less than asked for, as on a small core grid. Row i holds the ids of prompt i, from 1 up, over and over, so order and content show; `returned`,
    when set, is returned."""

    def __init__(self, log: list, *, fails_in: str | None = None, **arguments):
        self.log, self.fails_in, self.returned, self.normalize = log, fails_in, None, True
        self.runner, self.dims, self.max_seq_len = OneStepRunner(self.embed), DIMS, 512
        self.step_rows = arguments.get("max_batch_size", 0) - 1
        self._do("initialize", arguments)

    def warm_up(self, between):
        between()
        self._do("warm_up")

    def close(self):
        self._do("close")

    def embed(self, prompts):
        self._do("embed", prompts)
        if self.returned is not None:
            return self.returned
        return torch.tensor([(ids * HIDDEN)[:HIDDEN] for ids in prompts]).float().clamp(min=1)  # no row is zero

    def _do(self, name, *details):
        self.log.append((f"model.{name}", *details))
        if name == self.fails_in:
            raise MemoryError(name)


@contextmanager
def idle_worker(config: MagicMock) -> Iterator[TTPoolingWorker]:
    """A worker with no device and no model yet; doubles of these may be left in it."""
    worker = TTPoolingWorker(config, local_rank=0, rank=0, distributed_init_method="")
    yield worker
    worker.model = worker.mesh_device = None  # what would close them, a double, is gone


def request(req_id: str, ids: list[int] | None, computed: int = 0, **params) -> NewRequestData:
    return NewRequestData(
        req_id=req_id,
        prompt_token_ids=ids,
        mm_features=[],
        sampling_params=None,
        pooling_params=PoolingParams(task="embed", **params),
        block_ids=([],),
        num_computed_tokens=computed,
        lora_request=None,
    )


def step(*requests: NewRequestData) -> SchedulerOutput:
    output = SchedulerOutput.make_empty()
    output.scheduled_new_reqs = list(requests)
    output.num_scheduled_tokens = {r.req_id: len(r.prompt_token_ids or [0]) for r in requests}
    output.total_num_scheduled_tokens = sum(output.num_scheduled_tokens.values())
    return output


def start(worker) -> None:
    worker.init_device()
    worker.load_model()
    worker.compile_or_warm_up_model()
