# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""One step, in a process of its own: python -m ….tests.first_card.child NAME RESULT SECONDS."""

import faulthandler
import importlib
import signal
import sys
import traceback
from pathlib import Path

from models.demos.wormhole.bge_large_en.runner.target import target
from models.demos.wormhole.bge_large_en.tests.first_card.findings import Findings, Setting, Skipped, first_line
from models.demos.wormhole.bge_large_en.tests.first_card.steps import BY_NAME, HERE


def main(name: str, result: str, seconds: str) -> int:
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # sent when the time is over: where does it hang?
    found = Findings(Path(result))
    module, function = BY_NAME[name].run.split(":")
    try:
        step = getattr(importlib.import_module(f"{HERE}.{module}"), function)
        step(found, Setting(target(), float(seconds), found.file.parent))
    except Skipped as reason:
        found.skipped = str(reason)
    except Exception as error:
        traceback.print_exc()
        found.problems.append(f"{type(error).__name__}: {first_line(error)}")
    found.done = True
    found.save()
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
