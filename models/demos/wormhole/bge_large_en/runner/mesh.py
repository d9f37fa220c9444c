# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which mesh of chips a process opens, and opening it.

TT_VISIBLE_DEVICES counts cards (PCIe devices): an n300 is one card of two chips. MESH_DEVICE counts chips. Names and
shapes are those of tt-metal's vLLM plugins.
"""

import os
import re
from collections.abc import Mapping, MutableMapping

from models.demos.wormhole.bge_large_en.runner.device_params import QUEUES
from models.demos.wormhole.bge_large_en.runner.target import target

VISIBLE = "TT_VISIBLE_DEVICES"
MESHES = {"N150": (1, 1), "N300": (1, 2), "N150x4": (1, 4), "T3K": (1, 8), "TG": (8, 4)}
_NAMES = {name.lower(): shape for name, shape in MESHES.items()}
_SHAPE = re.compile(r"[(\[]\s*([1-9]\d*)\s*,\s*([1-9]\d*)\s*[)\]]")
# A number, or the PCI address of a card
_CARD = re.compile(r"\d+|([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.\d")


def wanted_mesh(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """(rows, columns) of chips that MESH_DEVICE asks for, by name or as "(rows,columns)"; None when it is not set.

    ValueError for another value.
    """
    value = environment.get("MESH_DEVICE", "").strip()
    if not value:
        return None
    shape = _SHAPE.fullmatch(value)
    if shape:
        return int(shape[1]), int(shape[2])
    if value.lower() not in _NAMES:
        raise ValueError(f"MESH_DEVICE is {value!r}; allowed: {', '.join(MESHES)}, or a shape such as '(2,4)'")
    return _NAMES[value.lower()]


def visible_cards(environment: Mapping[str, str]) -> list[str] | None:
    """The cards that TT_VISIBLE_DEVICES names, None when it names none. ValueError for another form."""
    value = environment.get(VISIBLE, "").strip()
    if not value:
        return None
    cards = [card.strip() for card in value.split(",")]
    if not all(_CARD.fullmatch(card) for card in cards):
        raise ValueError(f"{VISIBLE} is {value!r}; allowed: card numbers separated by commas, such as '0,1'")
    return cards


def mesh_shape(wanted: tuple[int, int] | None, chips: int, narrowed: bool) -> tuple[int, int]:
    """(rows, columns) to open. wanted: from wanted_mesh; chips: what this process sees; narrowed: whether it was made to
    see a part of the machine, whose mesh is then smaller than `wanted`, which is of the machine.

    ValueError when more is wanted than there is.
    """
    if wanted is None:
        return 1, chips
    if wanted[0] * wanted[1] <= chips:
        return wanted
    if narrowed:
        return 1, chips
    raise ValueError(
        f"MESH_DEVICE is {os.environ.get('MESH_DEVICE')!r}, a mesh of {wanted[0]}x{wanted[1]} chips; "
        f"allowed: up to the {chips} that are there"
    )


def close_mpi_port(environ: MutableMapping[str, str]) -> None:
    """Keep the MPI that ttnn starts from listening for other processes, on every interface, where there are none.

    A user's own choice of transports stays, and so does what mpirun has set up.
    """
    if "OMPI_COMM_WORLD_SIZE" not in environ:
        environ.setdefault("OMPI_MCA_btl", "self")


def open_mesh(*, l1_small_size: int, trace_region_size: int):
    """The mesh of this process, open with two command queues. Sizes in bytes: L1 per core, DRAM per chip.

    NoCard where there is nothing to open; ValueError for a MESH_DEVICE or TT_VISIBLE_DEVICES of another form,
    or one that asks for what is not there.
    """
    target()
    close_mpi_port(os.environ)
    import ttnn

    narrowed = visible_cards(os.environ) is not None
    chips = ttnn.get_num_devices()
    rows, columns = mesh_shape(wanted_mesh(os.environ), chips, narrowed)
    dispatch = {}
    if chips == 2 * ttnn.GetNumPCIeDevices():
        # n300 cards: dispatch from their Ethernet cores leaves all 8x8 Tensix cores to programs, and not 8x7. By itself
        # ttnn 0.81.1 asks for that in clusters that it knows by name only, so not for three cards of a machine.
        dispatch["dispatch_core_config"] = ttnn.DispatchCoreConfig(ttnn.DispatchCoreType.ETH)
    return ttnn.open_mesh_device(
        mesh_shape=ttnn.MeshShape(rows, columns),
        l1_small_size=l1_small_size,
        trace_region_size=trace_region_size,
        num_command_queues=QUEUES,
        **dispatch,
    )
