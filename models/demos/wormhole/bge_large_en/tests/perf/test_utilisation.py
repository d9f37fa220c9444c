# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What clients get of a device, against its gates: on an idle machine, as Python's time is a part of it."""

import json
import statistics
import subprocess
import sys

import pytest

pytest.importorskip("vllm")

from models.demos.wormhole.bge_large_en.tests.perf import utilisation  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.server]


def loads(*options: str) -> dict[str, dict]:
    command = [sys.executable, "-m", utilisation.__name__, "--json", *options]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    return {load["load"]: load for load in json.loads(run.stdout)["loads"]}


@pytest.fixture(scope="module")
def overlapped() -> dict[str, dict]:
    return loads()


@pytest.mark.parametrize(
    "clients, share",
    [
        pytest.param(
            8,
            0.85,
            marks=pytest.mark.xfail(
                reason="all eight are answered at once; until their next texts are on the device Python takes 7 to 8 ms"
            ),
        ),
        (16, 0.90),
        (64, 0.95),
        (128, 0.95),
    ],
)
def test_clients_that_wait_for_their_vectors_keep_a_device_busy(overlapped, clients, share):
    load = overlapped[f"{clients} clients, 384"]
    assert load["texts_per_second_of_device_rate"] >= share, load


@pytest.mark.parametrize("lengths", ["stsb", "paragraphs"])
def test_few_wait_long_at_four_fifths_of_the_rate(overlapped, lengths):
    load = overlapped[f"arrivals at 80%, {lengths}"]
    assert load["p99_steps"] <= 4 and load["texts_per_second_of_device_rate"] >= 0.75, load


def test_a_lone_client_waits_no_longer_than_with_vllms_scheduler():
    """In pairs of runs, many, as a host is faster at one time than at another: two equal ones differ by 5 %."""
    ratios = []
    for _ in range(9):
        runs = [loads("--only", "1 clients, 384", *options)["1 clients, 384"] for options in ([], ["--vllm"])]
        ratios.append(runs[0]["p50_steps"] / runs[1]["p50_steps"])
    assert statistics.median(ratios) <= 1.02, ratios
