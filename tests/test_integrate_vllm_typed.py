# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""scripts/integrate_vllm.py on platforms in which somebody typed the list entry, the registration, or both."""

import ast

import pytest

from models.demos.wormhole.bge_large_en.tests.vllm.lookalikes import FORMS, LISTED, change, write

SERVED = [
    "BAAI/bge-large-en-v1.5",
    "BAAI/bge-base-en-v1.5",
    "BAAI/bge-small-en-v1.5",
    "sentence-transformers/all-MiniLM-L6-v2",
]
MODEL = "models.demos.wormhole.bge_large_en.demo.generator_vllm:BGEForEmbedding"
LAST = '        "google/gemma-3-27b-it",\n'
ENTRY = (LAST, f'{LAST}        "{SERVED[0]}",  # add this line\n')
LLAMA = '    ModelRegistry.register_model("TTLlamaForCausalLM", "models.llama:Llama")\n'
REGISTRATION = (LLAMA, f'{LLAMA}\n    # BGE\n    ModelRegistry.register_model("TTBertModel", "{MODEL}")\n')

# Form, what is typed, how many registrations are missing then.
TYPED = {
    "both": ("listed", [ENTRY, REGISTRATION], 1),
    "the entry": ("listed", [ENTRY], 2),
    "the entry first": ("listed", [(LAST, f'        "{SERVED[3]}",\n{LAST}')], 2),
    "the entry without a comma": ("listed", [(LAST, f'{LAST}        "{SERVED[3]}"\n')], 2),
    "all entries": ("listed", [(LAST, LAST + "".join(f"        '{name}',\n" for name in SERVED))], 2),
    "the registration": ("checked", [REGISTRATION], 1),
    "the class's own name": (
        "direct",
        [(LLAMA, f'{LLAMA}    ModelRegistry.register_model("BGEForEmbedding", "{MODEL}")\n')],
        1,
    ),
    "both names, by a variable": (
        "listed",
        [
            (
                LLAMA,
                f'{LLAMA}    path = "{MODEL}"\n    for arch in ("TTBertModel", "BGEForEmbedding"):\n'
                "        ModelRegistry.register_model(arch, path)\n",
            )
        ],
        0,
    ),
    "the plugin's registration": (
        "plugin",
        [
            (
                "    # Models for tests only\n",
                f'    _register_model_if_missing(ModelRegistry, "TTBertModel", "{MODEL}")\n\n    # Models for tests only\n',
            )
        ],
        1,
    ),
}


def strings(text: str) -> list[str]:
    return [n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("case", TYPED)
def test_what_is_missing_is_added_and_taken_back(tool, tmp_path, capsys, case, line_end):
    form, pairs, missing = TYPED[case]
    file = write(tmp_path, form, change(FORMS[form][1], *pairs).replace("\n", line_end))
    typed = file.read_bytes()

    def run(action: str) -> tuple[int, str]:
        return tool.main(["--vllm", str(tmp_path), f"--{action}"]), capsys.readouterr().out

    assert run("check")[0] == 1
    assert run("revert") == (0, "") and file.read_bytes() == typed
    status, diff = run("diff")
    changed = diff.splitlines()[2:]
    assert status == 0 and not [line for line in changed if line.startswith("-")]  # what was typed stays
    added = [line for line in changed if line.startswith("+")]
    assert sum(f'"{name}"' in line for line in added for name in ("TTBertModel", "BGEForEmbedding")) == missing
    assert run("apply") == (0, diff)
    complete = file.read_bytes()
    assert run("check")[0] == 0
    assert run("apply") == (0, "") and file.read_bytes() == complete
    found = strings(complete.decode())
    assert [found.count(name) for name in ("TTBertModel", "BGEForEmbedding")] == [1, 1]
    if form == "listed":
        assert [found.count(name) for name in SERVED] == [1, 1, 1, 1]
    assert run("revert")[0] == 0 and file.read_bytes() == typed
    assert run("check")[0] == 1


def test_check_says_which_lines_are_not_this_tools(tool, tmp_path, capsys):
    _, pairs, _ = TYPED["all entries"]
    write(tmp_path, "listed", change(LISTED, *pairs))
    tool.main(["--vllm", str(tmp_path), "--apply"])
    capsys.readouterr()
    assert tool.main(["--vllm", str(tmp_path), "--check"]) == 0
    printed = capsys.readouterr().out
    assert "in it:   entries of supported_models, not by this tool\n" in printed
    assert "in it:   registration of the models\n" in printed and "missing" not in printed


def test_lines_typed_after_the_change_are_not_doubled(tool, tmp_path, capsys):
    file = write(tmp_path, "listed")
    tool.main(["--vllm", str(tmp_path), "--apply"])
    file.write_text(change(file.read_text(), REGISTRATION))
    capsys.readouterr()
    assert tool.main(["--vllm", str(tmp_path), "--check"]) == 1
    assert "missing: registration of the models" in capsys.readouterr().out
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 0
    assert strings(file.read_text()).count("TTBertModel") == 1
    assert tool.main(["--vllm", str(tmp_path), "--check"]) == 0
    assert tool.main(["--vllm", str(tmp_path), "--revert"]) == 0
    assert file.read_text() == change(LISTED, REGISTRATION)


def test_typed_as_another_class_it_is_refused_by_name(tool, tmp_path, capsys):
    wrong = REGISTRATION[1].replace(MODEL, "models.demos.bge_large_en:BGE")
    file = write(tmp_path, "listed", change(LISTED, (LLAMA, wrong)))
    before = file.read_bytes()
    assert tool.main(["--vllm", str(tmp_path), "--apply"]) == 2
    message = f"{file}: register_tt_models registers ['TTBertModel'] as another class than {MODEL}; take that"
    assert message in capsys.readouterr().err and file.read_bytes() == before
