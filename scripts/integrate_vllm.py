# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Teach a Tenstorrent vLLM backend to serve this package's embedding models, or take that back.

python scripts/integrate_vllm.py --vllm PATH [--check | --diff | --apply | --revert]

PATH is a checkout of https://github.com/tenstorrent/vllm or https://github.com/tenstorrent/vllm-tt-plugin, or a folder
with either installed. Stock vLLM needs no change, nor does vllm-tt-plugin where this package is installed. List entries
and registrations that are there already stay as they are: --apply adds what is missing, --revert takes out what --apply
added and nothing else.

Exit status: 0 done, or with --check: the change is in; 1 with --check: it is not, or only in part; 2 nothing was done,
for the reason printed, with the file and what to do: a form that this tool does not know, no platform at PATH, a file
that cannot be written.
"""

import argparse
import difflib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Python leaves it out under -I and PYTHONSAFEPATH

from platform_edits import KNOWN, UnknownForm, plan  # noqa: E402

# Where a platform lies below PATH: of the fork, then of the plugin, as a checkout, as site-packages, as a package.
FORK = ("vllm/platforms/tt.py", "platforms/tt.py")
PLUGIN = ("src/vllm_tt_plugin/platform.py", "vllm_tt_plugin/platform.py", "platform.py")
IN_THE_FORK = ("plugins/vllm-tt-plugin/src/vllm_tt_plugin/platform.py",)


def locate(path: Path) -> Path:
    """The platform's file below `path`. Raises UnknownForm when there is none or more than one."""
    below = (*FORK, *PLUGIN, *IN_THE_FORK)
    found = [path / name for name in below if (path / name).is_file()]
    if len(found) > 1:  # where the fork carries the plugin, vllm/platforms/tt.py may only import the plugin's platform
        found = [file for file in found if re.search(rb"^class TTPlatform\b", file.read_bytes(), re.MULTILINE)]
    if not found:
        raise UnknownForm(f"{path}: 0 Tenstorrent platforms, none of {', '.join(below)}; {KNOWN}")
    if len(found) > 1:
        choices = " or ".join(f"--vllm {file.parents[file.name == 'tt.py']}" for file in found)
        raise UnknownForm(f"{path}: {len(found)} Tenstorrent platforms; choose one by {choices}")
    return found[0].resolve()


def replace(file: Path, text: str) -> None:
    """Give the file its new text at once: whoever reads it, or if this is cut short, it is the old one or the new."""
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
        try:
            part.write(text.encode())
            part.flush()
            os.fsync(part.fileno())
            shutil.copymode(file, part.name)
            os.replace(part.name, file)
        except BaseException:
            os.unlink(part.name)
            raise


def run(path: Path, action: str) -> int:
    file = locate(path)
    try:
        text = file.read_bytes().decode()
        found = plan(text)
    except (UnknownForm, UnicodeDecodeError) as error:
        raise UnknownForm(f"{file}: {error}") from error
    if action == "check":
        for name in found.present:
            print(f"in it:   {name}{', not by this tool' if name in found.typed else ''}")
        for name in found.missing:
            print(f"missing: {name}")
        return 1 if found.missing else 0
    wanted = found.before if action == "revert" else found.after
    name = file.relative_to(path.resolve()).as_posix()
    diff = difflib.unified_diff(
        text.splitlines(keepends=True), wanted.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    sys.stdout.writelines(diff)
    if action != "diff" and wanted != text:
        replace(file, wanted)
    return 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="integrate_vllm.py", description=__doc__.splitlines()[0])
    parser.add_argument("--vllm", required=True, type=Path, metavar="PATH", help="checkout or installed package folder")
    actions = parser.add_mutually_exclusive_group()
    for action, text in (
        ("check", "say whether the change is in (the default)"),
        ("diff", "print what --apply would change"),
        ("apply", "make the change; again does nothing"),
        ("revert", "take back exactly what --apply made"),
    ):
        actions.add_argument(f"--{action}", dest="action", action="store_const", const=action, help=text)
    options = parser.parse_args(argv)
    try:
        return run(options.vllm, options.action or "check")
    except (UnknownForm, OSError) as error:
        print(f"integrate_vllm: not changed: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
