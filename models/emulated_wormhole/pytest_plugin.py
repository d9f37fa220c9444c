# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""tt-metal's device fixtures, on silicon, on the simulator, or else on the emulated Wormhole.

Load it with `pytest -p models.emulated_wormhole.pytest_plugin` or from a conftest. A conftest's fixtures win over a
plugin's, so inside a tt-metal checkout its own `device`, `mesh_device`, `device_params`, … are the ones that run, and
this plugin only puts the emulation under them. The board is that of MESH_DEVICE: N150 (default), N300, T3K or TG.
"""

import random

import pytest

from models.emulated_wormhole import activate
from models.emulated_wormhole.target import ASKED, Target

_target = pytest.StashKey[Target]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    # Before the conftests, when loaded with -p: tt-metal's own asks ttnn for the architecture as it adds its options.
    activate()


def pytest_configure(config: pytest.Config) -> None:
    # Before any test module is collected, because those import ttnn.
    config.stash[_target] = activate()


def pytest_report_header(config: pytest.Config) -> str:
    target = config.stash[_target]
    return f"device: {target.describe()}" + (f", asked for by this plugin ({ASKED}=1)" if target.emulated else "")


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    terminalreporter.write_line(f"ran on: {config.stash[_target].describe()}")


@pytest.fixture(scope="session")
def device_target(pytestconfig):
    """The Target of this run: .kind is "silicon", "simulator" or "emulated"."""
    return pytestconfig.stash[_target]


@pytest.fixture
def device_params(request) -> dict:
    """Keyword arguments of ttnn's open call: l1_small_size, trace_region_size (bytes), num_command_queues, …"""
    return getattr(request, "param", {})


@pytest.fixture
def device(request, device_params):
    """An open single device, closed afterwards."""
    import ttnn

    device = ttnn.open_device(device_id=request.config.getoption("device_id", 0), **device_params)
    yield device
    ttnn.close_device(device)


@pytest.fixture
def mesh_device(request, device_params):
    """An open mesh: of request.param chips in a row, or of shape (rows, columns); all chips without a param.

    Skips when the machine, or the emulated board, has fewer chips.
    """
    import ttnn

    chips = ttnn.get_num_devices()
    shape = getattr(request, "param", chips)
    rows, columns = shape if isinstance(shape, tuple) else (1, shape)
    if rows * columns > chips:
        pytest.skip(f"the test asks for {rows * columns} chips; there are {chips} (MESH_DEVICE sets an emulated board)")
    device = ttnn.open_mesh_device(mesh_shape=ttnn.MeshShape(rows, columns), **device_params)
    yield device
    ttnn.close_mesh_device(device)


@pytest.fixture
def reset_seeds() -> None:
    """tt-metal's seeds for torch, numpy and random."""
    import numpy
    import torch

    for seed in (torch.manual_seed, numpy.random.seed, random.seed):
        seed(213919)


@pytest.fixture(scope="session")
def model_location_generator():
    """Function from a model's name to where it is; here the name itself, for the local cache or the hub to resolve."""

    def locate(model_version: str, model_subdir: str = "", **_) -> str:
        return model_version

    return locate
