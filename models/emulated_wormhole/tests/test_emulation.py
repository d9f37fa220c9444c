# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The emulated Wormhole itself; the boards other than this process's own run in processes of their own."""

import subprocess
import sys

import pytest
import torch

import ttnn
from models import emulated_wormhole
from models.emulated_wormhole.boards import BOARDS
from models.emulated_wormhole.golden_ops import GOLDENS
from models.emulated_wormhole.quantise import quantise

pytestmark = pytest.mark.skipif(
    not emulated_wormhole.activate().emulated, reason="there is a card or a simulator, so nothing is emulated"
)


def tiles(device, *shape, dtype=ttnn.bfloat16):
    return ttnn.from_torch(torch.randn(*shape), dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device)


@pytest.mark.parametrize("dtype", [ttnn.bfloat16, ttnn.bfloat8_b, ttnn.bfloat4_b])
@pytest.mark.parametrize("exponent", [-100, -20, 0, 20, 100])
def test_quantise_is_bit_equal_with_ttnn(device, dtype, exponent):
    spread = torch.randint(-9, 1, (1, 1, 64, 96)).float()
    value = torch.ldexp(torch.randn(1, 1, 64, 96), spread + exponent)
    packed = ttnn.to_torch(ttnn.from_torch(value, dtype=dtype, layout=ttnn.TILE_LAYOUT)).float()
    assert torch.equal(quantise(value, dtype), packed)


@pytest.mark.parametrize("dtype", [ttnn.bfloat8_b, ttnn.bfloat4_b])
def test_quantise_cuts_off_what_alignment_loses(dtype):
    """Ties, and what is a hair above one: beside a large element the hair is lost before the rounding."""
    hair = torch.tensor([0.0, 2**-12, 2**-18, 2**-23]).repeat_interleave(16).reshape(4, 16)
    value = torch.ldexp(1 + hair, -torch.arange(16.0)).repeat(8, 6)
    value[:, ::16] = 1.5
    packed = ttnn.to_torch(ttnn.from_torch(value[None, None], dtype=dtype, layout=ttnn.TILE_LAYOUT)).float()
    assert torch.equal(quantise(value[None, None], dtype), packed)


def test_quantise_of_tiny_values_is_finite():
    assert torch.equal(quantise(torch.full((1, 16), 1e-44), ttnn.bfloat8_b), torch.zeros(1, 16))


def test_numerics_views_and_in_place(device):
    a, b = tiles(device, 1, 1, 32, 64), tiles(device, 1, 1, 64, 32)
    product = ttnn.matmul(a, b)
    expected = (emulated_wormhole.read(a) @ emulated_wormhole.read(b)).bfloat16()
    assert torch.equal(ttnn.to_torch(product), expected)
    assert torch.equal(product.cpu().to_torch(), expected)
    view = ttnn.reshape(product, (1, 32, 1, 32))
    assert tuple(view.shape) == (1, 32, 1, 32) and torch.equal(ttnn.to_torch(view).reshape(32, 32), expected[0, 0])
    ttnn.softmax_in_place(product)
    assert torch.allclose(ttnn.to_torch(product).float().sum(-1), torch.ones(1, 1, 32), atol=0.02)


def test_bad_program_config_is_refused_by_the_library(device):
    a, b = tiles(device, 1, 1, 32, 64), tiles(device, 1, 1, 96, 32)
    with pytest.raises(RuntimeError):
        ttnn.matmul(a, b)


def test_trace_is_refused(device):
    with pytest.raises(emulated_wormhole.TraceNotSupported, match="TT_METAL_SIMULATOR"):
        ttnn.begin_trace_capture(device, cq_id=0)


def test_value_that_slipped_past(device):
    hidden = ttnn.Tensor(torch.zeros(1, 1, 32, 32), ttnn.bfloat16).to(ttnn.TILE_LAYOUT).to(device)
    with pytest.raises(emulated_wormhole.MissingValue, match="from_torch"):
        ttnn.to_torch(hidden)
    with emulated_wormhole.dispatch_only():
        unvalued = ttnn.add(tiles(device, 32, 32), 1.0)
    with pytest.raises(emulated_wormhole.MissingValue):
        ttnn.add(unvalued, 1.0)


def test_op_without_golden(device, monkeypatch):
    monkeypatch.setattr(ttnn.relu, "golden_function", None)
    with pytest.raises(emulated_wormhole.MissingGolden, match="ttnn.relu has no golden function"):
        ttnn.relu(tiles(device, 32, 32))


def test_op_with_a_golden_of_the_callers_own(device, monkeypatch):
    monkeypatch.setitem(GOLDENS, "ttnn.relu", None)  # so that the test's end takes off what is registered here

    @emulated_wormhole.golden("ttnn.relu")
    def double(x, **_):
        return 2 * x

    x = tiles(device, 32, 32)
    assert torch.equal(emulated_wormhole.read(ttnn.relu(x)), 2 * emulated_wormhole.read(x))


def test_readback_into_a_host_tensor(device):
    source = tiles(device, 1, 1, 32, 32)
    target = ttnn.allocate_tensor_on_host(source.spec, device)
    ttnn.copy_device_to_host_tensor(source, target)
    assert torch.equal(ttnn.to_torch(target).float(), emulated_wormhole.read(source))


def test_another_board_in_the_same_process_is_refused():
    other = next(name for name in BOARDS if name != emulated_wormhole.activate().board)
    with pytest.raises(emulated_wormhole.EmulationError, match="another process"):
        emulated_wormhole.activate(other)


def test_unknown_board():
    with pytest.raises(ValueError, match="n999"):
        emulated_wormhole.detect("n999")


SCRIPT = """
import torch, ttnn
rows, columns = {shape}
mesh = ttnn.open_mesh_device(mesh_shape=ttnn.MeshShape(rows, columns), num_command_queues=2)
chips = mesh.get_num_devices()
x = torch.randn(2 * chips, 1, 32, 64)
t = ttnn.from_torch(x, dtype=ttnn.float32, layout=ttnn.TILE_LAYOUT, device=mesh,
                    mesh_mapper=ttnn.ShardTensorToMesh(mesh, dim=0))
out = ttnn.to_torch(t + t, mesh_composer=ttnn.ConcatMeshToTensor(mesh, dim=0))
assert torch.equal(out, 2 * x)
size = mesh.compute_with_storage_grid_size()
assert (size.x, size.y) == (8, 9 if chips == 32 else 8), size
ttnn.close_mesh_device(mesh)
print("chips", chips)
"""


@pytest.mark.parametrize("board", ["n300", "T3K", "TG"])
def test_meshes_through_the_launcher(board, tmp_path):
    script = tmp_path / "mesh.py"
    script.write_text(SCRIPT.format(shape=BOARDS[board.lower()].mesh_shape))
    command = [sys.executable, "-m", "models.emulated_wormhole", "--board", board, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"emulated Wormhole {board.lower()}" in done.stderr
    assert f"chips {len(BOARDS[board.lower()].coords)}" in done.stdout
