# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Who may import whom: data flows one way, and the product knows nothing of the emulated Wormhole, nor that of it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODEL = "models.demos.wormhole.bge_large_en"
EMULATION = "models.emulated_wormhole"
# What each room imports of ours beside itself.
ROOMS = {
    "reference": (),
    "tt": (),
    "runner": ("tt",),
    "demo": ("runner", "tt", "reference"),
    "demo/search": ("demo",),
    "demo/evaluation": ("demo",),
    "demo/web": ("demo.search.passages", "demo.web_demo"),
    "demo/corpus": ("demo.generator_vllm", "runner", "tt"),
    "vllm_plugin": ("demo.registration", "runner", "tt"),
}


def imported(folder: Path) -> set[tuple[str, str]]:
    """(file, module) of what the Python files below a folder import of `models`; module with the name taken from it."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {(str(path.relative_to(ROOT)), name) for name in names if name.startswith("models.")}
    return found


def outside(folder: Path, allowed: tuple[str, ...]) -> list[tuple[str, str]]:
    return sorted(
        (file, module)
        for file, module in imported(folder)
        if not f"{module}.".startswith(tuple(f"{a}." for a in allowed))
    )


@pytest.mark.parametrize("room, neighbours", ROOMS.items())
def test_a_room_knows_its_neighbours_only(room, neighbours):
    own = room.replace("/", ".")
    assert outside(ROOT / MODEL.replace(".", "/") / room, tuple(f"{MODEL}.{name}" for name in (own, *neighbours))) == []


def test_the_emulated_wormhole_knows_no_model():
    folder = ROOT / EMULATION.replace(".", "/")
    assert [found for found in outside(folder, (EMULATION,)) if "/tests/" not in found[0]] == []


def test_the_product_does_not_name_the_emulation():
    named = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "models" / "demos").rglob("*.py")
        if "tests" not in path.parts and "emulated_wormhole" in path.read_text(encoding="utf-8")
    ]
    assert named == []
