# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which mesh, as pure functions of the environment; meshes are opened in test_mesh.py."""

import pytest

from models.demos.wormhole.bge_large_en.runner import mesh as meshes


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
    assert meshes.wanted_mesh({"MESH_DEVICE": value}) == shape
    assert meshes.wanted_mesh({}) is None


@pytest.mark.parametrize("value", ["N151", "P150", "(0,2)", "(1,2,3)", "1,2)", "2", "(1,-2)"])
def test_another_mesh_device_is_named_with_what_is_allowed(value):
    with pytest.raises(ValueError) as refusal:
        meshes.wanted_mesh({"MESH_DEVICE": value})
    assert repr(value) in str(refusal.value) and "N150, N300, N150x4, T3K, TG" in str(refusal.value)


@pytest.mark.parametrize(
    "value, cards",
    [("0", ["0"]), ("0, 1,12", ["0", "1", "12"]), ("0000:01:00.0,02:00.1", ["0000:01:00.0", "02:00.1"]), ("", None)],
)
def test_visible_cards(value, cards):
    assert meshes.visible_cards({"TT_VISIBLE_DEVICES": value}) == cards
    assert meshes.visible_cards({}) is None


@pytest.mark.parametrize("value", ["0,", "-1", "all", "0;1", "1.5"])
def test_other_cards_are_named_with_what_is_allowed(value):
    with pytest.raises(ValueError, match="card numbers separated by commas") as refusal:
        meshes.visible_cards({"TT_VISIBLE_DEVICES": value})
    assert repr(value) in str(refusal.value)


def test_mesh_is_what_is_wanted_as_far_as_it_is_there():
    assert meshes.mesh_shape(None, 2, narrowed=False) == (1, 2)
    assert meshes.mesh_shape((1, 1), 2, narrowed=False) == (1, 1)
    assert meshes.mesh_shape((2, 4), 8, narrowed=False) == (2, 4)
    assert meshes.mesh_shape((1, 8), 2, narrowed=True) == (1, 2)


def test_more_chips_than_there_are(monkeypatch):
    monkeypatch.setenv("MESH_DEVICE", "T3K")
    with pytest.raises(ValueError, match="MESH_DEVICE is 'T3K', a mesh of 1x8 chips; allowed: up to the 2 that"):
        meshes.mesh_shape((1, 8), 2, narrowed=False)


@pytest.mark.parametrize(
    "environ, transports",
    [({}, "self"), ({"OMPI_MCA_btl": "self,tcp"}, "self,tcp"), ({"OMPI_COMM_WORLD_SIZE": "2"}, None)],
)
def test_mpi_listens_only_for_who_wants_it(environ, transports):
    meshes.close_mpi_port(environ)
    assert environ.get("OMPI_MCA_btl") == transports
