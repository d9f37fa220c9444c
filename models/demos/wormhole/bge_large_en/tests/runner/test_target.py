# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a process runs on, and the one line where there is nothing."""

import os

import pytest

from models.demos.wormhole.bge_large_en.runner import target

SIGNS = ("TT_METAL_MOCK_CLUSTER_DESC_PATH", "TT_METAL_SIMULATOR", "EMULATED_WORMHOLE", "EMULATED_WORMHOLE_PID")


@pytest.mark.parametrize(
    "environment, card, kind",
    [
        ({"TT_METAL_MOCK_CLUSTER_DESC_PATH": "n150.yaml"}, True, target.EMULATED),
        ({"EMULATED_WORMHOLE": "1", "EMULATED_WORMHOLE_PID": str(os.getpid())}, True, target.EMULATED),
        ({"TT_METAL_SIMULATOR": "libttsim_wh.so"}, True, target.SIMULATOR),
        ({}, True, target.SILICON),
        ({}, False, "no Tenstorrent card: .* is empty .* EMULATED_WORMHOLE=1"),
        ({"EMULATED_WORMHOLE": "1"}, True, "EMULATED_WORMHOLE is 1, but nothing emulates a Wormhole in this process"),
        # As a child of a process that emulates, which has that one's mock device and nobody who computes:
        (
            {"EMULATED_WORMHOLE": "1", "EMULATED_WORMHOLE_PID": "1", "TT_METAL_MOCK_CLUSTER_DESC_PATH": "n150.yaml"},
            False,
            "nothing emulates a Wormhole in this process",
        ),
    ],
)
def test_target(monkeypatch, tmp_path, environment, card, kind):
    for name in SIGNS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(target, "NODES", tmp_path)
    if card:
        (tmp_path / "0").touch()
    if kind in target.DESCRIPTIONS:
        assert target.target() == kind
    else:
        with pytest.raises(target.NoCard, match=kind) as refusal:
            target.target()
        assert len(str(refusal.value).splitlines()) == 1
