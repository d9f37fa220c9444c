# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The host's time for a step of a mesh, marked slow: on a machine where nothing else runs."""

import pytest

from models.demos.wormhole.bge_large_en.tests.perf.mesh_cost import measured

MOST_MS = {8: 1.5, 32: 5.0}  # by chips


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_step_of_full_rows():
    costs = {cost.chips: cost for cost in measured("384")}
    assert {chips: cost.texts for chips, cost in costs.items()} == {1: 8, 8: 64, 32: 256}
    assert all(costs[chips].ours <= most for chips, most in MOST_MS.items()), costs
