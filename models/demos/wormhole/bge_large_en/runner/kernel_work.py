# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a device program asks of its busiest core, as amounts of a few kinds of work that have a price each.

A Work is a dict from a name in UNITS to an amount. Amounts add, so a model's work is the sum of its programs'. Most
units are cycles counted from the kernel's own source (kernel_cycles.py), so a variant of a kernel (exponential, GELU, format
of the destination, with or without mask) has its own amount, and a price says only how many cycles one counted cycle
really takes: at least 1, and not more than MOST. The others say in a word what nobody can count from a source.
"""

import math
from typing import Any, NamedTuple

import ttnn
from models.demos.wormhole.bge_large_en.runner import kernel_cycles as cycles

Work = dict[str, float]
MOST = 3.0  # cycles that a counted one may take
TILE_BYTES = cycles.TILE_BYTES


class Unit(NamedTuple):
    """One unit: what it counts, and the least and the most microseconds that one may cost."""

    counts: str
    low: float
    high: float


def _counted(what: str) -> Unit:
    return Unit(f"1,000 counted cycles of {what}", 1.0, MOST)


UNITS = {
    "lofi": _counted("tile products at LoFi"),
    "hifi2": _counted("tile products at HiFi2"),
    "wide": _counted("tile products at LoFi or HiFi2 with B in bf16, which reading B bounds"),
    "hifi4": _counted("tile products at HiFi4; HiFi3 counts half here, half at HiFi2"),
    "partials": _counted("reading partial sums back: once for a bias, and per block of K without packer_l1_acc"),
    "math": _counted("the math thread alone: exponentials, GELUs and maxima of rows"),
    "softmax": _counted("a softmax's other passes"),
    "norm": _counted("layer norm"),
    "heads": _counted("splitting and joining sharded heads"),
    "moved": _counted("copying shards, and rows of embeddings"),
    "eltwise": _counted("element-wise ops and reductions"),
    "programs": Unit("programs: firmware starts and stops a kernel on all cores", 0.0, 3.0),
    "gaps": Unit("gaps between programs of a replayed trace; published: 0.6 (BGE-M3) to 2 (Janus)", 0.6, 2.0),
    "multicasts": Unit("blocks of K that a row and a column of cores agree on, in multicast matmuls", 0.0, 3.0),
    "weights": Unit(
        "MB of B that a core receives: at most what DRAM takes for 8 columns, if nothing hides it", 0.0, 31.0
    ),
    "packs": Unit("1,000 output tiles, once per block of K: at most 3 x 24 cycles, if no product hides it", 0.0, 72.0),
    "fp32": Unit("1,000 tile products that add in fp32, on top: half the subblock, twice the hand-overs", 0.0, 16.0),
    "rows": Unit(
        "rows of tiles of a softmax: its pipeline drains between passes; a reciprocal is 416 cycles", 0.4, 4.0
    ),
    "exchanges": Unit("sharded layer norms: two sums over a row of cores, sent and received back", 0.0, 10.0),
    "interleaved": Unit("1,000 tiles read or written one by one over the NoC, each a round trip", 39.0, 500.0),
}
COUNTED = tuple(name for name, unit in UNITS.items() if unit.low == 1.0 and unit.high == MOST)


def name_of(enum) -> str:
    """bfloat8_b of DataType.BFLOAT8_B; LoFi of MathFidelity.LoFi."""
    name = str(enum).rsplit(".", 1)[-1]
    return name.lower() if name.isupper() else name


def gelu_of(activation) -> str | None:
    """The name in kernel_cycles.GELU of a fused activation. ValueError for another one, which has no count."""
    if activation is None:
        return None
    fast = bool(activation.params and activation.params[0])
    if activation.op_type == ttnn.UnaryOpType.GELU:
        return "fast" if fast else "exact"
    if activation.op_type == ttnn.UnaryOpType.GELU_TANH:
        return "tanh_fast" if fast else "tanh"
    raise ValueError(f"the fused activation {activation.op_type} has no counted cycles")


def softmax_of(kernel) -> dict:
    """exp and fp32 of softmax() by a compute kernel config, or by ttnn's default for one without."""
    approx, fp32 = (kernel.math_approx_mode, kernel.fp32_dest_acc_en) if kernel is not None else (True, False)
    return {"exp": "approx" if approx else "exact_fp32" if fp32 else "exact", "fp32": fp32}


def add(*works: Work) -> Work:
    """The sum of several."""
    return {unit: total for unit in UNITS if (total := sum(work.get(unit, 0.0) for work in works))}


def times(work: Work, count: float) -> Work:
    """`count` times the same."""
    return {unit: amount * count for unit, amount in work.items()}


def program(**amounts: float) -> Work:
    """One program with these amounts."""
    return {"programs": 1, "gaps": 1, **{unit: amount for unit, amount in amounts.items() if amount}}


def matmul(
    m: float,
    n: float,
    k: float,
    fidelity: str,
    *,
    k_block: float,
    subblock: tuple[int, int],
    in0: str = "bfloat8_b",
    in1: str = "bfloat8_b",
    fp32: bool = False,
    multicast: bool = True,
    bias: bool = False,
    l1_acc: bool = True,
    gelu: str | None = None,
    parts: float = 1,
) -> Work:
    """A matmul whose busiest core makes an (m, n) block of output, in tiles, over k tiles, k_block at a time.

    parts: of its rows, made one after another, each from all of B anew. in0, in1: names of dtypes; gelu: None or a name
    of cycles.GELU. ValueError for an unknown fidelity.
    """
    if fidelity not in cycles.PHASES:
        raise ValueError(f"fidelity is {fidelity!r}; choose from {', '.join(cycles.PHASES)}")
    products, blocks = m * n * k / 1e3, math.ceil(k / k_block)
    kcycles = products * cycles.product(fidelity, in0, in1, subblock)
    if fidelity == "HiFi3":
        work = {"hifi2": kcycles / 2, "hifi4": kcycles / 2}
    elif in1 == "bfloat16" and fidelity != "HiFi4":
        work = {"wide": kcycles}
    else:
        work = {fidelity.lower(): kcycles}
    reads = bias + (0 if l1_acc else blocks - 1)
    work |= {"packs": m * n * blocks / 1e3, "partials": m * n * reads * cycles.partial(fp32) / 1e3}
    if fp32:
        work["fp32"] = products
    if multicast:
        work |= {"multicasts": blocks * parts, "weights": parts * k * n * TILE_BYTES[in1] / 1e6}
    if gelu:
        work["math"] = m * n * cycles.GELU[gelu] / 1e3
    return program(**work)


def softmax(
    rows: float,
    width: float,
    *,
    dtype: str = "bfloat8_b",
    exp: str = "approx",
    fp32: bool = False,
    masked: bool = True,
    stable: bool = False,
) -> Work:
    """A softmax over `rows` rows of `width` tiles on its busiest core; exp: a name of cycles.EXP.

    Sharded or interleaved: of the latter a row of tiles is read while another is computed, and from DRAM it takes but
    2 to 4 % longer than from L1 (tt-metal pull request 51145).
    """
    count = rows * width / 1e3
    return program(
        softmax=count * cycles.softmax(dtype, fp32, masked, stable),
        math=count * cycles.softmax_math(exp, stable),
        rows=rows,
    )


def norm(tiles: float, *, dtype: str = "bfloat8_b", fp32: bool = True, residual=True, interleaved=False) -> Work:
    """A layer norm of `tiles` on its busiest core; interleaved: without an exchange between cores."""
    return program(norm=tiles * cycles.norm(dtype, fp32, residual) / 1e3, exchanges=0 if interleaved else 1)


def heads(tiles: float, dtype: str = "bfloat8_b") -> Work:
    """Sharded heads split or joined, `tiles` written by the busiest core."""
    return program(heads=tiles * cycles.moved(dtype) / 1e3)


def moved(tiles: float, dtype: str = "bfloat8_b") -> Work:
    """A copy of whole shards, `tiles` of `dtype` written by the busiest core."""
    return program(moved=tiles * cycles.moved(dtype) / 1e3)


def interleaved(tiles: float) -> Work:
    """A data movement program that goes to or from an interleaved tensor tile by tile."""
    return program(interleaved=tiles / 1e3)


def eltwise(tiles: float, dtype: str = "bfloat8_b", operands: int = 2) -> Work:
    """An element-wise program or a reduction over `tiles` on its busiest core."""
    return program(eltwise=tiles * cycles.unpack(*[dtype] * operands) / 1e3)


def attention(rows: float, keys: float, d: int, fidelity: str, fp32: bool, dtype: str) -> Work:
    """A fused attention of `rows` x `keys` score tiles on its busiest core, as its products and its softmax: a guess.

    No published figure of it is among those that the prices come from.
    """
    shared: dict[str, Any] = {"fp32": fp32, "multicast": False, "in0": dtype, "in1": dtype}
    scores = matmul(rows, keys, d, fidelity, k_block=d, subblock=(1, 4), **shared)
    context = matmul(rows, d, keys, fidelity, k_block=keys, subblock=(2, 2), **shared)
    exp = "exact_fp32" if fp32 else "exact"
    return add(scores, context, softmax(rows, keys, exp=exp, fp32=fp32, stable=True), {"programs": -2, "gaps": -2})
