# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Every command in the documents names what is there; those of the serving guide are run by test_integration_guide.py."""

import functools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "models/demos/wormhole/bge_large_en/README.md", "tech_reports/BGE/bge.md")
PROGRAMS = ("python", "pytest", "./scripts/serve.sh", "./scripts/test.sh")
# Programs of others, whose options their own tests know.
FOREIGN = ("vllm", "models.emulated_wormhole")


def commands(document: str) -> list[list[str]]:
    """The words of each command in the document's blocks and of each `python -m …` in its text."""
    text = (ROOT / document).read_text()
    blocks = [block.partition("\n")[2] for block in text.split("```")[1::2]]  # without its language
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines += [code.replace("\n", " ") for code in re.findall(r"`(python -m [^`]+)`", "".join(text.split("```")[::2]))]
    values: dict[str, str] = {}
    found = []
    for line in lines:
        if assigned := re.fullmatch(r"([A-Z])=(\S+)", line):
            values[assigned[1]] = assigned[2]
        for name, value in values.items():
            line = line.replace(f"${name}", value)
        if line.startswith(PROGRAMS):
            found.append(shlex.split(line.replace("…", ""), comments=True))
    return found


@functools.cache
def help_of(*program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *program, "--help"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_name_what_is_there(document):
    found = commands(document)
    assert found
    for program, *words in found:
        if program.endswith(".sh"):
            assert os.access(ROOT / program, os.X_OK), program
        elif program == "pytest":
            check_tests(words)
        else:
            check_program(words)


def check_tests(words: list[str]) -> None:
    for word in words:
        file, _, test = word.partition("::")
        if file.endswith(".py"):
            source = (ROOT / file).read_text()
            assert not test or f"\ndef {test}(" in source, word


def check_program(words: list[str]) -> None:
    """That its --help knows the options."""
    program, given = (words[:2], words[2:]) if words[0] == "-m" else (words[:1], words[1:])
    if program[-1].startswith(FOREIGN) or not {"-m"} & set(words[:1]) and not words[0].startswith("scripts/"):
        return
    text = help_of(*program)
    for option in re.findall(r"--[a-z][\w-]*", " ".join(given)):
        assert option in text, f"{' '.join(program)} has no {option}"
