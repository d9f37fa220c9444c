# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which platform is active where others are installed, and what being one takes."""

import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en import vllm_plugin
from models.demos.wormhole.bge_large_en.demo import registration
from models.demos.wormhole.bge_large_en.runner.target import NODES
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked

pytest.importorskip("vllm")

from vllm import platforms  # noqa: E402

from models.demos.wormhole.bge_large_en.demo.generator_vllm import register_model  # noqa: E402
from models.demos.wormhole.bge_large_en.vllm_plugin.platform import TTPoolingPlatform  # noqa: E402

OURS = f"{vllm_plugin.__name__}.platform.TTPoolingPlatform"


@pytest.fixture
def installed(monkeypatch, tmp_path, entry_point_folder, write_distribution):
    """Our plugin is installed; call the result to install another distribution whose platform is active too."""
    monkeypatch.delenv("VLLM_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(entry_point_folder))

    def install(name: str, module: str) -> None:
        write_distribution(tmp_path, f"dist_of_{module}", {"vllm.platform_plugins": f"{name} = {module}:plugin"})
        (tmp_path / f"{module}.py").write_text("def plugin():\n    return 'another.Platform'\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_alone_ours_is_active(installed):
    assert platforms.resolve_current_platform_cls_qualname() == OURS


@pytest.mark.parametrize("name, module", [("tt", "vllm_tt_plugin"), ("tt", "tt_vllm_plugin"), ("x", "tenstorrent_v1")])
def test_steps_back_for_another_tt_plugin(installed, name, module):
    installed(name, module)
    assert platforms.resolve_current_platform_cls_qualname() == "another.Platform"


def test_stays_when_the_other_is_not_allowed_to_load(installed, monkeypatch):
    installed("tt", "vllm_tt_plugin_2")
    monkeypatch.setenv("VLLM_PLUGINS", "tt_bge")
    assert platforms.resolve_current_platform_cls_qualname() == OURS


def test_a_foreign_platform_is_no_tt_plugin(installed):
    installed("attention_accelerator", "attn_platform")  # holds "tt", is not Tenstorrent's
    assert vllm_plugin.platform_plugin() == OURS


def test_platform_class_path_resolves():
    from vllm.utils.import_utils import resolve_obj_by_qualname

    assert resolve_obj_by_qualname(vllm_plugin.PLATFORM_CLASS) is TTPoolingPlatform


def test_importing_the_plugin_imports_nothing_heavy(vllm_environment):
    code = f"import sys, {vllm_plugin.__name__}; print({{'torch', 'vllm', 'ttnn'}} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=vllm_environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_register_models_twice_names_every_architecture():
    from vllm import ModelRegistry

    vllm_plugin.register_models()
    first = dict(ModelRegistry.models)
    register_model()  # the guide's name for it
    for architecture in ("TTBertModel", "TTXLMRobertaModel", "BGEForEmbedding"):
        model = ModelRegistry.models[architecture]
        assert model is first[architecture]
        assert f"{model.module_name}:{model.class_name}" == registration.MODEL_CLASS


def test_cross_encoders_are_registered_as_their_class():
    from vllm import ModelRegistry

    from models.demos.wormhole.bge_large_en.demo.cross_encoder import BGEForSequenceClassification

    vllm_plugin.general_plugin()
    for architecture in [name for name in vllm_plugin.CROSS_ENCODERS if name.startswith("TT")]:
        model = ModelRegistry.models[architecture]
        assert (model.module_name, model.class_name) == (
            BGEForSequenceClassification.__module__,
            BGEForSequenceClassification.__name__,
        )


@pytest.mark.skipif(any(NODES.glob("*")), reason="a card is there")
def test_a_server_without_a_card_ends_in_one_line(minilm, vllm_environment, tmp_path):
    environment = {**vllm_environment, "EMULATED_WORMHOLE": ""}
    environment.pop("TT_METAL_MOCK_CLUSTER_DESC_PATH", None)
    flags = ["--model", str(minilm), "--port", "0"]
    done = run_forked("vllm.entrypoints.openai.api_server", flags, environment, tmp_path)
    said = done.stderr.splitlines()
    assert done.returncode == 1 and "Traceback" not in done.stderr + done.stdout
    assert "error: no Tenstorrent card: /dev/tenstorrent is empty" in said[-1], said[-3:]
    assert "EMULATED_WORMHOLE=1" in said[-1] and "Uvicorn running" not in done.stderr + done.stdout


def test_entry_points_install_alone(tmp_path):
    """In an environment that imports `models` from a checkout, as the guide says; what setup.py registers too."""
    folder = tmp_path / "vllm_plugin"
    shutil.copytree(
        Path(vllm_plugin.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*install, "--target", str(tmp_path / "site"), str(folder)], check=True, timeout=120)
    (found,) = distributions(path=[str(tmp_path / "site")])
    declared = {(entry.group, entry.name): entry.value for entry in found.entry_points}
    module = vllm_plugin.__name__
    assert declared == {
        ("vllm.platform_plugins", "tt_bge"): f"{module}:platform_plugin",
        ("vllm.general_plugins", "tt_bge"): f"{module}:general_plugin",
    }
    assert all(callable(entry.load()) for entry in found.entry_points)
    assert not any("models" in str(path) for path in found.files)
