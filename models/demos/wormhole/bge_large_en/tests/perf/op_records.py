# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What one forward really calls: an OpRecord per ttnn call that launched programs, read off its real tensors.

A hook on ttnn.decorators.FastOperation.__call__, the one way by which every ttnn op is called, sees arguments, dtypes,
memory and program configs; ttnn's graph capture, on at the same time, says how many programs each call launched. So a
reshape that only renames its input's buffer is no program, and one that copies is as many as it takes.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from ttnn.decorators import FastOperation

import ttnn
from models.demos.wormhole.bge_large_en.runner import kernel_work as work
from models.demos.wormhole.bge_large_en.runner.kernel_work import TILE_BYTES, Work, add, gelu_of, name_of, softmax_of
from models.demos.wormhole.bge_large_en.tests.perf import bound
from models.demos.wormhole.bge_large_en.tt.dims import TILE

MATMUL, ATTENTION, SOFTMAX, NORM = "matmul", "attention", "softmax", "layer-norm"
HEADS, EMBEDDING, MOVEMENT, ELTWISE = "heads", "embedding", "movement", "element-wise"
_HEADS = ("create_qkv_heads", "split_query_key_value", "split_qkv_heads", "concat_heads", "concatenate_heads")
_MOVEMENT = (
    "move reallocate reshard interleaved_to_sharded sharded_to_interleaved to_memory_config to_layout tilize untilize "
    "slice concat pad transpose permute reshape view clone copy fold repeat fill split gather"
).split()
HOST_COPY = "ttnn.copy_host_to_device_tensor"
# Keyword arguments that say how a program computes, and tensors of which only matters whether they are there.
_OPTIONS = ("program_config", "compute_kernel_config", "numeric_stable", "bias", "residual_input_tensor")


@dataclass(frozen=True)
class OpRecord:
    """One ttnn call and the `programs` it launched, which run on at most `cores` cores.

    shape: padded shape of the output, or M x K x N of a matmul. flops: of matrix products, 0 for other ops; fidelity
    and fp32 (accumulation) of their kernel. dram_bytes: of all DRAM tensors read and written; largest_dram_bytes: of
    the largest. l1_bytes_moved: written to L1 by pure data movement. work: what calibration.py prices.
    """

    name: str
    kind: str
    shape: str
    programs: int
    cores: int
    flops: int
    fidelity: str | None
    fp32: bool
    dram_bytes: int
    largest_dram_bytes: int
    l1_bytes_moved: int
    work: Work = field(compare=False)

    @property
    def ideal_ns(self) -> float:
        """Lower bound by the OpPerformanceModel rule."""
        return bound.ideal_ns(self.flops, self.fidelity, self.cores, self.largest_dram_bytes)


@dataclass
class Recording:
    """ops: in the order of the calls. host_copies: bytes of each tensor that was written from the host."""

    ops: list[OpRecord] = field(default_factory=list)
    host_copies: list[int] = field(default_factory=list)


@contextlib.contextmanager
def record_ops() -> Iterator[Recording]:
    """Records every ttnn call of its block; the Recording is complete when the block ends.

    RuntimeError if the captured graph and the calls seen disagree, for then a launch would be counted wrongly.
    """
    recording, calls, depth = Recording(), [], 0
    original = FastOperation.__call__

    def hooked(op, *args, **kwargs):
        nonlocal depth
        depth += 1
        try:
            result = original(op, *args, **kwargs)
        finally:
            depth -= 1
        if depth == 0:  # an op made of other ops counts once, with all their programs
            # No tensor is kept: one more reference would keep its buffer, and L1 would fill.
            options = {key: kwargs.get(key) for key in _OPTIONS[:3]}
            options |= {key: True if kwargs.get(key) is not None else None for key in _OPTIONS[3:]}
            calls.append((op.python_fully_qualified_name, options, _facts((args, kwargs)), _facts(result)))
        return result

    FastOperation.__call__ = hooked
    try:
        ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
        try:
            yield recording
        finally:
            graph = ttnn.graph.end_graph_capture()
    finally:
        FastOperation.__call__ = original
    _pair(recording, calls, _launches(graph))


def kind_of(name: str) -> str:
    """The kind of the ttnn op called `name` ("ttnn.…"), one of the constants above."""
    short = name.rsplit(".", 1)[-1]
    if short in ("linear", "matmul"):
        return MATMUL
    if "scaled_dot_product_attention" in short:
        return ATTENTION
    if "softmax" in short:
        return SOFTMAX
    if short.endswith("_norm"):
        return NORM
    if any(part in short for part in _HEADS):
        return HEADS
    if short == "embedding":
        return EMBEDDING
    return MOVEMENT if any(short == part or short.startswith(part + "_") for part in _MOVEMENT) else ELTWISE


@dataclass(frozen=True)
class _Tensor:
    """What outlives a ttnn tensor: padded shape, dtype's name, whether on a device, in DRAM, and the shard's tiles."""

    shape: tuple[int, ...]
    dtype: str
    on_device: bool
    dram: bool
    shard_tiles: float | None

    @property
    def tiles(self) -> float:
        return math.prod(self.shape) / TILE**2

    @property
    def bytes(self) -> int:
        return round(self.tiles * TILE_BYTES[self.dtype])

    def tiles_on_core(self, cores: int) -> float:
        return self.shard_tiles or self.tiles / cores


def _facts(tree) -> list[_Tensor]:
    """The ttnn tensors in nested lists, tuples and dicts."""
    if isinstance(tree, ttnn.Tensor):
        on_device = tree.storage_type() == ttnn.StorageType.DEVICE
        shard, dram = None, False
        if on_device:
            config = tree.memory_config()
            dram = config.buffer_type == ttnn.BufferType.DRAM
            shard = math.prod(config.shard_spec.shape) / TILE**2 if config.shard_spec else None
        return [_Tensor(tuple(tree.padded_shape), name_of(tree.dtype), on_device, dram, shard)]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return []
    return [tensor for item in tree for tensor in _facts(item)]


def _launches(graph: list[dict]) -> list[tuple[str, int, int]]:
    """(name, programs, cores of the largest) of every outermost call in a captured graph."""
    found: list[tuple[str, int, int]] = []
    open_calls: list[str] = []
    for node in graph:
        kind, params = node["node_type"], node["params"]
        if kind == "function_start":
            open_calls.append(params["name"])
            if len(open_calls) == 1:
                found.append((params["name"], 0, 0))
        elif kind == "function_end" and open_calls:
            open_calls.pop()
        elif kind == "program_execution":
            cores = sum(_cores(box) for box in json.loads(params["worker_core_ranges"]))
            if not open_calls:  # a program that no call owns still runs
                found.append(("program", 0, 0))
            name, programs, most = found[-1]
            found[-1] = name, programs + 1, max(most, cores)
    return found


def _cores(box: dict) -> int:
    start, end = box["start"], box["end"]
    return (end["x"] - start["x"] + 1) * (end["y"] - start["y"] + 1)


def _pair(recording: Recording, calls: list, launches: list[tuple[str, int, int]]) -> None:
    calls = iter(calls)
    for name, programs, cores in launches:
        if not name.startswith("ttnn."):
            if programs:  # a tensor's method: not seen by the hook, but its programs run
                moving = OpRecord(name, MOVEMENT, "", programs, cores, 0, None, False, 0, 0, 0, work.moved(0))
                recording.ops.append(moving)
            continue
        called, options, ins, outs = next(calls, (None, {}, [], []))
        while called is not None and called != name:  # a call that the graph leaves out launches nothing
            _note_copy(recording, called, ins)
            called, options, ins, outs = next(calls, (None, {}, [], []))
        if called is None:
            raise RuntimeError(f"the captured graph has {name}, which no ttnn call that was seen explains")
        _note_copy(recording, called, ins)
        if programs:
            recording.ops.append(_record(name, options, ins, outs, programs, cores))
    for called, _, ins, _ in calls:
        _note_copy(recording, called, ins)


def _note_copy(recording: Recording, name: str, ins: list[_Tensor]) -> None:
    if name == HOST_COPY:
        recording.host_copies.append(ins[0].bytes)


def _record(name: str, options: dict, ins: list[_Tensor], outs: list[_Tensor], programs: int, cores: int) -> OpRecord:
    kind, out = kind_of(name), outs[0]
    dram = [tensor.bytes for tensor in ins + outs if tensor.dram]
    if kind == EMBEDDING:  # a look-up reads the rows it wants, not the table
        dram = [min(size, out.bytes) for size in dram]
    in_l1 = [tensor.bytes for tensor in outs if tensor.on_device and not tensor.dram]
    grid = getattr(options["program_config"], "compute_with_storage_grid_size", None)
    if grid is not None:
        cores = grid.x * grid.y
    flops, fidelity, fp32, shape = 0, None, False, "x".join(map(str, out.shape))
    if kind == MATMUL:
        rows, k, n = math.prod(out.shape[:-1]), ins[0].shape[-1], out.shape[-1]
        flops, shape = bound.matmul_flops(rows, n, k), f"{rows}x{k}x{n}"
        fidelity, fp32 = _arithmetic(options, ins)
    elif kind == ATTENTION:
        batch, heads, s, d = ins[0].shape
        flops, (fidelity, fp32) = 4 * batch * heads * s * ins[1].shape[-2] * d, _arithmetic(options, ins)
    amounts = _WORK.get(kind, _eltwise_work)(options, ins, outs, cores)
    amounts = add(amounts, {"programs": programs - 1, "gaps": programs - 1})
    moved_bytes = sum(in_l1) if kind == MOVEMENT else 0
    traffic = sum(dram), max(dram, default=0), moved_bytes
    return OpRecord(name, kind, shape, programs, cores, flops, fidelity, fp32, *traffic, amounts)


def _arithmetic(options: dict, ins: list[_Tensor]) -> tuple[str, bool]:
    """Math fidelity, and whether in fp32, of a matmul; without a kernel config, what ttnn's matmul then takes."""
    kernel = options["compute_kernel_config"]
    if kernel is not None:
        return name_of(kernel.math_fidelity), kernel.fp32_dest_acc_en
    narrow = all(tensor.dtype in ("bfloat8_b", "bfloat4_b") for tensor in ins[:2])
    return ("LoFi" if options["program_config"] is not None or narrow else "HiFi2"), False


def _matmul_work(options: dict, ins, outs, cores: int) -> Work:
    program, kernel, (fidelity, fp32) = (
        options["program_config"],
        options["compute_kernel_config"],
        _arithmetic(options, ins),
    )
    k = math.ceil(ins[0].shape[-1] / TILE)
    common = {
        "in0": ins[0].dtype,
        "in1": ins[1].dtype,
        "fp32": fp32,
        "bias": options["bias"] is not None,
        "l1_acc": kernel.packer_l1_acc if kernel is not None else not fp32,
    }
    if program is None or not hasattr(program, "per_core_M"):
        # ttnn chooses the blocking: take the output spread evenly, one tile wide.
        return work.matmul(math.ceil(outs[0].tiles / cores), 1, k, fidelity, k_block=1, subblock=(1, 1), **common)
    return work.matmul(
        program.per_core_M,
        program.per_core_N,
        k,
        fidelity,
        k_block=program.in0_block_w,
        subblock=(program.out_subblock_h, program.out_subblock_w),
        multicast=hasattr(program, "transpose_mcast"),
        gelu=gelu_of(getattr(program, "fused_activation", None)),
        parts=program.per_core_M / getattr(program, "out_block_h", program.per_core_M),
        **common,
    )


def _softmax_work(options: dict, ins, outs, cores: int) -> Work:
    out = outs[0]
    width = out.shape[-1] / TILE
    return work.softmax(
        out.tiles_on_core(cores) / width,
        width,
        dtype=out.dtype,
        **softmax_of(options["compute_kernel_config"]),
        masked=len(ins) > 1,
        stable=bool(options["numeric_stable"]),
    )


def _norm_work(options: dict, ins, outs, cores: int) -> Work:
    kernel, residual = options["compute_kernel_config"], options["residual_input_tensor"] is not None
    fp32 = kernel is not None and kernel.fp32_dest_acc_en
    return work.norm(outs[0].tiles_on_core(cores), dtype=ins[0].dtype, fp32=fp32, residual=residual)


def _heads_work(_options, ins, outs, cores: int) -> Work:
    tiles = sum(tensor.tiles_on_core(cores) for tensor in outs)
    sharded = all(tensor.shard_tiles is not None for tensor in (ins[0], *outs))
    return work.heads(tiles, outs[0].dtype) if sharded else work.interleaved(tiles)


def _moved_work(_options, ins, outs, cores: int) -> Work:
    """Shard to shard in runs of tiles; to or from an interleaved tensor, and rows of embeddings, one by one."""
    sharded = all(tensor.shard_tiles is not None for tensor in (ins[0], outs[0]))
    tiles = outs[0].tiles_on_core(cores)
    return work.moved(tiles, outs[0].dtype) if sharded else work.interleaved(tiles)


def _eltwise_work(_options, ins, outs, cores: int) -> Work:
    return work.eltwise(outs[0].tiles_on_core(cores), outs[0].dtype, operands=min(2, max(1, len(ins))))


def _attention_work(options: dict, ins, _outs, cores: int) -> Work:
    batch, heads, s, d = ins[0].shape
    keys, (fidelity, fp32) = ins[1].shape[-2] // TILE, _arithmetic(options, ins)
    return work.attention(batch * heads * s / TILE / cores, keys, d // TILE, fidelity, fp32, ins[0].dtype)


_WORK = {
    MATMUL: _matmul_work,
    ATTENTION: _attention_work,
    SOFTMAX: _softmax_work,
    NORM: _norm_work,
    HEADS: _heads_work,
    MOVEMENT: _moved_work,
    EMBEDDING: _moved_work,
}
