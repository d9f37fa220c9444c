# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which cards an engine gets, as pure functions of the environment."""

import os

import pytest

from models.demos.wormhole.bge_large_en.vllm_plugin import devices


def test_engines_share_the_visible_cards_equally():
    assert devices.card_groups(None, 2) == ["0", "1"]
    assert devices.card_groups(["3", "5"], 2) == ["3", "5"]
    assert devices.card_groups(["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    with pytest.raises(ValueError, match="'0,1,2', 3 cards, for 2 .* a multiple of 2"):
        devices.card_groups(["0", "1", "2"], 2)
    with pytest.raises(ValueError, match="'7', 1 cards, for 2"):
        devices.card_groups(["7"], 2)


@pytest.mark.parametrize(
    "assigned, visible",
    [(None, "as before"), ([2, 3], "2,3"), (["0,1"], "0,1")],  # the last a group, as vllm-tt-plugin hands them on
)
def test_assigned_cards_are_all_that_a_process_sees(monkeypatch, assigned, visible):
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "as before")
    devices.bind_cards(assigned)
    assert os.environ.get("TT_VISIBLE_DEVICES") == visible
