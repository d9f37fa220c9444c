#!/usr/bin/env python3
# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Writes this repository's HEAD as a patch series for a tt-metal checkout, which it only reads.

    python scripts/export_patches.py --tt-metal PATH --out DIR [--series core|serving|emulation] [--check]

Each commit of series.py brings code with its tests. A file of ours that the checkout has too is replaced; the others of
the checkout's model stay. The last commit of the core series also edits files of the checkout (ci_entries.py); targets
and figures of speed come with --measured only. The cover letter names all of these, and who owns the folders. --check
applies the series in a worktree of the checkout, which it removes at the end, and runs tests there.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import check_patches
import ci_entries
from git_command import git
from series import EARLIER_AND_OURS, OWNER, SERIES, Commit
from series_files import dead_links, grouped, imports_of_replaced, moved, place
from tree_checks import OWNERS, owners

ROOT = Path(__file__).resolve().parents[1]
COVER_LETTER = "0000-cover-letter.txt"  # no .patch: `git am *.patch` would stop at it


@dataclass(frozen=True)
class Export:
    """replaced: paths of the checkout that ours replace. kept: those of its model that stay. broken: what of kept
    imports a replaced module. ci: what is edited in the checkout. owners: of the folders. commits: with their added and
    removed lines."""

    replaced: list[str]
    kept: list[str]
    broken: list[str]
    ci: ci_entries.Edits
    owners: dict[str, list[str]]
    commits: list[tuple[Commit, int, int]]

    def summary(self, about: str) -> str:
        """The body of the cover letter."""
        parts = {
            "Files of the checkout that are replaced": self.replaced,
            "Files of the checkout's model that stay": self.kept,
            "Of those, what imports a replaced file": self.broken,
            "Files of the checkout that get entries for the model": sorted(self.ci.files),
            "Files that entries are for and the checkout lacks": sorted(self.ci.absent),
            "Time budgets that are raised": self.ci.budgets,
            f"Owners, by {OWNERS}": [f"{line}: {', '.join(folders)}" for line, folders in self.owners.items()],
            "To fill in before merging": [f"{OWNER}, owner_id of the jobs"] if self._without_owner() else [],
        }
        lists = [f"{title}:\n" + "".join(f"  {item}\n" for item in items or ["none"]) for title, items in parts.items()]
        subjects = "".join(
            f"  {number}. {commit.subject} (+{added} -{removed})\n"
            for number, (commit, added, removed) in enumerate(self.commits, 1)
        )
        return "\n".join([about, f"Commits:\n{subjects}", *lists])

    def _without_owner(self) -> bool:
        return any(OWNER in text for text in self.ci.files.values())


def entries_for(checkout: Path, there: dict[str, str], measured: str | None) -> ci_entries.Edits:
    """there: file modes of the checkout's HEAD by path."""
    return ci_entries.edits(
        lambda path: moved(git(ROOT, "show", f"HEAD:{path}")),
        lambda path: git(checkout, "show", f"HEAD:{path}") if path in there else None,
        measured,
    )


def export(checkout: Path, out: Path, name: str, author: tuple[str, str], measured: str | None = None) -> Export:
    """Write series `name`. Objects and index are temporary, so the checkout stays as is."""
    series = SERIES[name]
    ours = git(ROOT, "ls-tree", "-r", "HEAD").splitlines()
    listed = (line.split("\t") for line in git(checkout, "ls-tree", "-r", "HEAD").splitlines())
    there = {path: entry.split()[0] for entry, path in listed}
    ci = entries_for(checkout, there, measured) if series.ci else ci_entries.Edits({}, [], [])
    base = git(checkout, "rev-parse", "HEAD").strip()
    date = git(ROOT, "log", "-1", "--format=%cI").strip()
    stores = [git(tree, "rev-parse", "--git-path", "objects").strip() for tree in (checkout, ROOT)]
    stores = [str((tree / store).resolve()) for tree, store in zip((checkout, ROOT), stores)]
    done: list[tuple[Commit, int, int]] = []
    with tempfile.TemporaryDirectory() as scratch:
        env = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_OBJECT_DIRECTORY": f"{scratch}/objects"}
        env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(stores)
        for role in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{role}_NAME": author[0], f"GIT_{role}_EMAIL": author[1], f"GIT_{role}_DATE": date}
        Path(env["GIT_OBJECT_DIRECTORY"]).mkdir()

        def write(text: str) -> str:
            return git(checkout, "hash-object", "-w", "--stdin", env=env, text=text).strip()

        groups = grouped(ours, name, lambda blob: write(moved(git(ROOT, "cat-file", "blob", blob))))
        git(checkout, "read-tree", "HEAD", env=env)
        groups[-1] += [f"{there[path]} {write(text)}\t{path}" for path, text in ci.files.items()]
        head = base
        for commit, entries in zip(series.commits, groups):
            if entries:
                git(checkout, "update-index", "--index-info", env=env, text="\n".join(entries) + "\n")
                tree = git(checkout, "write-tree", env=env).strip()
                text = moved(f"{commit.subject}\n\n{commit.body}")
                before, head = (
                    head,
                    git(checkout, "commit-tree", tree, "-p", head, "-F", "-", env=env, text=text).strip(),
                )
                counts = git(checkout, "diff", "--numstat", before, head, env=env).split()
                done.append((commit, *(sum(int(n) for n in counts[i::3] if n.isdigit()) for i in (0, 1))))
        out.mkdir(parents=True, exist_ok=True)
        options = ("--no-signature", "--zero-commit", "--binary", "-N", "-o", str(out.resolve()))
        git(checkout, "format-patch", *options, f"{base}..{head}", env=env)
    taken = {entry.split("\t")[1] for group in groups for entry in group} - set(ci.files)
    everything = {moved(path) for entry in ours if place(path := entry.split("\t")[1])}
    replaced = sorted(taken & set(there))
    stays = tuple(f"{folder}/" for folder in EARLIER_AND_OURS)
    kept = sorted(path for path in set(there) - everything if path.startswith(stays)) if series.ci else []
    rules = git(checkout, "show", f"HEAD:{OWNERS}") if OWNERS in there else ""
    found = Export(
        replaced, kept, imports_of_replaced(checkout, kept, replaced), ci, owners(rules, sorted(taken)), done
    )
    cover = f"From: {author[0]} <{author[1]}>\nDate: {date}\nSubject: [PATCH 0/{len(done)}] {series.cover}\n"
    (out / COVER_LETTER).write_text(f"{cover}\n{found.summary(moved(series.about))}")
    return found


def linked(name: str) -> list[str]:
    """A line for each file that stays behind and is named by one that series `name` ships."""
    paths = git(ROOT, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    taken = [path for path in paths if (found := place(path)) and found[0] == name]
    return dead_links({path: git(ROOT, "show", f"HEAD:{path}") for path in taken}, set(paths))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=f"--check: {check_patches.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tt-metal", type=Path, required=True, help="a tt-metal checkout; its HEAD is the base")
    parser.add_argument("--out", type=Path, required=True, help="a folder without patches in it")
    parser.add_argument(
        "--series", choices=SERIES, default="core", help="core (the default), or what goes on top of it"
    )
    parser.add_argument(
        "--measured", type=Path, help="targets that were measured, as models/model_targets.yaml has them"
    )
    parser.add_argument("--author", default=None, help="'Name <address>'; git's configuration without it")
    parser.add_argument("--check", action="store_true", help="apply the series in a worktree and run its tests there")
    parser.add_argument("--each", action="store_true", help="with --check: at each commit run the tests it adds too")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of --check; see below")
    parser.add_argument("--tests", nargs="+", help="files and folders whose tests --check runs; else a quick subset")
    options = parser.parse_args()
    if options.each and not options.check:
        parser.error("--each is for --check")
    if options.out.is_dir() and any(options.out.glob("*.patch")):
        parser.error(f"{options.out} has patches in it")
    measured = options.measured.read_text(encoding="utf-8") if options.measured else None
    if options.author:
        name, _, email = options.author.rstrip(">").partition(" <")
    else:
        name, email = (git(ROOT, "config", key).strip() for key in ("user.name", "user.email"))
    found = export(options.tt_metal, options.out, options.series, (name, email), measured)
    for verb, paths in (
        ("replaces", found.replaced),
        ("keeps, though it needs what is replaced,", found.broken),
        ("edits", sorted(found.ci.files)),
        ("no entry, for want of", sorted(found.ci.absent)),
    ):
        for path in paths:
            print(f"{verb} {path}")
    for number, (commit, added, removed) in enumerate(found.commits, 1):
        print(f"{number:4d}. +{added} -{removed} {commit.subject}")
    print(f"{sum(added for _, added, _ in found.commits)} lines are added in all")
    if broken := linked(options.series):
        raise SystemExit("the series names files that it leaves out: " + "; ".join(broken))
    print(f"{len(found.commits)} patches and {COVER_LETTER} in {options.out}; to apply: git am {options.out}/*.patch")
    if options.check:
        raise SystemExit(0 if check(options, name, email) else 1)


def check(options: argparse.Namespace, name: str, email: str) -> bool:
    """--check. A series that goes on top of another is checked on a worktree that has that one."""
    below: list[Path] = []
    with tempfile.TemporaryDirectory() as folder:
        if after := SERIES[options.series].after:
            export(options.tt_metal, Path(folder), after, (name, email))
            below = sorted(Path(folder).glob("*.patch"))
        request = check_patches.Request(
            options.tt_metal, sorted(options.out.glob("*.patch")), options.python, name, email, ROOT, below
        )
        return check_patches.check(request, options.tests or check_patches.QUICK[options.series], options.each)


if __name__ == "__main__":
    main()
