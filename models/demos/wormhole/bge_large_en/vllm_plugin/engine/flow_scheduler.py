# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A scheduler for a worker that answers when a request is done, not at the step that scheduled it."""

import time

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import Request

from models.demos.wormhole.bge_large_en.vllm_plugin.options import FLOW_KEY
from models.demos.wormhole.bge_large_en.vllm_plugin.versions import RUNNING_LIMITS, empty_step


class FlowScheduler(Scheduler):
    """vLLM's, but that the worker's answer is to the requests that it names, of whatever step."""

    running: list[Request]
    max_num_running_reqs: int

    def __init__(self, vllm_config, *args, **kwargs):
        super().__init__(vllm_config, *args, **kwargs)
        # None where the option does not ask for it, and in another process than the worker's.
        self._flow = vllm_config.additional_config.get(FLOW_KEY)
        if self._flow is not None:
            self._flow.attached = True

    def add_request(self, request) -> None:
        super().add_request(request)
        if self._flow is not None:
            self._flow.pace.arrived(time.perf_counter() - (time.time() - request.arrival_time))

    def schedule(self, *args, **kwargs) -> SchedulerOutput:
        """Of those that wait as many as may run beside those under way, which vLLM would go on with, having no text of
        theirs left. None while they could not begin: until then they wait by vLLM's own count."""
        if self._flow is not None and not self._flow.takes(len(self.waiting)):
            return empty_step()
        if not self.running:
            return super().schedule(*args, **kwargs)
        under_way, self.running = self.running, []
        limits = {name: getattr(self, name) for name in RUNNING_LIMITS if hasattr(self, name)}
        self.__dict__.update({name: most - len(under_way) for name, most in limits.items()})
        try:
            return super().schedule(*args, **kwargs)
        finally:
            self.running = under_way + self.running
            self.__dict__.update(limits)

    def update_from_output(self, scheduler_output, model_runner_output) -> dict:
        done = model_runner_output.req_ids
        if self._flow is not None and self._flow.busy:
            # Whether anything was executed, after which vLLM's loop does not rest: the flow has, as long as was good.
            scheduler_output.total_num_scheduled_tokens = 1
        if not done and self.running:
            return {}  # nothing to tell the front end
        scheduler_output.num_scheduled_tokens = dict.fromkeys(done, 1)  # vLLM asks no more than that it is not 0
        return super().update_from_output(scheduler_output, model_runner_output)
