# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Who asks for emulation, and what is said where nobody did and there is no card."""

import os
import re
import subprocess
import sys

import pytest

from models.emulated_wormhole import __main__ as launcher
from models.emulated_wormhole import target
from models.emulated_wormhole.boards import BOARDS, board, keep_visible


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with no card; its /dev/tenstorrent and PCI bus are folders of tmp_path."""
    monkeypatch.setattr(os, "environ", dict(os.environ))  # what is asked for here ends with the test
    for name in (target.ASKED, "TT_METAL_SIMULATOR", *target.CARDS_WANTED):
        os.environ.pop(name, None)
    for name in ("NODES", "PCI"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(target, name, tmp_path / name)
    return tmp_path


def put_on_bus(machine, vendor: str) -> None:
    (machine / "PCI" / "0000:01:00.0").mkdir()
    (machine / "PCI" / "0000:01:00.0" / "vendor").write_text(f"{vendor}\n")


def test_nothing_is_emulated_unasked(machine):
    with pytest.raises(RuntimeError, match="no Tenstorrent card .* EMULATED_WORMHOLE=1 asks for emulation") as refusal:
        target.detect()
    assert len(str(refusal.value).splitlines()) == 1


def test_asking_reaches_the_processes_that_are_started(machine):
    target.ask()
    assert os.environ[target.ASKED] == "1" and target.detect() == target.Target("emulated", "n150")


@pytest.mark.parametrize("sign, kind", [("card", "silicon"), ("TT_METAL_SIMULATOR", "simulator")])
def test_asking_steps_aside(machine, sign, kind):
    if sign == "card":
        (machine / "NODES" / "0").touch()
    else:
        os.environ[sign] = "libttsim_wh.so"
    target.ask()
    assert target.ASKED not in os.environ and target.detect().kind == kind


def test_asked_for_although_a_card_is_there(machine):
    (machine / "NODES" / "0").touch()
    os.environ |= {target.ASKED: "1", "MESH_DEVICE": "N300"}
    assert target.detect() == target.Target("emulated", "n300")


@pytest.mark.parametrize(
    "value, message", [("0", "EMULATED_WORMHOLE=0 forbids"), ("n300", "'n300'; allowed: 1 to emulate")]
)
def test_forbidden_or_no_answer(machine, value, message):
    os.environ[target.ASKED] = value
    with pytest.raises((RuntimeError, ValueError), match=message):
        target.ask()


@pytest.mark.parametrize("vendor", [None, "0x8086"])
def test_a_server_is_emulated_where_no_card_was_ever_there(machine, capsys, vendor):
    if vendor:
        put_on_bus(machine, vendor)
    assert launcher.main(["--target"]) == 0
    assert capsys.readouterr().out.startswith("emulated Wormhole n150")


@pytest.mark.parametrize(
    "vendor, name, message",
    [
        ("0x1e52", None, "0000:01:00.0 on the PCI bus is a Tenstorrent card, but .* load its driver"),
        (None, "MESH_DEVICE", "MESH_DEVICE is 'N150', but"),
        (None, "TT_VISIBLE_DEVICES", "TT_VISIBLE_DEVICES is 'N150', but"),
    ],
)
def test_a_server_whose_card_went_missing_is_not_emulated_unasked(machine, capsys, vendor, name, message):
    if vendor:
        put_on_bus(machine, vendor)
    if name:
        os.environ[name] = "N150"
    assert launcher.main(["--target"]) == 1
    printed, said = capsys.readouterr()
    assert printed == "" and len(said.splitlines()) == 1 and target.ASKED not in os.environ
    assert re.search(message, said) and "EMULATED_WORMHOLE=1 asks" in said
    os.environ[target.ASKED] = "1"
    assert launcher.main(["--target"]) == 0 and "emulated" in capsys.readouterr().out


@pytest.mark.parametrize(
    "mesh, name", [("(1,1)", "n150"), ("(1,2)", "n300"), ("(1, 4)", "t3k"), ("(2,4)", "t3k"), ("(8,4)", "tg")]
)
def test_a_mesh_shape_chooses_the_emulated_board(mesh, name):
    assert board(mesh).name == name
    with pytest.raises(ValueError, match="n150, n300, t3k, tg"):
        board("(8,8)")


@pytest.mark.parametrize(
    "name, cards, kept",
    [
        ("n150", "0", "0"),
        ("n150", "1", None),
        ("t3k", "2,3", "2,3"),
        ("t3k", "0000:01:00.0", None),
        ("n150", None, None),
    ],
)
def test_a_card_that_the_board_lacks_is_a_board_of_its_own(name, cards, kept):
    environment = {} if cards is None else {"TT_VISIBLE_DEVICES": cards}
    keep_visible(BOARDS[name], environment)
    assert environment.get("TT_VISIBLE_DEVICES") == kept


ON_IMPORT = """
import sys
from models.emulated_wormhole.vllm_plugin import activate_if_asked
activate_if_asked()
activate_if_asked()
assert "ttnn" not in sys.modules and "torch" not in sys.modules, "the front end pays"
import torch, ttnn
from models.emulated_wormhole import activate
assert activate().emulated
device = ttnn.open_device(device_id=0)
x = ttnn.from_torch(torch.ones(32, 32), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
print("sum", ttnn.to_torch(x + x).float().sum().item())
ttnn.close_device(device)
"""


@pytest.mark.skipif(any(target.NODES.glob("*")), reason="a card is there")
def test_vllms_entry_point_acts_before_ttnn_is_imported():
    """Asked for, the values are real; else a process that imports ttnn finds no card."""
    environment = {**os.environ, target.ASKED: "1"}
    environment.pop("TT_METAL_MOCK_CLUSTER_DESC_PATH", None)
    for asked, found in (("1", True), ("", False)):
        environment[target.ASKED] = asked
        done = subprocess.run(
            [sys.executable, "-c", ON_IMPORT], env=environment, capture_output=True, text=True, timeout=120
        )
        assert ((done.returncode == 0) and ("sum 2048.0" in done.stdout)) is found, done.stderr[-2000:]
