# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import pytest

from models.demos.wormhole.bge_large_en.runner.runner import MAX_GRID
from models.demos.wormhole.bge_large_en.vllm_plugin.options import (
    MAX_DEVICE_BATCH,
    STEP_ROWS_KEY,
    PoolingOptions,
    step_rows,
)


@pytest.mark.parametrize("additional_config", [None, {}, {"tt": {}}, {"another_plugin": {"max_device_batch": 0}}])
def test_defaults(additional_config):
    assert PoolingOptions.from_config(additional_config) == PoolingOptions(
        trace_mode="all",
        trace_region_size=None,
        l1_small_size=0,
        optimizations="performance",
        enable_model_warmup=True,
        max_device_batch=9,
        packing="aligned",
        batch_fill_wait_us=0,
        max_body_bytes=8_388_608,
        max_inputs_per_request=2048,
        max_ids_per_input=8192,
        step_timeout_s=None,
        open_timeout_s=300,
        max_waiting_requests=None,
        body_timeout_s=60,
    )


def test_every_option_is_read():
    given = {
        "trace_mode": "none",
        "trace_region_size": 0,
        "l1_small_size": 79_104,
        "optimizations": "accuracy",
        "enable_model_warmup": False,
        "max_device_batch": 2,
        "packing": "dense",
        "batch_fill_wait_us": 1500,
        "max_body_bytes": 1000,
        "max_inputs_per_request": 10,
        "max_ids_per_input": 512,
        "step_timeout_s": 7.5,
        "open_timeout_s": 0,
        "max_waiting_requests": 3,
        "body_timeout_s": 5,
    }
    options = PoolingOptions.from_config({"tt": given})
    assert {key: getattr(options, key) for key in given} == given


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("trace_region_size", -1, "at least 0"),
        ("trace_region_size", "50MB", "an integer"),
        ("trace_region_size", 1.5, "an integer"),
        ("trace_region_size", True, "an integer"),
        ("l1_small_size", True, "an integer"),
        ("l1_small_size", -32, "at least 0"),
        ("packing", "tight", "'aligned' or 'dense'"),
        ("max_device_batch", 0, "at least 1"),
        ("max_device_batch", "8", "an integer"),
        ("max_device_batch", 10, "at most 9"),
        ("batch_fill_wait_us", -1, "at least 0"),
        ("batch_fill_wait_us", 0.5, "an integer"),
        ("max_body_bytes", 0, "at least 1"),
        ("max_body_bytes", "8MB", "an integer"),
        ("max_inputs_per_request", 0, "at least 1"),
        ("max_ids_per_input", -1, "at least 1"),
        ("step_timeout_s", -1, "at least 0"),
        ("step_timeout_s", "60", "a number of seconds"),
        ("step_timeout_s", float("inf"), "a number of seconds"),
        ("open_timeout_s", None, "a number of seconds"),
        ("open_timeout_s", True, "a number of seconds"),
        ("max_waiting_requests", 0, "at least 1"),
        ("max_waiting_requests", "512", "an integer"),
        ("body_timeout_s", 0, "at least 1"),
        ("optimizations", "fast", "'performance' or 'accuracy'"),
        ("optimizations", ["accuracy"], "'performance' or 'accuracy'"),
        ("enable_model_warmup", 1, "true or false"),
        ("enable_model_warmup", "false", "true or false"),
        ("trace_mode", "decode", "'all', 'decode_only', 'none', true or false"),
        ("trace_mode", 1, "true or false"),
        ("trace_mode", None, "true or false"),
        ("trace_mode", ["all"], "true or false"),
        ("sample_on_device_mode", "all", "trace_mode"),  # vllm-tt-plugin's, for generation
    ],
)
def test_refusal_names_key_value_and_what_is_allowed(key, value, allowed):
    with pytest.raises(ValueError) as refusal:
        PoolingOptions.from_config({"tt": {key: value}})
    message = str(refusal.value)
    assert repr(key) in message and repr(value) in message and allowed in message


@pytest.mark.parametrize("section", [[], "accuracy", 8, None])
def test_section_must_be_an_object(section):
    with pytest.raises(ValueError, match="a JSON object"):
        PoolingOptions.from_config({"tt": section})


@pytest.mark.parametrize(
    "trace_mode, traced", [("all", True), (True, True), ("decode_only", False), ("none", False), (False, False)]
)
def test_an_encoder_is_traced_in_mode_all_only(trace_mode, traced):
    assert PoolingOptions(trace_mode=trace_mode).traced is traced


@pytest.mark.parametrize(
    "given, on_card, seconds",
    [
        ({}, True, 60),
        ({}, False, 0),  # the host computes there, and may be slow
        ({"enable_model_warmup": False}, True, 0),  # a step may compile
        ({"enable_model_warmup": False, "step_timeout_s": 5}, False, 5),
        ({"step_timeout_s": 0}, True, 0),
    ],
)
def test_a_step_is_limited_on_a_card_or_when_asked_for(given, on_card, seconds):
    assert PoolingOptions(**given).step_limit(on_card) == seconds


def test_largest_batch_is_what_the_core_grid_takes():
    assert MAX_DEVICE_BATCH == MAX_GRID[1]


def test_rows_of_a_step_are_those_of_the_mesh_once_it_is_open():
    config = {"tt": {"max_device_batch": 4}}
    assert step_rows(config) == 4
    assert step_rows({**config, STEP_ROWS_KEY: 8}) == 8
    assert step_rows(None) == 9
