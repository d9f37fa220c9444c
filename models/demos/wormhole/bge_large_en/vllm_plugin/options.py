# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a user may set under "tt" in vLLM's --additional-config, checked before any device work."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from models.demos.wormhole.bge_large_en.tt.profiles import PROFILES

MAX_DEVICE_BATCH = 9  # rows of a step per chip: one for each row of worker cores, which a Galaxy has 9 of, others 8
# As vllm-tt-plugin has them. An encoder has no decode step, so "decode_only" leaves it nothing to trace.
TRACED = {"all": True, "decode_only": False, "none": False}
PACKINGS = ("aligned", "dense")
CARD_STEP_S = 60  # thousands of times what a step takes


@dataclass(frozen=True)
class PoolingOptions:
    """Options of the TT pooling platform. The first five have the names and meanings of vllm-tt-plugin's.

    trace_mode: "all" or true to replay captured traces; "none", "decode_only" or false to dispatch every program.
    trace_region_size: bytes of DRAM per chip for captured traces; None for what the model's shapes take.
    l1_small_size: bytes per core taken from L1 for sliding-window ops; an encoder has none, so ttnn's default of 0.
    optimizations: "performance" or "accuracy", passed to the model.
    enable_model_warmup: compile every served shape at start-up; without it the first requests pay for compilation.
    max_device_batch: rows of one device step per chip, of which the model takes as many as there are rows of cores.
    packing: of short texts in shared rows: "aligned", each from a tile boundary, or "dense", without a gap, where a text's
        vector depends, a little, on its neighbours.
    batch_fill_wait_us: microseconds that a batch smaller than a device step waits for more requests; 0 is not at all.
    overlap_steps: begin device steps before the last engine step's vectors are sent (engine/flow.py); false for vLLM's
        own scheduler.
    max_body_bytes: of a request. max_inputs_per_request: in a list of inputs. max_ids_per_input: token ids in an input,
    of which those beyond the model's length need truncate_prompt_tokens, and tokens of a text to /tokenize.
    step_timeout_s: seconds without an answer to a device step after which the engine ends; 0 is never. None for
        CARD_STEP_S on a card after a warm-up, and never else, where a step may compile or runs on the host.
    open_timeout_s: seconds to open the mesh, which waits while another process has it; 0 is no limit.
    max_waiting_requests: requests that one API server takes in before it answers 429, long ones counted as several;
    None for what admission.default_slots makes of --max-num-seqs.
    body_timeout_s: seconds until a request whose body has not arrived is given up.
    """

    trace_mode: str | bool = "all"
    trace_region_size: int | None = None
    l1_small_size: int = 0
    optimizations: str = "performance"
    enable_model_warmup: bool = True
    max_device_batch: int = MAX_DEVICE_BATCH
    packing: str = "aligned"
    batch_fill_wait_us: int = 0
    overlap_steps: bool = True
    # As the body allows: 2,048 inputs of 512 ids, each with at most 5 digits and ", ", are 7 MB.
    max_body_bytes: int = 8 * 2**20
    # OpenAI's own limits of an embeddings request, which clients already keep to.
    max_inputs_per_request: int = 2048
    max_ids_per_input: int = 8192
    step_timeout_s: float | None = None
    open_timeout_s: float = 300
    max_waiting_requests: int | None = None
    body_timeout_s: int = 60

    @classmethod
    def from_config(cls, additional_config: Mapping | None) -> "PoolingOptions":
        """Options from vLLM's additional_config; keys beside "tt" belong to others and are ignored.

        Raises ValueError naming the key, its value and what is allowed.
        """
        section = (additional_config or {}).get("tt", {})
        if not isinstance(section, Mapping):
            raise ValueError(f"additional_config['tt'] is {section!r}; allowed: a JSON object of options")
        allowed = [field.name for field in fields(cls)]
        for key, value in section.items():
            if key not in allowed:
                raise ValueError(f"unknown option additional_config['tt'][{key!r}] = {value!r}; allowed: {allowed}")
        return cls(**section)

    @property
    def traced(self) -> bool:
        """Whether steps are captured as traces."""
        return TRACED[self.trace_mode] if isinstance(self.trace_mode, str) else self.trace_mode

    def __post_init__(self) -> None:
        if not isinstance(self.trace_mode, bool) and self.trace_mode not in list(TRACED):
            self._refuse("trace_mode", f"{', '.join(map(repr, TRACED))}, true or false")
        if self.trace_region_size is not None:
            self._require_int("trace_region_size", minimum=0)
        self._require_int("l1_small_size", minimum=0)
        if self.optimizations not in PROFILES:
            self._refuse("optimizations", " or ".join(map(repr, PROFILES)))
        if not isinstance(self.enable_model_warmup, bool):
            self._refuse("enable_model_warmup", "true or false")
        self._require_int("max_device_batch", minimum=1, maximum=MAX_DEVICE_BATCH)
        if self.packing not in PACKINGS:
            self._refuse("packing", " or ".join(map(repr, PACKINGS)))
        self._require_int("batch_fill_wait_us", minimum=0)
        if not isinstance(self.overlap_steps, bool):
            self._refuse("overlap_steps", "true or false")
        for limit in ("max_body_bytes", "max_inputs_per_request", "max_ids_per_input"):
            self._require_int(limit, minimum=1)
        if self.step_timeout_s is not None:
            self._require_seconds("step_timeout_s")
        self._require_seconds("open_timeout_s")
        if self.max_waiting_requests is not None:
            self._require_int("max_waiting_requests", minimum=1)
        self._require_int("body_timeout_s", minimum=1)

    def step_limit(self, on_card: bool) -> float:
        """Seconds that a device step may take, 0 for any number. on_card: neither emulated nor simulated."""
        if self.step_timeout_s is not None:
            return self.step_timeout_s
        return CARD_STEP_S if on_card and self.enable_model_warmup else 0

    def _require_int(self, key: str, *, minimum: int, maximum: int | None = None) -> None:
        value = getattr(self, key)
        # bool is an int in Python, but `true` bytes or rows is a mistake
        if type(value) is not int or value < minimum or (maximum is not None and value > maximum):
            self._refuse(key, f"an integer of at least {minimum}" + (f" and at most {maximum}" if maximum else ""))

    def _require_seconds(self, key: str) -> None:
        value = getattr(self, key)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            self._refuse(key, "a number of seconds of at least 0")

    def _refuse(self, key: str, allowed: str) -> None:
        raise ValueError(f"additional_config['tt'][{key!r}] is {getattr(self, key)!r}; allowed: {allowed}")


# In additional_config, beside "tt": what a worker found out, as vllm-tt-plugin keeps its derived values.
STEP_ROWS_KEY = "_tt_step_rows"
# The same, of an engine whose API server may be on another machine: its address.
FRONT_KEY = "_tt_front"
# And its Flow, for a scheduler in the same process.
FLOW_KEY = "_tt_flow"
# And our scheduler, where Tenstorrent's platforms set theirs after ours was chosen.
SCHEDULER_KEY = "_tt_scheduler"


def step_rows(additional_config: Mapping | None) -> int:
    """Rows of a device step on all chips: what the worker has stored, or at most, of one chip, before it has a model."""
    stored = (additional_config or {}).get(STEP_ROWS_KEY)
    return stored or PoolingOptions.from_config(additional_config).max_device_batch
