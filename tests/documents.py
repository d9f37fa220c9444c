# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The commands of the documents, as they are written there."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL = "models/demos/wormhole/bge_large_en"
GUIDE = f"{MODEL}/demo/VLLM_INTEGRATION.md"
REFERENCE = f"{MODEL}/demo/VLLM_REFERENCE.md"
DOCUMENTS = (
    "README.md",
    f"{MODEL}/README.md",
    GUIDE,
    REFERENCE,
    f"{MODEL}/demo/EMBED_CORPUS.md",
    "tech_reports/BGE/bge.md",
    "tech_reports/LLMs/vLLM_integration_pooling_models.md",
)
SHELL = ("", "bash", "sh")
BLOCK = re.compile(r"(?:<!-- ([^\n]+) -->\n)?^( *)```(\w*)\n(.*?)^ *```\n?", re.M | re.S)
PROGRAMS = r"python|pytest|pip|git|curl|vllm|ray|docker|mpirun|\.ci/run|(?:\./)?scripts/\w+\.(?:sh|py)"


@dataclass(frozen=True)
class Block:
    """A fenced block. tag: the comment before it, by which test_integration_guide.py finds what it runs."""

    document: str
    tag: str
    language: str
    code: str


def blocks(document: str) -> list[Block]:
    found = []
    for tag, indent, language, code in BLOCK.findall((ROOT / document).read_text(encoding="utf-8")):
        found.append(Block(document, tag, language, re.sub(f"^{indent}", "", code, flags=re.M)))
    return found


def shell_commands(code: str) -> list[str]:
    """One line for each command of a shell block: continued lines joined, comments gone, `T=…` put in for `$T`."""
    values: dict[str, str] = {}
    found = []
    for line in code.replace("\\\n", " ").splitlines():
        line = " ".join(re.sub(r"\s#\s.*|^#.*", "", line).split())
        if assigned := re.fullmatch(r"([A-Z])=(\S+)", line):
            values[assigned[1]] = assigned[2]
        elif line:
            found.append(re.sub(r"\$([A-Z])\b", lambda name: values.get(name[1], name[0]), line))
    return found


def inline_commands(document: str) -> list[str]:
    """`python -m …` and the like in the text: what stands in backticks and begins with a program and a space."""
    prose = BLOCK.sub("", (ROOT / document).read_text(encoding="utf-8"))
    return [" ".join(code.split()) for code in re.findall(rf"`((?:{PROGRAMS})\s[^`]+)`", prose)]


def commands(document: str) -> list[str]:
    """All of them but those in blocks that the guide's own test runs, and Python, which python_blocks() has."""
    found = [
        c for block in blocks(document) if block.language in SHELL and not block.tag for c in shell_commands(block.code)
    ]
    return list(dict.fromkeys(found + inline_commands(document)))


def sentences(document: str) -> set[str]:
    """Those of prose and tables that have at least six words, without marks of Markdown and what is in parentheses."""
    prose = BLOCK.sub("\n\n", (ROOT / document).read_text(encoding="utf-8"))
    prose = re.sub(r"^(#+|\s*([-*]|\d\.)) ", "\n\n", prose, flags=re.M).replace("|", "\n\n")
    found = (
        " ".join(part.split()) for part in re.split(r"\s?[.:;?!]\s|\n\s*\n", re.sub(r"\([^()]*\)|[*`]", "", prose))
    )
    return {sentence for sentence in found if len(sentence.split()) >= 6}


def python_blocks(document: str) -> list[str]:
    return [block.code for block in blocks(document) if block.language == "python" and not block.tag]


def short(command: str) -> str:
    """Without the folder of the model, for tables and names of tests."""
    return command.replace(f"{MODEL}/", "").replace(f"{MODEL.replace('/', '.')}.", "")
