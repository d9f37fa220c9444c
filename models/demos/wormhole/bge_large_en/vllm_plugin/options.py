# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a user may set under "tt" in vLLM's --additional-config, checked before any device work."""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class PoolingOptions:
    """Options of the TT pooling platform.

    trace_region_size: bytes of device DRAM kept for captured traces. tt-metal's BGE test reserves 23,887,872 for its
        one trace; here each of up to twelve shapes (six lengths, two batches) keeps one: 2 % of the card's 12 GiB.
    l1_small_size: bytes per core taken from L1 for sliding-window ops; an encoder has none, so ttnn's default of 0.
    optimizations: "performance" or "accuracy", passed to the model.
    max_device_batch: rows of one device step; the model splits a larger batch. 8 is tt-metal's BGE batch.
    enable_model_warmup: compile every served shape at start-up; without it the first requests pay for compilation.
    """

    trace_region_size: int = 12 * 23_887_872
    l1_small_size: int = 0
    optimizations: str = "performance"
    max_device_batch: int = 8
    enable_model_warmup: bool = True

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

    def __post_init__(self) -> None:
        self._require_int("trace_region_size", minimum=0)
        self._require_int("l1_small_size", minimum=0)
        self._require_int("max_device_batch", minimum=1)
        if self.optimizations not in ("performance", "accuracy"):
            self._refuse("optimizations", "'performance' or 'accuracy'")
        if not isinstance(self.enable_model_warmup, bool):
            self._refuse("enable_model_warmup", "true or false")

    def _require_int(self, key: str, *, minimum: int) -> None:
        value = getattr(self, key)
        # bool is an int in Python, but `true` bytes or rows is a mistake
        if type(value) is not int or value < minimum:
            self._refuse(key, f"an integer of at least {minimum}")

    def _refuse(self, key: str, allowed: str) -> None:
        raise ValueError(f"additional_config['tt'][{key!r}] is {getattr(self, key)!r}; allowed: {allowed}")
