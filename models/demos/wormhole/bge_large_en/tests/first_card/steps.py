# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The steps of the first hour on a card, most doubtful first, and why each is there."""

from dataclasses import dataclass

HERE = "models.demos.wormhole.bge_large_en.tests.first_card"
TT_SMI = "tt-smi -r"


@dataclass(frozen=True)
class Step:
    """run: "module:function" below this package, called with Findings and Setting. minutes: of an hour, at most.

    why: what it would show. help: what to do when it does not pass. device: whether it opens one.
    """

    name: str
    run: str
    minutes: float
    why: str
    help: str
    device: bool = True


STEPS = (
    Step(
        "board",
        "numbers:board",
        2,
        "the device opens, is a Wormhole, and has the core grid and L1 that plans are made for",
        "is another process using the card? 8x7 cores mean that Tensix cores dispatch",
    ),
    Step(
        "softmax",
        "numbers:softmax_extremes",
        4,
        "scores to +-100 and texts of one token among padding: no Inf, no NaN, close to fp32",
        "look at the scores, then at the mask; the softmax is ttnn.softmax_in_place in tt/attention.py",
    ),
    Step(
        "one-row",
        "numbers:one_row",
        4,
        "batches 1 and 2, on one and two rows of cores: block sharding on one row has hung before (issues 32306, 37236)",
        "serve with buckets=Buckets(SEQUENCES, (8,)): runner/batch_plan.py",
    ),
    Step(
        "packed",
        "numbers:packed",
        4,
        "several texts in a row behind a bf4 mask in L1: right, and the same bits at other places and alone",
        "serve with buckets=default_buckets(384, 8, packed=())",
    ),
    Step(
        "traces",
        "numbers:traces",
        5,
        "traces and two command queues give the bits of one queue without traces; shapes made while a step runs",
        'serve with --additional-config \'{"tt": {"trace_mode": "none"}}\'',
    ),
    Step(
        "layers",
        "numbers:layers",
        7,
        "BGE-large at full depth, both profiles, beside fp32 on the host",
        "tests/pcc/frontier.py tells which precision is at fault",
    ),
    Step(
        "buckets",
        "numbers:buckets",
        8,
        "every default shape of both profiles compiles, fits, is captured, and gives a text the same bits",
        "the shape is named; ask for others by buckets",
    ),
    Step(
        "estimates",
        "speed:estimates",
        3,
        "what the time model says of this revision, to set measured times beside; needs no card",
        "python -m models.demos.wormhole.bge_large_en.tests.perf.estimate",
        device=False,
    ),
    Step(
        "throughput",
        "speed:throughput",
        6,
        "time of a replayed step, and sentences/s with their inputs, of each bucket and profile",
        "compare the op times below with the estimate's; the softmax first",
    ),
    Step(
        "op-times",
        "speed:op_times",
        3,
        "kernel time of each op by tt-metal's profiler, where ttnn is built with it",
        "the wheel is not: build tt-metal with ./build_metal.sh --enable-profiler",
    ),
    Step(
        "soak",
        "speed:soak",
        10,
        "ten minutes of random texts without a pause: no vector ever differs; power, clock and temperature by tt-smi",
        "firmware, then TT_MM_STAGGER_TYPE, TT_MM_THROTTLE_PERF or small_subblocks: demo/VLLM_REFERENCE.md",
    ),
    Step(
        "server",
        "server:server",
        4,
        "vLLM's server starts, answers right and twice the same, and closes the device",
        "its log is beside the report",
    ),
)
BY_NAME = {step.name: step for step in STEPS}
