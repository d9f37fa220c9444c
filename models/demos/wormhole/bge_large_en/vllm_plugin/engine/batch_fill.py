# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A scheduler that lets a small batch wait for more requests: option batch_fill_wait_us."""

import time

from vllm.v1.core.sched.output import SchedulerOutput

from models.demos.wormhole.bge_large_en.vllm_plugin.engine.flow_scheduler import FlowScheduler
from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions, step_rows
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import empty_step


class BatchFillScheduler(FlowScheduler):
    """Holds requests back while they are fewer than the rows of a device step and none has waited for too long.

    While it holds, schedule() returns an empty step, and the engine's loop takes in new requests, rests for a
    millisecond and asks again. So a wait ends up to a millisecond and a half late.
    """

    def __init__(self, vllm_config, *args, **kwargs):
        super().__init__(vllm_config, *args, **kwargs)
        self._wait = PoolingOptions.from_config(vllm_config.additional_config).batch_fill_wait_us * 1e-6
        self._rows = min(step_rows(vllm_config.additional_config), self.max_num_running_reqs)
        self._waiting_since: float | None = None  # seconds, of the first request since the last step

    def add_request(self, request) -> None:
        super().add_request(request)
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()

    def schedule(self, *args, **kwargs) -> SchedulerOutput:
        held = 0 < len(self.waiting) < self._rows and not self.running
        if held and self._waiting_since is not None and time.monotonic() - self._waiting_since < self._wait:
            return empty_step()
        self._waiting_since = None
        return super().schedule(*args, **kwargs)

    def update_from_output(self, scheduler_output, model_runner_output) -> dict:
        if not scheduler_output.total_num_scheduled_tokens and self._waiting_since is not None:
            return {}  # held: nothing to tell the front end, a thousand times a second
        return super().update_from_output(scheduler_output, model_runner_output)
