# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What batches of real text lengths cost. Plans and estimates are the same on every machine; host times are not."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("scipy")

from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf import batching
from models.demos.wormhole.bge_large_en.tests.perf.text_lengths import PARAGRAPHS, text_lengths

WAITING = 64
DIMS = model_dims("large")


@pytest.fixture(scope="module")
def stsb():
    try:
        return text_lengths("stsb")
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("packing, efficiency, ratio", [("aligned", 0.42, 8), ("dense", 0.85, 16)])
def test_sts_sentences(stsb, packing, efficiency, ratio):
    found = batching.summary(stsb, WAITING, packing, DIMS)
    assert found["texts"] == 2758
    assert found["padding_efficiency"] >= efficiency and found["ratio_to_always_pad"] >= ratio


@pytest.mark.parametrize("packing, efficiency, ratio", [("aligned", 0.80, 3), ("dense", 0.85, 3.4)])
def test_paragraphs(packing, efficiency, ratio):
    found = batching.summary(text_lengths("paragraphs"), WAITING, packing, DIMS)
    assert found["padding_efficiency"] >= efficiency and found["ratio_to_always_pad"] >= ratio


def test_packing_is_what_does_it(stsb):
    """Length buckets alone, and padding, stay below: the gates are not met by any plan."""
    alone = batching.summary(text_lengths("paragraphs"), WAITING, "none", DIMS)
    assert alone["padding_efficiency"] < 0.70
    buckets, aligned = (batching.summary(stsb, WAITING, packing, DIMS) for packing in ("none", "aligned"))
    assert buckets["ratio_to_always_pad"] < 0.8 * aligned["ratio_to_always_pad"]
    full = batching.summary([384] * 64, WAITING, "aligned", DIMS)
    assert full["padding_efficiency"] == full["ratio_to_always_pad"] == 1 and full["steps"] == 8


def test_lengths_of_the_paragraphs():
    assert len(PARAGRAPHS) == 50 and max(PARAGRAPHS) == 154
    assert sum(PARAGRAPHS) / 50 == pytest.approx(100.9, abs=0.05)


def test_command():
    """Keys and plausibility of --json, in a process of its own; a host time is only asked to be there."""
    command = [sys.executable, "-m", batching.__name__, "--lengths", "paragraphs", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert {"padding_efficiency", "steps", "estimated_device_seconds", "ratio_to_always_pad"} <= set(found)
    assert found["estimated_device_seconds"] * found["ratio_to_always_pad"] == pytest.approx(
        found["always_pad_device_seconds"]
    )
    assert set(found["host_ms_per_step"]) == {*batching.HOST_PHASES, "numpy_padding"}
    assert all(found["host_ms_per_step"][phase] > 0 for phase in ("planning", "staging", "readback", "numpy_padding"))
    assert "critical" not in run.stderr


@pytest.mark.parametrize("lengths, says", [("none such", "no file"), ("513", "513"), ("0", "0 to 0")])
def test_lengths_that_are_none_are_refused(lengths, says):
    with pytest.raises(ValueError, match=says):
        text_lengths(lengths)


def test_lengths_of_a_file(tmp_path):
    (tmp_path / "lengths").write_text("3 4\n512\n")
    assert text_lengths(str(tmp_path / "lengths")) == [3, 4, 512]
    (tmp_path / "lengths").write_text("three")
    with pytest.raises(ValueError, match="not a list of numbers"):
        text_lengths(str(tmp_path / "lengths"))
