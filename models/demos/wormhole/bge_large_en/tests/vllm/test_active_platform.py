# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which platform is active where others are installed, and what being one takes."""

import subprocess
import sys

import pytest

from models.demos.wormhole.bge_large_en import vllm_plugin

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


def test_register_models_twice_names_both_architectures():
    from vllm import ModelRegistry

    vllm_plugin.register_models()
    first = dict(ModelRegistry.models)
    register_model()  # the guide's name for it
    for architecture in ("TTBertModel", "BGEForEmbedding"):
        model = ModelRegistry.models[architecture]
        assert model is first[architecture]
        assert f"{model.module_name}:{model.class_name}" == vllm_plugin.MODEL_CLASS
