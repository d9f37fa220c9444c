# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the edits of scripts/platform_edits.py make of look-alikes, and which forms they refuse."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from models.demos.wormhole.bge_large_en import vllm_plugin
from models.demos.wormhole.bge_large_en.demo import registration
from models.demos.wormhole.bge_large_en.tests.vllm.lookalikes import FORMS, LISTED, PLUGIN, change, write

# The lines added, but for empty ones.
CLASS = "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding"
CROSS_CLASS = "models.demos.wormhole.bge_large_en.demo.cross_encoder:BGEForSequenceClassification"
ENCODERS = ("TTBertModel", "BGEForEmbedding", "TTRobertaModel", "TTXLMRobertaModel")
CROSS_ENCODERS = ("TTBertForSequenceClassification", "TTRobertaForSequenceClassification")
CROSS_ENCODERS += ("TTXLMRobertaForSequenceClassification",)


def registration_of(names: tuple[str, ...], path: str) -> str:
    call = '+    ModelRegistry.register_model(\n+        "{}",\n+        "{}",\n+    )\n'
    return "".join(call.format(name, path) for name in names)


REGISTRATION = "+    # BGE, MiniLM - Embeddings\n" + registration_of(ENCODERS, CLASS)
ENTRIES = """\
+        # BGE, MiniLM - Embeddings
+        "BAAI/bge-large-en-v1.5",
+        "BAAI/bge-base-en-v1.5",
+        "BAAI/bge-small-en-v1.5",
+        "sentence-transformers/all-MiniLM-L6-v2",
"""
ENGINE = """\
+    @classmethod
+    def pre_register_and_update(cls, parser=None) -> None:
+        # vLLM's own encoders are for the V0 engine only, and the engine is
+        # chosen before check_and_update_config is called.
+        from vllm import ModelRegistry
+        for name in ("BertModel", "RobertaModel", "XLMRobertaModel"):
+            ModelRegistry.register_model(
+                name,
+                "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding",
+            )
"""
CHOICE = """\
+        # Pooling models (encoders) have neither KV cache nor decode: this sets
+        # a worker of their own and lets the scheduler keep requests whole.
+        if getattr(vllm_config.model_config, "runner_type", None) == "pooling":
+            from models.demos.wormhole.bge_large_en.vllm_plugin import companion
+            companion.configure_pooling(vllm_config)
"""
CHECK = """\
+        from vllm.pooling_params import PoolingParams
+        if isinstance(params, PoolingParams):
+            from models.demos.wormhole.bge_large_en.vllm_plugin import companion
+            companion.check_pooling_request(processed_inputs, params)
+            return
"""
# The plugin's vLLM knows cross-encoders, the fork's does not.
GUARDED = (REGISTRATION + registration_of(CROSS_ENCODERS, CROSS_CLASS)).replace(
    "ModelRegistry.register_model(\n", "_register_model_if_missing(\n+        ModelRegistry,\n"
)
DIFFS = {
    "listed": REGISTRATION + ENTRIES + ENGINE + CHOICE + CHECK,
    "checked": REGISTRATION + ENGINE + CHOICE + CHECK,
    "direct": REGISTRATION + CHOICE + CHECK,
    "plugin": GUARDED + CHOICE + CHECK,
    "wrapped": GUARDED + CHOICE + CHECK,
}
PLUGINS = ("plugin", "wrapped")


@pytest.mark.parametrize("form", FORMS)
def test_the_diff_holds_the_change_and_nothing_else(tool, tmp_path, capsys, form):
    write(tmp_path, form)
    assert tool.main(["--vllm", str(tmp_path), "--diff"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert [head, lines[0]] == [f"--- a/{FORMS[form][0]}", f"+++ b/{FORMS[form][0]}"]
    changed = [line for line in lines[1:] if line[0] in "+-" and line != "+"]
    assert sorted(changed) == sorted(DIFFS[form].splitlines())  # of equal lines a diff may take another


@pytest.mark.parametrize("form", FORMS)
def test_the_changed_platform_does_what_it_should(tool, tmp_path, monkeypatch, form):
    file = write(tmp_path, form)
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0
    registered, companion, modules = stand_ins()
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(vllm_plugin, "companion", companion, raising=False)
    namespace = {"__name__": "vllm.platforms.tt", "__package__": "vllm.platforms"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    platform = namespace["TTPlatform"]

    def configure(architecture: str, **kind: str) -> str:
        model = "BAAI/bge-large-en-v1.5" if kind.get("runner_type") == "pooling" else "google/gemma-3-27b-it"
        hf_config = SimpleNamespace(architectures=[architecture])
        config = SimpleNamespace(
            model_config=SimpleNamespace(model=model, hf_config=hf_config, **kind),
            parallel_config=SimpleNamespace(worker_cls="auto"),
            scheduler_config=SimpleNamespace(scheduler_cls=None),
            lora_config=None,
        )
        platform.check_and_update_config(config)
        return config.parallel_config.worker_cls

    if ENGINE in DIFFS[form]:
        platform.pre_register_and_update()
        assert {registered.pop(name) for name in registration.ENCODERS} == {registration.MODEL_CLASS}
    registered["TTLlamaForCausalLM"] = "there before"
    assert configure("BertModel", runner_type="pooling") == "the pooling worker"
    assert {registered[name] for name in registration.ARCHITECTURES} == {registration.MODEL_CLASS}
    classifiers = {name: path for name, path in registered.items() if name.endswith("ForSequenceClassification")}
    assert classifiers == (dict.fromkeys(CROSS_ENCODERS, vllm_plugin.CROSS_ENCODER_CLASS) if form in PLUGINS else {})
    for name in registration.ENCODERS:
        assert configure(name, runner_type="pooling") == "the pooling worker"
    assert configure("LlamaForCausalLM", runner_type="generate").endswith("TTWorker")
    assert configure("LlamaForCausalLM").endswith("TTWorker")  # as the platforms' own tests do

    sampling, pooling = modules["vllm.sampling_params"].SamplingParams(), modules["vllm.pooling_params"].PoolingParams()
    platform.validate_request(**arguments(form, "ids", sampling))
    assert companion.checked == []
    platform.validate_request(**arguments(form, "ids", pooling))
    assert companion.checked == [("ids", pooling)]


def arguments(form: str, inputs, params) -> dict:
    return {"processed_inputs": inputs, "params": params} | ({} if form in PLUGINS else {"prompt": None})


def stand_ins() -> tuple[dict, SimpleNamespace, dict[str, ModuleType]]:
    """What the look-alikes and the change import: the registry's content, the companion, modules by name."""
    registered, checked = {}, []
    registry = SimpleNamespace(register_model=registered.__setitem__, get_supported_archs=lambda: registered)
    content = {
        "vllm": {"ModelRegistry": registry},
        "vllm.envs": {"VLLM_USE_V1": True},
        "vllm.pooling_params": {"PoolingParams": type("PoolingParams", (), {})},
        "vllm.sampling_params": {
            "SamplingParams": type("SamplingParams", (), {"best_of": None, "prompt_logprobs": None, "min_tokens": 0})
        },
        "vllm.platforms": {"__path__": []},
        "vllm.platforms.interface": {"Platform": object, "PlatformEnum": SimpleNamespace(OOT=None)},
        "vllm.model_executor.models.registry": {"ModelRegistry": registry},
    }
    modules = {}
    for name, values in content.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
    modules["vllm"].envs = modules["vllm.envs"]

    def configure_pooling(vllm_config):
        vllm_config.parallel_config.worker_cls = "the pooling worker"

    companion = SimpleNamespace(
        configure_pooling=configure_pooling,
        check_pooling_request=lambda inputs, params: checked.append((inputs, params)),
        checked=checked,
    )
    return registered, companion, modules


KNOWN = "use a checkout of a form known here: the fork's branches v1_only, "
# Form, change, and what was found and is to be done.
UNKNOWN = {
    "no class": ("plugin", [("class TTPlatform", "class OtherPlatform")], "0 definitions of TTPlatform", KNOWN),
    "two classes": (
        "plugin",
        [("import torch\n", "class TTPlatform:\n    pass\n")],
        "2 definitions of TTPlatform",
        KNOWN,
    ),
    "no choice of a worker": (
        "checked",
        [('worker_cls == "auto"', 'worker_cls == "default"')],
        "TTPlatform has 0 methods with a statement 'if parallel_config.worker_cls == \"auto\"'",
        KNOWN,
    ),
    "pooling treated": (
        "wrapped",
        [("register_tt_models()\n\n", 'print("pooling")\n\n')],
        "_apply_check_and_update_config treats 'pooling' in other lines than this tool's",
        "take those out",
    ),
    "requests treated": (
        "checked",
        [("raise NotImplementedError(f", "print(")],
        "treats PoolingParams in other lines than this tool's",
        "take those out",
    ),
    "no registration": (
        "plugin",
        [("def register_tt_models", "def register")],
        "the file has 0 definitions of register_tt_models",
        KNOWN,
    ),
    "another registration": (
        "plugin",
        [("    # Llamas\n    _register_model_if_missing(", "    add(")],
        "register_tt_models calls none of",
        KNOWN,
    ),
    "another argument": (
        "plugin",
        [("_config(cls, vllm_config)", "_config(cls, config)")],
        "check_and_update_config has no argument ['vllm_config']",
        KNOWN,
    ),
    "other parameters": (
        "plugin",
        [("(cls, processed_inputs, params)", "(cls, inputs, params)")],
        "validate_request has no argument ['processed_inputs']",
        KNOWN,
    ),
    "another class registered": (
        "listed",
        [('("TTLlamaForCausalLM"', '("TTBertModel"')],
        "register_tt_models registers ['TTBertModel'] as another class than models.demos.wormhole.bge_large_en",
        "take that registration out",
    ),
    "no list": ("listed", [("supported_models = [", "supported = [")], "no list of names to supported_models", KNOWN),
    "on one line": (
        "listed",
        [('gemma-3-27b-it",\n    ]', 'gemma-3-27b-it"]')],
        "the last of supported_models is in '\"google/gemma-3-27b-it\"]'",
        "give it a line of its own",
    ),
    "engine": (
        "listed",
        [('    device_name: str = "tt"\n', "    def pre_register_and_update(cls):\n        pass\n")],
        "TTPlatform has a pre_register_and_update beside an engine to choose",
        KNOWN,
    ),
    "no Python": (
        "plugin",
        [("class TTPlatform(Platform):", "class TTPlatform(Platform)")],
        "it is not Python that expected ':'",
        "",
    ),
    "mixed line ends": ("plugin", [("import torch\n", "import torch\r\n")], "end in more than one way", "dos2unix"),
}


@pytest.mark.parametrize("action", ["check", "diff", "apply", "revert"])
@pytest.mark.parametrize("case", UNKNOWN)
def test_a_form_not_known_is_refused_and_left_alone(tool, tmp_path, capsys, case, action):
    form, pairs, found, remedy = UNKNOWN[case]
    file = write(tmp_path, form, change(FORMS[form][1], *pairs))
    before = file.read_bytes()
    assert tool.main(["--vllm", str(tmp_path), f"--{action}"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"integrate_vllm: not changed: {file}: ") and printed.out == ""
    assert found in printed.err and remedy in printed.err and len(printed.err.splitlines()) == 1
    assert file.read_bytes() == before


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "pair, message",
    [
        ((', None) == "pooling"', ', None) in ("pooling",)'), "treats 'pooling' in other lines than this tool's"),
        (("companion.check_pooling_request(", "check("), "treats PoolingParams in other lines than this tool's"),
    ],
)
def test_changed_by_hand_in_one_place_it_is_no_longer_this_tools(tool, tmp_path, capsys, form, pair, message):
    file = write(tmp_path, form)
    tool.main(["--vllm", str(tmp_path), "--apply"])
    edited = change(file.read_text(), pair).encode()
    file.write_bytes(edited)
    for action in ("check", "apply", "revert"):
        assert tool.main(["--vllm", str(tmp_path), f"--{action}"]) == 2
    assert message in capsys.readouterr().err and file.read_bytes() == edited


def test_the_same_lines_twice_are_refused(tool, tmp_path, capsys):
    file = write(tmp_path, "plugin")
    tool.main(["--vllm", str(tmp_path), "--apply"])
    added = "".join(f"{line[1:]}\n" for line in GUARDED.splitlines())
    file.write_text(change(file.read_text(), (added, f"{added}\n{added}")))
    before = file.read_bytes()
    assert tool.main(["--vllm", str(tmp_path), "--revert"]) == 2
    assert "twice" in capsys.readouterr().err and file.read_bytes() == before


def test_what_is_missing_is_added_and_other_changes_stay(tool, tmp_path, capsys):
    file = write(tmp_path, "listed")
    tool.main(["--vllm", str(tmp_path), "--apply"])
    applied = file.read_text()
    added = "".join(line[1:] + "\n" for line in ENTRIES.splitlines())
    file.write_text(change(applied, (added, "")))
    capsys.readouterr()
    assert tool.main(["--vllm", str(tmp_path), "--check"]) == 1
    assert "missing: entries of supported_models" in capsys.readouterr().out
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0 and file.read_text() == applied

    theirs = (("no LoRA here", "LoRA later"),)
    file.write_text(change(applied, *theirs))
    assert tool.main(["--vllm", str(tmp_path), "--revert"]) == 0
    assert file.read_text() == change(LISTED, *theirs)


def test_an_edit_that_would_not_parse_is_not_written(tool, tmp_path, monkeypatch, capsys):
    import platform_edits

    file = write(tmp_path, "plugin")
    monkeypatch.setattr(platform_edits, "WORKER", "        if broken\n")
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 2
    assert "not Python" in capsys.readouterr().err and file.read_text() == PLUGIN
