# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""How many examples property tests try: a fixed, repeatable number, or many new ones with HYPOTHESIS_EXAMPLES set."""

import os

from hypothesis import HealthCheck, settings


def examples(number: int) -> settings:
    """Settings of a property test: `number` examples, the same each time; HYPOTHESIS_EXAMPLES times as many, random."""
    times = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
    return settings(
        max_examples=number * (times or 1),
        derandomize=not times,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
