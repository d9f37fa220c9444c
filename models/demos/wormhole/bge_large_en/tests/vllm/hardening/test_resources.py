# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Full disks and bad weights, without a server."""

import errno
import os
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.vllm.hardening.tally import count  # noqa: E402
from models.demos.wormhole.bge_large_en.tt.weights import Weights  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine import metrics  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.engine.metrics import DeviceMetrics  # noqa: E402

STEP = SimpleNamespace(batch=8, sequence=64, packed=False, places=[SimpleNamespace(row=0)])


@pytest.mark.parametrize("first", [0, 1])
def test_a_full_disk_ends_the_counting_and_nothing_else(tmp_path, monkeypatch, first):
    """At the first file and at a later one."""
    count("faults injected")
    warnings, calls, allocate = [], [], os.posix_fallocate

    def full(descriptor, start, length):
        calls.append(length)
        if len(calls) > first:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allocate(descriptor, start, length)

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(metrics.logger, "warning", lambda text, *values: warnings.append(text % values))
    counts = DeviceMetrics(str(tmp_path), "model", 0)
    for _ in range(3):
        counts.step(STEP, 10, 0.1)
        counts.failure("step")
    assert len(warnings) == 1 and "No space left on device" in warnings[0] and str(tmp_path) in warnings[0]
    assert len(list(tmp_path.iterdir())) == first
    counts.close()


def test_a_file_has_its_bytes_before_it_is_mapped(tmp_path):
    """A hole in a mapped file would be filled, or not, at a write: SIGBUS on a full disk."""
    counts = DeviceMetrics(str(tmp_path), "model", 0)
    counts.step(STEP, 10, 0.1)
    for file in tmp_path.iterdir():
        assert file.stat().st_blocks * 512 >= file.stat().st_size == metrics.FILE_BYTES
    counts.close()


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_weight_of_a_dtype_that_needs_scales_is_refused(dtype):
    count("faults injected")
    with pytest.raises(ValueError, match=f"a.weight has dtype {dtype}"):
        Weights.from_state_dict({"a.weight": torch.ones(2, 2).to(dtype)}).take("a.weight", (2, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_refused(tmp_path, value):
    count("faults injected")
    save_file({"a.weight": torch.tensor([1.0, value])}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="a.weight in .* holds NaN or Inf"):
        Weights.from_folder(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_floating_point_weights_are_read_in_fp32(dtype):
    taken = Weights.from_state_dict({"a.weight": torch.tensor([0.5, -2.0], dtype=dtype)}).take("a.weight", (2,))
    assert taken.dtype == torch.float32 and taken.tolist() == [0.5, -2.0]
