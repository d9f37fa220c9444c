# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What moves values: copies to tensors never written, reads on a second queue, host tensors rewritten in place."""

import subprocess
import sys

import pytest
import torch

import ttnn
from models import emulated_wormhole

pytestmark = pytest.mark.skipif(not emulated_wormhole.activate().emulated, reason="a card or a simulator is there")
FORMATS = [
    (ttnn.uint32, ttnn.ROW_MAJOR_LAYOUT),
    (ttnn.bfloat16, ttnn.ROW_MAJOR_LAYOUT),
    (ttnn.float32, ttnn.ROW_MAJOR_LAYOUT),
    (ttnn.bfloat8_b, ttnn.TILE_LAYOUT),
    (ttnn.bfloat4_b, ttnn.TILE_LAYOUT),
]
formats = pytest.mark.parametrize("dtype, layout", FORMATS, ids=lambda x: x.name)
places = pytest.mark.parametrize("place", [ttnn.DRAM_MEMORY_CONFIG, ttnn.L1_MEMORY_CONFIG], ids=["DRAM", "L1"])
two_queues = pytest.mark.parametrize("device_params", [{"num_command_queues": 2}], indirect=True)


def on_host(dtype, layout, seed=0, batch=8):
    value = torch.randint(0, 9, (batch, 1, 32, 64), generator=torch.Generator().manual_seed(seed), dtype=torch.int32)
    return ttnn.from_torch(value if dtype == ttnn.uint32 else value - 3.7, dtype=dtype, layout=layout)


def allocated(tensor, device, place=ttnn.DRAM_MEMORY_CONFIG):
    """On the device, of the tensor's shape and format, never written."""
    return ttnn.allocate_tensor_on_device(tensor.shape, tensor.dtype, tensor.layout, device, place)


def memory(host, *chip):
    return torch.from_dlpack(host.host_buffer().get_shard(ttnn.MeshCoordinate(*(chip or (0, 0)))))


def equal(got, expected):
    return torch.equal(ttnn.to_torch(got).float(), ttnn.to_torch(expected).float())


@formats
@places
@two_queues
def test_copy_from_staging_to_an_input_never_written(device, dtype, layout, place):
    host = on_host(dtype, layout)
    staging, target = allocated(host, device), allocated(host, device, place)
    ttnn.copy_host_to_device_tensor(host, staging, cq_id=1)
    ttnn.wait_for_event(0, ttnn.record_event(device, 1))
    ttnn.copy(staging, target)
    assert equal(target, host)
    ttnn.copy_host_to_device_tensor(on_host(dtype, layout, 1), staging, cq_id=1)
    assert equal(target, host) and not equal(staging, host)


def test_other_destinations_never_written(device):
    x = ttnn.to_device(on_host(ttnn.bfloat16, ttnn.TILE_LAYOUT), device)
    target = [allocated(x, device, ttnn.L1_MEMORY_CONFIG) for _ in range(6)]
    ttnn.assign(x, target[0])
    ttnn.copy(input_a=x, input_b=target[1])
    ttnn.to_memory_config(x, ttnn.L1_MEMORY_CONFIG, output_tensor=target[2])
    ttnn.to_memory_config(x, ttnn.L1_MEMORY_CONFIG, None, target[3])
    ttnn.add(x, x, output_tensor=target[4])
    square = ttnn.allocate_tensor_on_device(ttnn.Shape((8, 1, 32, 32)), x.dtype, x.layout, device)
    ttnn.matmul(x, ttnn.transpose(x, -1, -2), optional_output_tensor=square)
    assert all(equal(t, x) for t in target[:4]) and equal(target[4], ttnn.add(x, x))
    assert equal(square, ttnn.matmul(x, ttnn.transpose(x, -1, -2)))
    with pytest.raises(emulated_wormhole.MissingValue):
        ttnn.add(x, target[5])
    with pytest.raises(emulated_wormhole.MissingValue):
        ttnn.copy(target[5], target[0])


@two_queues
def test_reads_on_the_second_queue(device):
    x = ttnn.to_device(on_host(ttnn.bfloat16, ttnn.TILE_LAYOUT), device)
    out = ttnn.add(x, 1.0)
    expected = (ttnn.to_torch(x).float() + 1).bfloat16()
    ttnn.wait_for_event(1, ttnn.record_event(device, 0))
    target = ttnn.allocate_tensor_on_host(out.spec, device)
    view = memory(target)
    reads = [
        out.cpu(blocking=False, cq_id=1),
        out.cpu(False, 1),
        ttnn.from_device(out, blocking=False, cq_id=1),
        ttnn.from_device(out, blocking=False, queue_id=1),
        target,
    ]
    ttnn.copy_device_to_host_tensor(out, target, blocking=False, cq_id=1)
    ttnn.event_synchronize(ttnn.record_event(device, 1))
    assert all(torch.equal(ttnn.to_torch(read), expected) for read in reads)
    assert torch.equal(ttnn.to_torch(out, cq_id=1), expected) and torch.equal(ttnn.to_torch(out, queue_id=1), expected)
    assert torch.equal(view, memory(reads[0])) and view.any()  # what was read back is in the target's own memory
    for read in (out.cpu, lambda **kwargs: ttnn.from_device(out, **kwargs)):
        with pytest.raises(TypeError):
            read(queue=1)


@formats
def test_reads_without_values_give_zeros(device, dtype, layout):
    x, target = ttnn.to_device(on_host(dtype, layout), device), on_host(dtype, layout, 1)
    with emulated_wormhole.dispatch_only():
        ttnn.copy_device_to_host_tensor(x, target)
        assert not memory(target).any() and not memory(x.cpu()).any()
    ttnn.copy_device_to_host_tensor(x, target)
    assert equal(target, x)


@formats
def test_host_tensor_rewritten_in_place(device, dtype, layout):
    host, other = on_host(dtype, layout), on_host(dtype, layout, 1)
    view, former = memory(host), on_host(dtype, layout)
    target = allocated(host, device)
    ttnn.copy_host_to_device_tensor(host, target)
    view.copy_(memory(other))
    assert equal(host, other) and equal(target, former)  # the device has what was copied
    ttnn.copy_host_to_device_tensor(host, target)
    assert equal(target, other) and not equal(target, former)


MESH_SCRIPT = """
import torch, ttnn
from models.emulated_wormhole.tests.test_transfers import FORMATS, allocated, memory, on_host
mesh = ttnn.open_mesh_device(mesh_shape=ttnn.MeshShape(2, 4), num_command_queues=2)
composer = ttnn.ConcatMeshToTensor(mesh, dim=0)
read = lambda tensor: ttnn.to_torch(tensor, mesh_composer=composer).float()
for dtype, layout in FORMATS:
    def host(seed):
        value = ttnn.to_torch(on_host(dtype, layout, seed)).float()
        value = value.to(torch.int32) if dtype == ttnn.uint32 else value
        return ttnn.from_torch(value, dtype=dtype, layout=layout, mesh_mapper=ttnn.ShardTensorToMesh(mesh, dim=0))
    inputs, other = host(0), host(1)
    chips = [(row, column) for row in range(2) for column in range(4)]
    views = [memory(inputs, *chip) for chip in chips]
    staging, target = (ttnn.allocate_tensor_on_device(inputs.spec, mesh) for _ in range(2))
    ttnn.copy_host_to_device_tensor(inputs, staging, cq_id=1)
    ttnn.copy(staging, target)
    assert torch.equal(read(target), read(host(0)))
    for view, chip in zip(views, chips):
        view.copy_(memory(other, *chip))
    assert torch.equal(read(staging), read(host(0))) and torch.equal(read(inputs), read(other))
    ttnn.copy_host_to_device_tensor(inputs, staging, cq_id=1)
    ttnn.copy(staging, target)
    assert torch.equal(read(target), read(other)) and not torch.equal(read(other), read(host(0)))
    back = ttnn.allocate_tensor_on_host(target.spec, mesh)
    views = [memory(back, *chip) for chip in chips]
    ttnn.copy_device_to_host_tensor(target, back, blocking=False, cq_id=1)
    ttnn.event_synchronize(ttnn.record_event(mesh, 1))
    assert torch.equal(read(back), read(other))
    assert all(torch.equal(view, memory(other, *chip)) for view, chip in zip(views, chips))
    assert torch.equal(read(target.cpu(blocking=False, cq_id=1)), read(other))
ttnn.close_mesh_device(mesh)
print("formats", len(FORMATS))
"""


def test_the_same_on_a_mesh(tmp_path):
    script = tmp_path / "transfers.py"
    script.write_text(MESH_SCRIPT)
    command = [sys.executable, "-m", "models.emulated_wormhole", "--board", "T3K", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"formats {len(FORMATS)}" in done.stdout
