# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What the hardening tests tried, counted while they run and printed in pytest's summary."""

from collections import Counter

TALLY: Counter[str] = Counter()
NOTES: list[str] = []


def count(what: str, times: int = 1) -> None:
    """Add to a line of the summary, such as count("bad inputs tried against the server")."""
    TALLY[what] += times


def note(line: str) -> None:
    """A line of the summary of its own: what has no sum, such as memory before and after a soak."""
    NOTES.append(line)


def report() -> list[str]:
    return [f"{what}: {times}" for what, times in sorted(TALLY.items())] + NOTES
