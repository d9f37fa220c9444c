# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Every command of the documents is accounted for, and names files, tests and options that are there.

test_documented_commands.py runs them; the serving guide's tagged blocks are run by test_integration_guide.py.
"""

import functools
import inspect
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.demo.generator_vllm import BGEForEmbedding
from models.demos.wormhole.bge_large_en.tests.vllm.forked import run_forked
from models.demos.wormhole.bge_large_en.vllm_plugin.front_end import MIDDLEWARE
from models.emulated_wormhole.boards import BOARDS
from tests.documented_commands import ELSEWHERE, NOT_RUN, RUNS
from tests.documents import (
    BLOCK,
    DOCUMENTS,
    GUIDE,
    MODEL,
    REFERENCE,
    ROOT,
    SHELL,
    blocks,
    commands,
    python_blocks,
    sentences,
    short,
)

WRITTEN = {short(command): command for document in DOCUMENTS for command in commands(document)}
POOLING = DOCUMENTS[-1]


def test_every_command_is_run_or_has_a_reason():
    listed = [*RUNS, *ELSEWHERE, *NOT_RUN]
    assert len(listed) == len(set(listed))
    assert [command for command in WRITTEN if command not in listed] == [], "put them into documented_commands.py"
    assert [command for command in listed if command not in WRITTEN] == [], "no document has them any more"


@pytest.mark.parametrize("command, where", ELSEWHERE.items(), ids=ELSEWHERE)
def test_the_test_that_runs_it_is_there(command, where):
    file, _, test = where.partition("::")
    path = ROOT / file if (ROOT / file).exists() else ROOT / MODEL / file
    assert f"def {test}(" in path.read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_of_a_kind_that_is_tested(document):
    for block in blocks(document):
        if block.tag:
            assert document in (GUIDE, REFERENCE) and re.match("(runs|starts): ", block.tag), block
        elif block.language == "python" and document != POOLING:
            assert "openai.OpenAI(" in block.code or "BGEForEmbedding" in block.code, block
        else:
            assert block.language in (*SHELL, "python", "text", "json"), block


def test_signatures_of_the_pooling_report():
    for code in python_blocks(POOLING):
        name, arguments = re.fullmatch(r"(\w+)\((.*)\)\s*", code, re.S).groups()
        written = [word.partition(":")[0].strip() for word in re.sub(r"\[.*?\]+", "", arguments).split(",") if word]
        known = inspect.signature(getattr(BGEForEmbedding, name)).parameters
        assert set(written) - {"cls"} <= set(known), code


def test_middleware_of_the_reference():
    (block,) = [block for block in blocks(REFERENCE) if block.language == "text"]
    assert block.code.split()[1::2] == list(MIDDLEWARE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_are_short(document):
    """At most 120 characters, but for tables, blocks and what plots.py writes."""
    text = BLOCK.sub("", (ROOT / document).read_text(encoding="utf-8"))
    assert [line for line in text.splitlines() if len(line) > 120 and not re.match(r"\||- \d+ times: ", line)] == []


def test_the_guide_is_for_reading():
    assert len((ROOT / GUIDE).read_text(encoding="utf-8").splitlines()) <= 250


def test_no_sentence_stands_in_two_documents():
    first: dict[str, str] = {}
    twice = [
        (sentence, document, first[sentence])
        for document in DOCUMENTS
        for sentence in sorted(sentences(document))
        if first.setdefault(sentence, document) != document
    ]
    assert twice == []


# --- what they name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", WRITTEN.values(), ids=WRITTEN)
def test_command_names_what_is_there(command):
    words = [word for word in shlex.split(command.replace("…", "")) if not re.match(r"\w+=|>", word)]
    if words[0].endswith(".sh"):
        assert os.access(ROOT / words[0], os.X_OK), words[0]
    elif words[0] == "pytest":
        for file, _, test in (word.partition("::") for word in words if ".py" in word):
            path = ROOT / file if (ROOT / file).exists() else ROOT / MODEL / file.lstrip("/")
            assert not test or f"\ndef {test}(" in path.read_text(), test
    elif words[0] == "python":
        if words[1:4] == ["-m", "models.emulated_wormhole", "-m"]:
            words = words[2:]
        program, given = (words[1:3], words[3:]) if words[1] == "-m" else (words[1:2], words[2:])
        options = re.findall(r"--[a-z][\w-]*", " ".join(given))
        if options and not program[-1].startswith(("vllm", "models.emulated_wormhole")):
            text = help_of(*program)
            assert [option for option in options if option not in text] == [], program


@functools.cache
def help_of(*program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    if program[0] == "-m":
        with tempfile.TemporaryDirectory() as folder:
            done = run_forked(program[1], ["--help"], environment, Path(folder))
    else:
        command = [sys.executable, *program, "--help"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


# --- the same figure everywhere -------------------------------------------------------------------------------------


def rows(document: str, heading: str) -> dict[tuple[str, str], list[str]]:
    """Cells of the table whose head begins with `heading`, by the first two."""
    text = (ROOT / document).read_text(encoding="utf-8").partition(heading)[2].partition("\n\n")[0].partition("<!--")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    return {(profile, tokens): rest for profile, tokens, *rest in cells}


def test_estimates_agree():
    """The report's are compared with what the command says by plots.py, which is run."""
    report = rows("tech_reports/BGE/bge.md", "| profile | tokens | LoFi")
    estimates = {key: [cells[5], cells[6], cells[7]] for key, cells in report.items()}
    assert len(estimates) == 4
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for profile, (middle, limits, _) in ((key[0], cells) for key, cells in estimates.items() if key[1] == "384"):
        assert re.search(rf"`{profile}`[^`]* {middle} (sentences/s )?\({limits}\)", text), profile


def test_emulated_boards_agree():
    """Both READMEs name every board that can be emulated."""
    for document in ("README.md", f"{MODEL}/README.md"):
        text = (ROOT / document).read_text(encoding="utf-8").lower()
        assert [board for board in BOARDS if board not in text] == [], document


def test_scores_agree():
    """test_documented_commands.py takes those of the model's README again."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scores = [cells for (task, _), cells in rows(f"{MODEL}/README.md", "| task | profile |").items() if "STS" in task]
    measured = [*(float(device) for device, *_ in scores), float(scores[0][1])]
    rounded = re.search(r"scores ([\d.]+) .*? ([\d.]+) .*? ([\d.]+) in fp32", " ".join(text.split())).groups()
    assert [float(number) for number in rounded] == pytest.approx(measured, abs=0.0051)
