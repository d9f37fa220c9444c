# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which cards and which mesh, as pure functions of the environment; meshes are opened in test_meshes.py."""

import os

import pytest

from models.demos.wormhole.bge_large_en.vllm_plugin import devices
from models.emulated_wormhole.boards import board


@pytest.mark.parametrize(
    "value, shape",
    [
        ("N150", (1, 1)),
        ("n300", (1, 2)),
        ("T3K", (1, 8)),
        ("N150x4", (1, 4)),
        ("TG", (8, 4)),
        ("(2,4)", (2, 4)),
        ("[1, 2]", (1, 2)),
        (" ( 2 , 4 ) ", (2, 4)),
        ("", None),
    ],
)
def test_mesh_device(value, shape):
    assert devices.wanted_mesh({"MESH_DEVICE": value}) == shape
    assert devices.wanted_mesh({}) is None


@pytest.mark.parametrize("value", ["N151", "P150", "(0,2)", "(1,2,3)", "1,2)", "2", "(1,-2)"])
def test_another_mesh_device_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError) as refusal:
        devices.wanted_mesh({"MESH_DEVICE": value})
    assert repr(value) in str(refusal.value) and "N150, N300, N150x4, T3K, TG" in str(refusal.value)


@pytest.mark.parametrize(
    "value, cards",
    [("0", ["0"]), ("0, 1,12", ["0", "1", "12"]), ("0000:01:00.0,02:00.1", ["0000:01:00.0", "02:00.1"]), ("", None)],
)
def test_visible_cards(value, cards):
    assert devices.visible_cards({"TT_VISIBLE_DEVICES": value}) == cards
    assert devices.visible_cards({}) is None


@pytest.mark.parametrize("value", ["0,", "-1", "all", "0;1", "1.5"])
def test_other_cards_are_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match="card numbers separated by commas") as refusal:
        devices.visible_cards({"TT_VISIBLE_DEVICES": value})
    assert repr(value) in str(refusal.value)


def test_engines_share_the_visible_cards_equally():
    assert devices.card_groups(None, 2) == ["0", "1"]
    assert devices.card_groups(["3", "5"], 2) == ["3", "5"]
    assert devices.card_groups(["0", "1", "2", "3"], 2) == ["0,1", "2,3"]
    with pytest.raises(ValueError, match="'0,1,2', 3 cards, for 2 .* a multiple of 2"):
        devices.card_groups(["0", "1", "2"], 2)
    with pytest.raises(ValueError, match="'7', 1 cards, for 2"):
        devices.card_groups(["7"], 2)


@pytest.mark.parametrize(
    "assigned, emulated_cards, visible",
    [
        (None, None, "as before"),
        (None, 1, "as before"),
        ([2, 3], None, "2,3"),
        (["0,1"], None, "0,1"),  # a group, as vllm-tt-plugin hands them on
        ([0], 1, "0"),
        ([1], 1, None),  # the emulated n150 has no card 1: this engine emulates one of its own
        (["2,3"], 4, "2,3"),
    ],
)
def test_assigned_cards_are_all_that_a_process_sees(monkeypatch, assigned, emulated_cards, visible):
    monkeypatch.setenv("TT_VISIBLE_DEVICES", "as before")
    devices.bind_cards(assigned, emulated_cards)
    assert os.environ.get("TT_VISIBLE_DEVICES") == visible


def test_mesh_is_what_is_wanted_as_far_as_it_is_there():
    assert devices.mesh_shape(None, 2, narrowed=False) == (1, 2)
    assert devices.mesh_shape((1, 1), 2, narrowed=False) == (1, 1)
    assert devices.mesh_shape((2, 4), 8, narrowed=False) == (2, 4)
    assert devices.mesh_shape((1, 8), 2, narrowed=True) == (1, 2)


def test_more_chips_than_there_are(monkeypatch):
    monkeypatch.setenv("MESH_DEVICE", "T3K")
    with pytest.raises(ValueError, match="MESH_DEVICE is 'T3K', a mesh of 1x8 chips; allowed: up to the 2 that"):
        devices.mesh_shape((1, 8), 2, narrowed=False)


@pytest.mark.parametrize("mesh, name", [("(1,1)", "n150"), ("(1,2)", "n300"), ("(1, 4)", "t3k"), ("(2,4)", "t3k")])
def test_a_mesh_shape_chooses_the_emulated_board(mesh, name):
    assert board(mesh).name == name
    with pytest.raises(ValueError, match="n150, n300, t3k"):
        board("(8,4)")


@pytest.mark.parametrize(
    "environ, transports",
    [({}, "self"), ({"OMPI_MCA_btl": "self,tcp"}, "self,tcp"), ({"OMPI_COMM_WORLD_SIZE": "2"}, None)],
)
def test_mpi_listens_only_for_who_wants_it(environ, transports):
    devices.close_mpi_port(environ)
    assert environ.get("OMPI_MCA_btl") == transports
