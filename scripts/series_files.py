# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which files a series takes, and what of a checkout they replace."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import check_patches
from git_command import git
from series import MODEL, SERIES, STANDALONE, TARGET


def place(path: str) -> tuple[str, int] | None:
    """(series, index of the commit) whose pattern fits and names the most before its *; None for a file that stays out.

    SystemExit for a file that is neither.
    """
    if any(fnmatch(path, pattern) for pattern in STANDALONE):
        return None
    fits = [
        (len(pattern.partition("*")[0]), name, index)
        for name, series in SERIES.items()
        for index, commit in enumerate(series.commits)
        for pattern in commit.patterns
        if fnmatch(path, pattern)
    ]
    if not fits:
        raise SystemExit(f"{path} belongs to no series; add it to one or to STANDALONE in series.py")
    return max(fits)[1:]


def moved(text: str) -> str:
    """A path, or a file's text, with the model's folder as tt-metal has it, in paths and in imports."""
    return text.replace(MODEL, TARGET).replace(MODEL.replace("/", "."), TARGET.replace("/", "."))


def grouped(entries: list[str], name: str, write: Callable[[str], str]) -> list[list[str]]:
    """Lines of `git ls-tree -r` that series `name` takes, by commit, where they go in the checkout.

    write: function from a text to the name of a blob that holds it; used for what changes with its folder.
    """
    groups: list[list[str]] = [[] for _ in SERIES[name].commits]
    for entry in entries:
        about, path = entry.split("\t")
        found = place(path)
        if found is None or found[0] != name:
            continue
        mode, kind, blob = about.split()
        if TARGET != MODEL:
            blob = write(blob)
        groups[found[1]].append(f"{mode} {kind} {blob}\t{moved(path)}")
    return groups


def imports_of_replaced(checkout: Path, kept: list[str], replaced: list[str]) -> list[str]:
    """A line for each import of a replaced module in a file that stays."""
    gone = {path.removesuffix(".py").replace("/", ".") for path in replaced if path.endswith(".py")}
    found = []
    for path in kept:
        if path.endswith(".py"):
            imports = check_patches.modules(git(checkout, "show", f"HEAD:{path}"))
            modules = {module for base, name in imports for module in (base, f"{base}.{name}")}
            found += [f"{path}: {module}" for module in sorted(modules & gone)]
    return found


def dead_links(texts: dict[str, str], there: set[str]) -> list[str]:
    """A line for each file of this repository alone that a text of the series names as a path."""
    left_out = [path for path in there if place(path) is None and "/" in path]
    return sorted(f"{path}: {out}" for path, text in texts.items() for out in left_out if out in text)
