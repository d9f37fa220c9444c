# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import pytest

from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions


@pytest.mark.parametrize("additional_config", [None, {}, {"tt": {}}, {"another_plugin": {"max_device_batch": 0}}])
def test_defaults(additional_config):
    assert PoolingOptions.from_config(additional_config) == PoolingOptions(
        trace_region_size=286_654_464,
        l1_small_size=0,
        optimizations="performance",
        max_device_batch=8,
        enable_model_warmup=True,
    )


def test_every_option_is_read():
    given = {
        "trace_region_size": 0,
        "l1_small_size": 79_104,
        "optimizations": "accuracy",
        "max_device_batch": 16,
        "enable_model_warmup": False,
    }
    options = PoolingOptions.from_config({"tt": given})
    assert {key: getattr(options, key) for key in given} == given


@pytest.mark.parametrize(
    "key, value, allowed",
    [
        ("trace_region_size", -1, "at least 0"),
        ("trace_region_size", "50MB", "an integer"),
        ("trace_region_size", 1.5, "an integer"),
        ("trace_region_size", None, "an integer"),
        ("l1_small_size", True, "an integer"),
        ("l1_small_size", -32, "at least 0"),
        ("max_device_batch", 0, "at least 1"),
        ("max_device_batch", "8", "an integer"),
        ("optimizations", "fast", "'performance' or 'accuracy'"),
        ("optimizations", ["accuracy"], "'performance' or 'accuracy'"),
        ("enable_model_warmup", 1, "true or false"),
        ("enable_model_warmup", "false", "true or false"),
        ("trace_mode", "all", "max_device_batch"),
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
