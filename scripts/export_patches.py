#!/usr/bin/env python3
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Writes this repository's HEAD as a patch series for a tt-metal checkout, which it only reads.

    python scripts/export_patches.py --tt-metal PATH --out DIR [--check [--each] --python PYTHON]

Each commit of series.py brings code with its tests. A file of ours that the checkout has too is replaced; the others of
the checkout's model stay. The commits of the perf tests and of CI also edit files of the checkout (ci_entries.py). The
cover letter names all of these. A file that no commit takes and no pattern leaves out is an error. --check applies the
series in a worktree of the checkout, which it removes at the end, and runs tests there; with --each at every commit.
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
from series import CI, COMMITS, COVER, MODEL, PERF, STANDALONE, Commit, message

ROOT = Path(__file__).resolve().parents[1]
COVER_LETTER = "0000-cover-letter.txt"  # no .patch: `git am *.patch` would stop at it
EARLIER = ("models/demos/bge_large_en", MODEL)  # where tt-metal of May 2026 has its BGE-large


@dataclass(frozen=True)
class Series:
    """replaced: paths of the checkout that ours replace. kept: those of its model that stay. broken: what of kept
    imports a replaced module. ci: what is edited in the checkout. commits: subject and body of each patch."""

    replaced: list[str]
    kept: list[str]
    broken: list[str]
    ci: ci_entries.Edits
    commits: list[Commit]

    def summary(self) -> str:
        """The body of the cover letter."""
        parts = {
            "Files of the checkout that are replaced": self.replaced,
            "Files of the checkout's model that stay": self.kept,
            "Of those, what imports a replaced file": self.broken,
            "Files of the checkout that get entries for the model": sorted(self.ci.files),
            "Files that entries are for and the checkout lacks": sorted(self.ci.absent),
            "Time budgets that are raised": self.ci.budgets,
        }
        lists = [f"{title}:\n" + "".join(f"  {item}\n" for item in items or ["none"]) for title, items in parts.items()]
        subjects = "".join(f"  {number}. {commit.subject}\n" for number, commit in enumerate(self.commits, 1))
        return "\n".join([message(bool(self.kept), bool(self.ci.files)), f"Commits:\n{subjects}", *lists])


def place(path: str, left_out: tuple[str, ...] = ()) -> int | None:
    """Index in COMMITS of the pattern that fits and names the most before its *; None for a file that stays out.

    SystemExit for a file that is neither.
    """
    if any(fnmatch(path, pattern) for pattern in (*STANDALONE, *left_out)):
        return None
    fits = [
        (len(pattern.partition("*")[0]), index)
        for index, commit in enumerate(COMMITS)
        for pattern in commit.patterns
        if fnmatch(path, pattern)
    ]
    if not fits:
        raise SystemExit(f"{path} belongs to no commit of the series; add it to one or to STANDALONE in series.py")
    return max(fits)[1]


def grouped(entries: list[str], left_out: tuple[str, ...] = ()) -> list[list[str]]:
    """Lines of `git ls-tree -r`, by commit."""
    groups: list[list[str]] = [[] for _ in COMMITS]
    for entry in entries:
        index = place(entry.split("\t")[1], left_out)
        if index is not None:
            groups[index].append(entry)
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


def entries_for(checkout: Path, there: dict[str, str]) -> ci_entries.Edits:
    """there: file modes of the checkout's HEAD by path."""
    return ci_entries.edits(
        lambda path: git(ROOT, "show", f"HEAD:{path}"),
        lambda path: git(checkout, "show", f"HEAD:{path}") if path in there else None,
    )


def export(checkout: Path, out: Path, name: str, email: str) -> Series:
    """Write the series. Objects and index are temporary, so the checkout stays as is."""
    ours = git(ROOT, "ls-tree", "-r", "HEAD").splitlines()
    listed = (line.split("\t") for line in git(checkout, "ls-tree", "-r", "HEAD").splitlines())
    there = {path: entry.split()[0] for entry, path in listed}
    ci = entries_for(checkout, there)
    # Where tt-metal has a file for all targets, ours go in there.
    groups = grouped(ours, (ci_entries.OUR_TARGETS,) if ci_entries.TARGETS in there else ())
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
        for path, blob in blobs.items():
            groups[PERF if path == ci_entries.TARGETS else CI].append(f"{there[path]} {blob}\t{path}")
        head = base
        for commit, entries in zip(COMMITS, groups):
            if entries:
                git(checkout, "update-index", "--index-info", env=env, text="\n".join(entries) + "\n")
                tree = git(checkout, "write-tree", env=env).strip()
                text = f"{commit.subject}\n\n{commit.body}"
                head = git(checkout, "commit-tree", tree, "-p", head, "-F", "-", env=env, text=text).strip()
        out.mkdir(parents=True, exist_ok=True)
        options = ("--no-signature", "--zero-commit", "--binary", "-N", "-o", str(out.resolve()))
        git(checkout, "format-patch", *options, f"{base}..{head}", env=env)
    taken = {entry.split("\t")[1] for entry in ours if place(entry.split("\t")[1]) is not None}
    replaced = sorted(taken & set(there))
    kept = sorted(path for path in set(there) - taken if path.startswith(tuple(f"{folder}/" for folder in EARLIER)))
    broken = imports_of_replaced(checkout, kept, replaced)
    commits = [commit for commit, entries in zip(COMMITS, groups) if entries]
    series = Series(replaced, kept, broken, ci, commits)
    cover = f"From: {name} <{email}>\nDate: {date}\nSubject: [PATCH 0/{len(commits)}] {COVER}\n"
    (out / COVER_LETTER).write_text(f"{cover}\n{series.summary()}")
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
    parser.add_argument(
        "--each",
        action="store_true",
        help="with --check: at each commit, run the tests it adds beside those of --tests",
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter of --check; see below")
    parser.add_argument(
        "--tests",
        nargs="+",
        default=check_patches.QUICK,
        help="files and folders whose tests --check runs; without it a quick subset",
    )
    options = parser.parse_args()
    if options.each and not options.check:
        parser.error("--each is for --check")
    if options.out.is_dir() and any(options.out.glob("*.patch")):
        parser.error(f"{options.out} has patches in it")
    if options.author:
        name, _, email = options.author.rstrip(">").partition(" <")
    else:
        name, email = (git(ROOT, "config", key).strip() for key in ("user.name", "user.email"))
    series = export(options.tt_metal, options.out, name, email)
    for verb, paths in (
        ("replaces", series.replaced),
        ("keeps, though it needs what is replaced,", series.broken),
        ("edits", sorted(series.ci.files)),
        ("no entry, for want of", sorted(series.ci.absent)),
    ):
        for path in paths:
            print(f"{verb} {path}")
    print(f"{len(series.commits)} patches and {COVER_LETTER} in {options.out}; to apply: git am {options.out}/*.patch")
    if options.check:
        patches = sorted(options.out.glob("*.patch"))
        good = check_patches.check(options.tt_metal, patches, options.python, options.tests, name, email, options.each)
        raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
