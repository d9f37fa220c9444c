# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Lists of token ids at their limits, as a server sends them; no device."""

import numpy as np
import pytest
import torch

from models.demos.wormhole.bge_large_en.runner.inputs import rows_from_lists
from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims

DIMS = model_dims("large")  # 30,522 ids
LENGTH = 64


def test_an_id_of_numpy_is_one():
    rows = rows_from_lists([[101, np.int32(7)], [np.int64(0)]], DIMS, LENGTH)
    assert [row.ids.tolist() for row in rows] == [[101, 7], [0]] and all(row.ids.dtype == torch.int64 for row in rows)


def test_the_last_id_and_the_longest_row():
    given = [[30521], [0], [1] * LENGTH]
    assert [row.ids.tolist() for row in rows_from_lists(given, DIMS, LENGTH)] == given


@pytest.mark.parametrize(
    "row, says",
    [
        ([101, 30522], "row 1 has the token id 30522; the limit is 0 to 30521"),
        ([-1], "row 1 has the token id -1; the limit is 0 to 30521"),
        ([1] * (LENGTH + 1), "row 1 has 65 tokens; the limit is 64"),
        ([], "row 1 has no tokens"),
        ([True], "row 1 has dtype torch.bool"),
        ([False, True], "row 1 has dtype torch.bool"),
        ([101, 1.5], "row 1 has dtype torch.float32"),
        ([1.0], "row 1 has dtype torch.float32"),
        ([[1]], "row 1 has dtype torch.int64 and 2 dims"),
        ([2**63], "row 1 is not a list of token ids"),
        ([2**70], "row 1 is not a list of token ids"),
        ("text", "row 1 is not a list of token ids"),
        (None, "row 1 is not a list of token ids"),
    ],
)
def test_past_a_limit_the_row_is_named(row, says):
    with pytest.raises(ValueError, match=says):
        rows_from_lists([[101, 102], row], DIMS, LENGTH)
    with pytest.raises(ValueError, match=says.replace("row 1", "row 0")):
        rows_from_lists([row], DIMS, LENGTH)
