# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Run a script or a module on the target that this machine has: silicon, simulator, or else the emulated Wormhole.

Where there is neither card nor simulator it asks for emulation, and says so, unless EMULATED_WORMHOLE=0 forbids it.

python -m models.emulated_wormhole [--board n150|n300|T3K|TG] script.py [arguments…]
python -m models.emulated_wormhole [--board …] -m module [arguments…]
python -m models.emulated_wormhole --target        # what a server here runs on; refuses to emulate a card gone missing
"""

import argparse
import runpy
import sys
from pathlib import Path

from models.emulated_wormhole import activate, ask, detect
from models.emulated_wormhole.target import ASKED, missing_card

ASKED_FOR = f", {ASKED}=1"


def _servers_target() -> str:
    """The description; emulation only where it is asked for, or where no card was ever there. RuntimeError otherwise."""
    try:
        return detect().describe()
    except RuntimeError as error:
        missing = missing_card()
        if missing:
            raise RuntimeError(f"{missing}; {ASKED}=1 asks for an emulated one") from error
    ask()
    return detect().describe()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m models.emulated_wormhole", description=__doc__.splitlines()[0])
    parser.add_argument("--board", help="board to emulate: n150 (default), n300, T3K or TG, a Galaxy")
    parser.add_argument("--target", action="store_true", help="print what a server here runs on, and exit")
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name")
    parser.add_argument("script", nargs="?", help="script or, with -m, module to run")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    options = parser.parse_args(argv)
    try:
        if options.target:
            print(_servers_target())
            return 0
        if options.script is None:
            parser.error("name a script, or a module with -m")
        if not options.module and not Path(options.script).is_file():
            parser.error(f"no such script: {options.script}")
        target = activate(options.board)
    except (ValueError, RuntimeError) as error:
        print(f"emulated_wormhole: {error}", file=sys.stderr)
        return 1
    print(f"running on: {target.describe()}{ASKED_FOR if target.emulated else ''}", file=sys.stderr)
    sys.argv = [options.script, *options.arguments]
    if options.module:
        runpy.run_module(options.script, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(options.script).resolve().parent))
        runpy.run_path(options.script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
