# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which platform is active, and what serves an encoder, with and without vllm-tt-plugin (a look-alike) installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm import lookalikes
from models.demos.wormhole.bge_large_en.tests.vllm.conftest import PLUGIN, REPOSITORY
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked

pytest.importorskip("vllm")

PATCHER = REPOSITORY / "scripts" / "integrate_vllm.py"
patching = pytest.mark.skipif(not PATCHER.exists(), reason="integrate_vllm.py is of the standalone repository")
WORKER = f"{PLUGIN}.engine.worker.TTPoolingWorker"
SCHEDULER = f"{PLUGIN}.engine.flow_scheduler.FlowScheduler"
OURS, THEIRS = f"{PLUGIN}.platform.TTPoolingPlatform", "vllm_tt_plugin.platform.TTPlatform"
SMALL = {"hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 1, "num_hidden_layers": 1}
BERT = {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 1000, **SMALL}
XLMR = BERT | {"architectures": ["XLMRobertaModel"], "model_type": "xlm-roberta", "position_embedding_type": "absolute"}
CROSS = BERT | {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, **SMALL}

# Arguments: model folders. Prints one JSON object: the platform, then what became of each model.
LOOK = """
import json, sys
from vllm.engine.arg_utils import EngineArgs
from vllm.platforms import current_platform
from vllm.pooling_params import PoolingParams
from vllm.sampling_params import SamplingParams

def attempt(function):
    try:
        return function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def look(model):
    config = EngineArgs(model=model, max_model_len=128, max_num_seqs=4, skip_tokenizer_init=True).create_engine_config()
    params = PoolingParams() if config.model_config.runner_type == "pooling" else SamplingParams()
    request = lambda ids: {"type": "token", "prompt_token_ids": ids}
    check = lambda ids: attempt(lambda: current_platform.validate_request(request(ids), params))
    return {
        "worker": config.parallel_config.worker_cls,
        "scheduler": (config.additional_config or {}).get("_tt_scheduler"),
        "budget": config.scheduler_config.max_num_batched_tokens,
        "chunked": config.scheduler_config.enable_chunked_prefill,
        "architectures": config.model_config.hf_config.architectures,
        "good": check([1, 2]),
        "negative": check([1, -2]),
    }

found = [attempt(lambda: look(model)) for model in sys.argv[1:]]
kind = type(current_platform)
print("FOUND", json.dumps([f"{kind.__module__}.{kind.__qualname__}", *found]))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("models")
    configs = {"bert": BERT, "llama": LLAMA, "xlmr": XLMR, "cross": CROSS}
    for name, config in configs.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    return [str(folder / name) for name in configs]


def install(folder: Path, write_distribution, *, plugin: str | None) -> Path:
    """A site folder with this package's entry points and, given its platform's text, with the plugin."""
    ours = {"platform": "platform_plugin", "general": "general_plugin"}
    groups = {f"vllm.{group}_plugins": f"tt_bge = {PLUGIN}:{name}" for group, name in ours.items()}
    write_distribution(folder, "tt_bge_serving", groups)  # stands before one that is really installed
    if find_spec("models.emulated_wormhole"):  # whose entry point was in it
        line = "emulated_wormhole = models.emulated_wormhole.vllm_plugin:activate_if_asked"
        write_distribution(folder, "emulated_wormhole", {"vllm.general_plugins": line})
    if plugin is not None:
        theirs = {"platform": ("tt", "platform_plugin"), "general": ("tt_model_registry", "register")}
        groups = {f"vllm.{g}_plugins": f"{n} = vllm_tt_plugin.entrypoints:{f}" for g, (n, f) in theirs.items()}
        write_distribution(folder, "vllm_tt_plugin", groups)
        package = folder / "vllm_tt_plugin"
        package.mkdir()
        files = {"__init__": "", "entrypoints": lookalikes.ENTRYPOINTS, "platform": plugin}
        for name, text in files.items():
            (package / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def found(models, write_distribution, tmp_path_factory) -> dict[str, list]:
    """For each combination of what is installed and allowed: the platform, then each model's configuration, and the log."""
    alone = install(tmp_path_factory.mktemp("alone"), write_distribution, plugin=None)
    both = install(tmp_path_factory.mktemp("both"), write_distribution, plugin=lookalikes.PLUGIN)
    combinations = {
        "alone": (alone, None),
        "both": (both, None),
        "both, tt only": (both, "tt,tt_model_registry"),
        "both, ours only": (both, "tt_bge"),
    }
    if PATCHER.exists():
        for name, platform in (("patched", lookalikes.PLUGIN), ("patched, wrapped", lookalikes.WRAPPED)):
            site = install(tmp_path_factory.mktemp("patched"), write_distribution, plugin=platform)
            tool = [sys.executable, PATCHER, "--vllm", site, "--apply"]
            subprocess.run(tool, check=True, capture_output=True)
            combinations |= {name: (site, None), f"{name}, tt only": (site, "tt,tt_model_registry")}

    def look(site: Path, allowed: str | None) -> list:
        environment = {name: value for name, value in os.environ.items() if name != "VLLM_PLUGINS"}
        environment |= {"HF_HUB_OFFLINE": "1", "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{site}"}
        if allowed is not None:
            environment["VLLM_PLUGINS"] = f"{allowed},emulated_wormhole"
        run = run_forked("look", models, environment, logs, code=LOOK)
        lines = [line for line in run.stdout.splitlines() if line.startswith("FOUND ")]
        assert lines, run.stdout[-2000:] + run.stderr[-4000:]
        return [*json.loads(lines[0].removeprefix("FOUND ")), run.stdout + run.stderr]

    logs = tmp_path_factory.mktemp("logs")
    return {name: look(*combination) for name, combination in combinations.items()}


@pytest.mark.parametrize("combination", ["alone", "both, ours only"])
def test_our_platform_serves_without_the_plugin(found, combination):
    platform, bert, llama, *others, _ = found[combination]
    assert platform == OURS and {model["worker"] for model in (bert, *others)} == {WORKER}
    assert "serves runner type 'pooling' only" in llama


PATCHED = ("patched", "patched, tt only", "patched, wrapped", "patched, wrapped, tt only")


@pytest.mark.parametrize("combination", ["both", *(pytest.param(name, marks=patching) for name in PATCHED)])
def test_the_plugins_platform_serves_encoders_with_our_worker(found, combination):
    platform, bert, llama, xlmr, cross, _ = found[combination]
    assert platform == THEIRS
    assert (xlmr["worker"], xlmr["architectures"]) == (WORKER, ["TTXLMRobertaModel"])
    assert (cross["worker"], cross["architectures"]) == (WORKER, ["TTBertForSequenceClassification"])
    assert bert["worker"] == WORKER and bert["architectures"] == ["TTBertModel"]
    assert bert["scheduler"] == SCHEDULER and llama["scheduler"] is None  # set by the worker, after theirs
    assert bert["budget"] == 4 * 128 and bert["chunked"] is False
    assert bert["good"] is None
    assert bert["negative"].startswith("VLLMValidationError: token id -2 is outside the model's vocabulary of 1000")
    assert llama["worker"] == "vllm_tt_plugin.worker.TTWorker"
    assert llama["good"] is None and llama["negative"] is None  # theirs to check


def test_the_change_is_logged_where_nothing_was_patched(found):
    log = found["both"][-1]
    assert "vllm_tt_plugin.platform.TTPlatform gets the pooling worker" in log
    assert "a VLLM_PLUGINS without tt_bge leaves it alone" in log
    assert "gets the pooling worker" not in found["both, tt only"][-1] + found["alone"][-1]


def test_vllm_plugins_turns_it_off(found):
    platform, bert, llama, *_ = found["both, tt only"]
    assert platform == THEIRS
    assert "No TT model architecture is registered for ['TTBertModel']" in bert
    assert llama["worker"] == "vllm_tt_plugin.worker.TTWorker"
