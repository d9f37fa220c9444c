# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A stdout that holds what a command prints and nothing else."""

import os
import sys
from typing import TextIO


def own_stdout() -> TextIO:
    """The process's stdout as a new file; whatever else writes to stdout goes to stderr until the process ends.

    By file descriptor: ttnn prints as it is imported, and its C++ logger writes past Python, as late as at exit.
    """
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out
