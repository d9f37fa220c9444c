# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the device does, counted in the engine's process and shown by the API server's /metrics.

The two processes share a folder of files in the form of prometheus_client's multi-process mode: vLLM's own where several
API servers run (PROMETHEUS_MULTIPROC_DIR), else one that a collector in the API server's registry reads. vLLM's way for
engine statistics, SchedulerStats, has no place for a platform's.

How long requests wait for a step is vLLM's vllm:request_queue_time_seconds.
"""

import atexit
import os
import secrets
import time
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString
from vllm.logger import init_logger

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    from models.demos.wormhole.bge_large_en.runner.batch_plan import Step

logger = init_logger("vllm.tt_pooling.metrics")

FOLDER_KEY = "_tt_metrics_folder"  # in additional_config, beside "tt": vllm-tt-plugin keeps its derived values so too
# Seconds: from a short step of a small model on the card to a long one on the emulated device.
STEP_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, float("inf"))
LIMITS = tuple(map(floatToGoString, STEP_BUCKETS))
FILE_BYTES = 1 << 20  # of each kind of metric: ten times what the counts of twenty shapes take
HELP = {
    "vllm:tt_device_steps": "Device steps, by shape.",
    "vllm:tt_texts": "Texts embedded, by shape of their device step.",
    "vllm:tt_rows": "Rows of device steps that held a text; a step has `batch` of them.",
    "vllm:tt_tokens": "Tokens of texts in device steps.",
    "vllm:tt_computed_tokens": "Tokens that device steps computed, padding included.",
    "vllm:tt_step_time_seconds": "Time from writing a device step's inputs to having its result.",
    "vllm:tt_busy_seconds": "Time in which a device step was under way; steps of two queues overlap, and count once.",
    "vllm:tt_engine_info": "1; what an engine runs on (silicon, simulator or emulated), its chips, profile and packing.",
    "vllm:tt_failures": "Failed runs of the model, by what it was run for: step, retry, health or warm_up.",
    "vllm:tt_warm_up_time_seconds": "Time it took to compile and capture all shapes at start-up.",
}


def share_folder(vllm_config: "VllmConfig") -> None:
    """Tell the engines of this configuration where to count, in the process whose /metrics is to show it."""
    if FOLDER_KEY not in vllm_config.additional_config:
        # A new dictionary: the old one may be the caller's.
        vllm_config.additional_config = {**vllm_config.additional_config, FOLDER_KEY: folder_to_share(os.environ)}


def shared_folder(vllm_config: "VllmConfig") -> str | None:
    """Where an engine counts. Under another platform than ours, which tells it nothing: vLLM's own folder, if any."""
    return vllm_config.additional_config.get(FOLDER_KEY) or os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def folder_to_share(environment: Mapping[str, str]) -> str:
    """The folder that engines of this process must write to for its /metrics to show their numbers."""
    return environment.get("PROMETHEUS_MULTIPROC_DIR") or _collected_folder()


@cache
def _collected_folder() -> str:
    # One for the process, as its registry is; it goes when the process ends.
    folder = TemporaryDirectory(prefix="tt_metrics_")
    atexit.register(folder.cleanup)
    REGISTRY.register(MultiProcessCollector(None, path=folder.name))
    return folder.name


class DeviceMetrics:
    """Counts of one engine, under vLLM's labels model_name and engine. Without a folder on this host it counts
    nothing."""

    def __init__(self, folder: str | None, model_name: str, engine: int):
        self._labels = {"model_name": model_name, "engine": str(engine)}
        # What does not exist here is on another host, with the API server.
        self._folder = Path(folder) if folder and Path(folder).is_dir() else None
        self._timed: set[tuple] = set()  # shapes whose histogram has all its buckets
        self._busy_until = 0.0  # of time.perf_counter()
        self._files: dict[str, MmapedDict] = {}
        # A file has one writer. prometheus_client itself, which names its files by process, may be at work beside us.
        self._owner = f"tt{os.getpid()}-{secrets.token_hex(4)}"
        self._key = lru_cache(None)(self._make_key)  # a key is JSON text: not to be made at every step
        for stage in ("step", "retry", "health", "warm_up"):
            self._add("counter", "vllm:tt_failures", "_total", (("stage", stage),), 0)

    def step(self, step: "Step", tokens: int, seconds: float) -> None:
        """Count a device step that held texts of so many tokens in all, took `seconds` and has just ended."""
        now = time.perf_counter()
        self._add("counter", "vllm:tt_busy_seconds", "_total", (), min(seconds, now - self._busy_until))
        self._busy_until = now
        shape = (
            ("batch", str(step.batch)),
            ("sequence_length", str(step.sequence)),
            ("packed", str(step.packed).lower()),
        )
        for name, amount in (
            ("device_steps", 1),
            ("texts", len(step.places)),
            ("rows", len({place.row for place in step.places})),
            ("tokens", tokens),
            ("computed_tokens", step.batch * step.sequence),
        ):
            self._add("counter", f"vllm:tt_{name}", "_total", shape, amount)
        metric = "vllm:tt_step_time_seconds"
        if shape not in self._timed:
            self._timed.add(shape)
            for limit in LIMITS:
                self._add("histogram", metric, "_bucket", (*shape, ("le", limit)), 0)
        limit = LIMITS[bisect_left(STEP_BUCKETS, seconds)]  # the files hold what is in each; readers add them up
        self._add("histogram", metric, "_bucket", (*shape, ("le", limit)), 1)
        self._add("histogram", metric, "_sum", shape, seconds)

    def failure(self, stage: str) -> None:
        """Count a failed run of the model. stage: step, retry (a request alone), health or warm_up."""
        self._add("counter", "vllm:tt_failures", "_total", (("stage", stage),), 1)

    def info(self, **labels: str) -> None:
        """Keep what the engine runs on."""
        self._add("gauge_mostrecent", "vllm:tt_engine_info", "", tuple(labels.items()), 1, timestamp=time.time())

    def warm_up(self, seconds: float) -> None:
        """Keep how long the warm-up took."""
        self._add("gauge_mostrecent", "vllm:tt_warm_up_time_seconds", "", (), seconds, timestamp=time.time())

    def close(self) -> None:
        """Close the files; what is in them stays until the folder goes. Safe to call again."""
        files, self._files, self._folder = self._files, {}, None
        for file in files.values():
            file.close()

    def _add(self, kind: str, metric: str, suffix: str, labels: tuple, amount: float, timestamp: float = 0.0) -> None:
        if self._folder is None:
            return
        if kind not in self._files and not self._open(kind):
            return
        file, key = self._files[kind], self._key(metric, suffix, labels)
        file.write_value(key, file.read_value(key)[0] + amount, timestamp)

    def _open(self, kind: str) -> bool:
        """Open a file with room for all that will be in it; without, counting ends: a write to a mapped file of a full
        disk would kill the process."""
        assert self._folder is not None  # asked before
        path = self._folder / f"{kind}_{self._owner}.db"
        try:
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
        except OSError as error:
            logger.warning("No device metrics: %s has no room for %d bytes (%s)", self._folder, FILE_BYTES, error)
            path.unlink(missing_ok=True)
            self.close()
            return False
        self._files[kind] = MmapedDict(str(path))
        return True

    def _make_key(self, metric: str, suffix: str, labels: tuple) -> str:
        named = {**self._labels, **dict(labels)}
        return mmap_key(metric, metric + suffix, list(named), list(named.values()), HELP[metric])
