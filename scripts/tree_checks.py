# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a tt-metal tree itself asks of files: its hooks, at the versions that it pins, and owners."""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import yaml

HOOKS = ".pre-commit-config.yaml"
OWNERS = ".github/CODEOWNERS"
# Hook -> what it is called with to change nothing. All read the tree's own configuration.
COMMANDS = {
    "black": ["--check", "-q"],
    "isort": ["--check-only", "-q"],
    "autoflake": ["--check", "--remove-all-unused-imports", "--exclude=__init__.py"],
}


def pinned(config: str) -> dict[str, str]:
    """Hook -> version, of the first of each that is for models/ or for all; from the text of HOOKS."""
    found: dict[str, str] = {}
    for repo in yaml.safe_load(config)["repos"]:
        for hook in repo["hooks"]:
            everywhere = re.match(hook.get("files", ""), "models/") or hook.get("files", "^models/") == "^models/"
            if hook["id"] in COMMANDS and everywhere:
                found.setdefault(hook["id"], repo["rev"].lstrip("v"))
    return found


def run_hooks(tree: Path, paths: list[str]) -> list[str]:
    """A line for each hook of the tree that would change a file of the series. Needs uv, which fetches the versions."""
    if not (tree / HOOKS).exists():
        print(f"the tree has no {HOOKS}")
        return []
    failed = []
    for hook, version in pinned((tree / HOOKS).read_text(encoding="utf-8")).items():
        tool = [sys.executable, "-m", "uv", "tool", "run", "-q", "--from", f"{hook}=={version}", hook]
        done = subprocess.run([*tool, *COMMANDS[hook], *paths], cwd=tree, capture_output=True, text=True)
        print(f"{hook} {version}: {'would change files' if done.returncode else 'changes nothing'}", flush=True)
        if done.returncode:
            failed.append(f"{hook} {version}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return failed


def owners(codeowners: str, paths: list[str]) -> dict[str, list[str]]:
    """Owner line -> the folders of `paths` that it is the last to match; "no line" for those without any."""
    rules = [line.split() for line in codeowners.splitlines() if line.strip() and not line.startswith("#")]
    found: dict[str, list[str]] = {}
    for folder in sorted({str(Path(path).parent) for path in paths}):
        rule = next((rule for rule in reversed(rules) if _owns(rule[0], f"{folder}/")), None)
        found.setdefault(" ".join(rule) if rule else "no line", []).append(folder)
    return found


def _owns(pattern: str, folder: str) -> bool:
    pattern = pattern.lstrip("/")
    return folder.startswith(f"{pattern.rstrip('/')}/") or fnmatch(folder, f"{pattern.rstrip('/')}/*")
