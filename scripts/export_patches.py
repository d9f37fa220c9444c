#!/usr/bin/env python3
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Writes this repository's HEAD as a patch series for a tt-metal checkout, which it only reads.

    python scripts/export_patches.py --tt-metal PATH --out DIR [--check --python PYTHON]

A file of ours that the checkout has too is replaced. The last commit adds the model to the checkout's CI jobs, targets and
table of models (ci_entries.py). The cover letter names the files of both. A file that no group takes and no pattern
leaves out is an error. --check applies the series in a worktree of the checkout, which it removes at the end.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import check_patches
import ci_entries
from git_command import git

ROOT = Path(__file__).resolve().parents[1]
MODEL = "models/demos/wormhole/bge_large_en"
STANDALONE = ("scripts/*", "tests/*", ".ci/*", ".gitignore", "README.md", "conftest.py", "pyproject.toml", "setup.py")
GROUPS = (  # a file goes into the first that matches
    ("Add an emulated Wormhole for tests without a card", ("models/emulated_wormhole/*",)),
    ("Add the BGE-large encoder and its reference", (f"{MODEL}/tt/*", f"{MODEL}/reference/*")),
    ("Add the runner of the BGE-large encoder", (f"{MODEL}/runner/*",)),
    ("Add the vLLM side and demos of BGE-large", (f"{MODEL}/demo/*", f"{MODEL}/vllm_plugin/*")),
    ("Add tests of BGE-large", (f"{MODEL}/tests/*", f"{MODEL}/targets.yaml", f"{MODEL}/ci/*")),
    ("Document BGE-large", (f"{MODEL}/*.md", "tech_reports/*")),
)
CI_SUBJECT = "Run BGE-large in CI"


@dataclass(frozen=True)
class Series:
    """replaced: paths of the checkout that ours replace. ci: what the last commit edits there."""

    replaced: list[str]
    ci: ci_entries.Edits

    def summary(self) -> str:
        """The body of the cover letter."""
        parts = {
            "Files of the checkout that are replaced": self.replaced,
            "Files of the checkout that get entries for the model": sorted(self.ci.files),
            "Files that entries are for and the checkout lacks": sorted(self.ci.absent),
            "Time budgets that are raised": self.ci.budgets,
        }
        lists = [f"{title}:\n" + "".join(f"  {item}\n" for item in items or ["none"]) for title, items in parts.items()]
        owner = (
            ["The owner_id of the added jobs is empty: name there who is told of failures.\n"] if self.ci.files else []
        )
        return "\n".join(lists + owner)


def grouped(entries: list[str]) -> list[list[str]]:
    """Lines of `git ls-tree -r`, by group. SystemExit naming a path that has no place."""
    groups: list[list[str]] = [[] for _ in GROUPS]
    for entry in entries:
        path = entry.split("\t")[1]
        home = [i for i, (_, patterns) in enumerate(GROUPS) if any(fnmatch(path, p) for p in patterns)]
        if home:
            groups[home[0]].append(entry)
        elif not any(fnmatch(path, p) for p in STANDALONE):
            raise SystemExit(f"{path} belongs to no commit of the series; add it to a group or to STANDALONE")
    return groups


def entries_for(checkout: Path, there: dict[str, str]) -> ci_entries.Edits:
    """there: file modes of the checkout's HEAD by path."""
    return ci_entries.edits(
        lambda path: git(ROOT, "show", f"HEAD:{MODEL}/{path}"),
        lambda path: git(checkout, "show", f"HEAD:{path}") if path in there else None,
    )


def export(checkout: Path, out: Path, name: str, email: str) -> Series:
    """Write the series. Objects and index are temporary, so the checkout stays as is."""
    ours = git(ROOT, "ls-tree", "-r", "HEAD").splitlines()
    listed = (line.split("\t") for line in git(checkout, "ls-tree", "-r", "HEAD").splitlines())
    there = {path: entry.split()[0] for entry, path in listed}
    groups, ci = grouped(ours), entries_for(checkout, there)
    base = git(checkout, "rev-parse", "HEAD").strip()
    date = git(ROOT, "log", "-1", "--format=%cI").strip()
    stores = [git(tree, "rev-parse", "--git-path", "objects").strip() for tree in (checkout, ROOT)]
    stores = [str((tree / store).resolve()) for tree, store in zip((checkout, ROOT), stores)]
    with tempfile.TemporaryDirectory() as scratch:
        env = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_OBJECT_DIRECTORY": f"{scratch}/objects"}
        env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(stores)
        for role in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email, f"GIT_{role}_DATE": date}
        Path(env["GIT_OBJECT_DIRECTORY"]).mkdir()
        git(checkout, "read-tree", "HEAD", env=env)
        blobs = {
            path: git(checkout, "hash-object", "-w", "--stdin", env=env, text=text).strip()
            for path, text in ci.files.items()
        }
        edited = [f"{there[path]} {blob}\t{path}" for path, blob in blobs.items()]
        head = base
        for subject, entries in [*zip((subject for subject, _ in GROUPS), groups), (CI_SUBJECT, edited)]:
            if entries:
                git(checkout, "update-index", "--index-info", env=env, text="\n".join(entries) + "\n")
                tree = git(checkout, "write-tree", env=env).strip()
                head = git(checkout, "commit-tree", tree, "-p", head, "-m", subject, env=env).strip()
        out.mkdir(parents=True, exist_ok=True)
        options = ("--no-signature", "--zero-commit", "--binary", "-N", "-o", str(out.resolve()))
        git(checkout, "format-patch", *options, f"{base}..{head}", env=env)
    series = Series(sorted(path for group in groups for e in group if (path := e.split("\t")[1]) in there), ci)
    count = len(list(out.glob("*.patch")))
    cover = f"From: {name} <{email}>\nDate: {date}\nSubject: [PATCH 0/{count}] BERT embeddings\n"
    (out / "0000-cover-letter.patch").write_text(f"{cover}\n{series.summary()}")
    return series


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=f"--check: {check_patches.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tt-metal", type=Path, required=True, help="a tt-metal checkout; its HEAD is the base")
    parser.add_argument("--out", type=Path, required=True, help="a folder without patches in it")
    parser.add_argument("--author", default=None, help="'Name <address>'; git's configuration without it")
    parser.add_argument("--check", action="store_true", help="apply the series in a worktree and run its tests there")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of --check; see below")
    parser.add_argument(
        "--tests",
        nargs="+",
        default=check_patches.QUICK,
        help="files and folders whose tests --check runs; a quick subset",
    )
    options = parser.parse_args()
    if options.out.is_dir() and any(options.out.glob("*.patch")):
        parser.error(f"{options.out} has patches in it")
    if options.author:
        name, _, email = options.author.rstrip(">").partition(" <")
    else:
        name, email = (git(ROOT, "config", key).strip() for key in ("user.name", "user.email"))
    series = export(options.tt_metal, options.out, name, email)
    for verb, paths in (
        ("replaces", series.replaced),
        ("edits", sorted(series.ci.files)),
        ("no entry, for want of", sorted(series.ci.absent)),
    ):
        for path in paths:
            print(f"{verb} {path}")
    print(f"{len(list(options.out.glob('*.patch'))) - 1} patches and a cover letter in {options.out}")
    if options.check:
        patches = sorted(path for path in options.out.glob("*.patch") if not path.name.startswith("0000-"))
        good = check_patches.check(options.tt_metal, patches, options.python, options.tests, name, email)
        raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
