# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a device program asks of its busiest core, as amounts of a few kinds of work; calibration.py gives each a price.

A Work is a dict from a name in UNITS to an amount. Amounts add, so a model's work is the sum of its programs'. Tiles
are 32x32; a tile product is one tile of A times one of B, 16 cycles at LoFi when nothing else is in the way.
"""

import math

Work = dict[str, float]

# What each amount counts, in the order of the tables. "core" is the busiest core of the program's grid.
UNITS = {
    "programs": "programs launched: start and end of a kernel on all cores",
    "gaps": "gaps between programs of a replayed trace; published kernel times leave them out, wall-clock ones do not",
    "lofi": "1,000 tile products per core at LoFi",
    "hifi2": "1,000 tile products per core at HiFi2",
    "hifi4": "1,000 tile products per core at HiFi4",
    "fp32": "1,000 tile products per core of matmuls that accumulate in fp32",
    "wide": "1,000 tile products per core at LoFi or HiFi2 with B in bf16, on top",
    "multicasts": "multicast matmuls, on top of being a program",
    "weights": "MB of B that a core receives in a multicast matmul",
    "packs": "1,000 output tiles per core, once per block of K",
    "gelu_fast": "1,000 tiles per core of fused GELU, approximated",
    "gelu_exact": "1,000 tiles per core of fused GELU, exact (erf)",
    "softmax": "1,000 tiles per core of softmax, bf8 scores",
    "softmax_wide": "1,000 tiles per core of softmax, on top, when the scores are bf16",
    "norm": "1,000 tiles per core of layer norm",
    "heads": "1,000 tiles per core written by splitting or joining heads",
    "moved": "MB per core written by pure data movement and embedding look-ups",
    "eltwise": "1,000 tiles per core of element-wise ops and reductions",
}

TILE = 32
TILE_BYTES = {"float32": 4096, "uint32": 4096, "int32": 4096, "bfloat16": 2048, "uint16": 2048, "uint8": 1024}
TILE_BYTES |= {"bfloat8_b": 1088, "bfloat4_b": 576}


def add(*works: Work) -> Work:
    """The sum of several."""
    return {unit: total for unit in UNITS if (total := sum(work.get(unit, 0.0) for work in works))}


def times(work: Work, count: float) -> Work:
    """`count` times the same."""
    return {unit: amount * count for unit, amount in work.items()}


def matmul(
    m: int,
    n: int,
    k: int,
    fidelity: str,
    *,
    k_block: int,
    in1: str = "bfloat8_b",
    fp32: bool = False,
    multicast: bool = True,
    gelu: str | None = None,
) -> Work:
    """A matmul whose busiest core makes an (m, n) block of output, in tiles, over k tiles, k_block at a time.

    in1: name of B's dtype; gelu: None, "fast" or "exact". HiFi3 counts half as HiFi2 and half as HiFi4, which it lies
    between. Subblocks don't count: their published effects disagree, from none to a fifth. ValueError for another
    fidelity.
    """
    products = m * n * k / 1e3
    shares = {"LoFi": {"lofi": 1}, "HiFi2": {"hifi2": 1}, "HiFi3": {"hifi2": 0.5, "hifi4": 0.5}, "HiFi4": {"hifi4": 1}}
    if fidelity not in shares:
        raise ValueError(f"fidelity is {fidelity!r}; choose from {', '.join(shares)}")
    work = {unit: products * share for unit, share in shares[fidelity].items()}
    work |= {"programs": 1, "gaps": 1, "packs": m * n * math.ceil(k / k_block) / 1e3}
    if fp32:
        work["fp32"] = products
    if in1 == "bfloat16" and fidelity in ("LoFi", "HiFi2"):
        work["wide"] = products
    if multicast:
        work |= {"multicasts": 1, "weights": k * n * TILE_BYTES[in1] / 1e6}
    if gelu:
        work[f"gelu_{gelu}"] = m * n / 1e3
    return work


def tiles(unit: str, per_core: float, wide: bool = False) -> Work:
    """A softmax, norm, heads or element-wise program over `per_core` tiles on its busiest core; wide: bf16 scores."""
    work = {"programs": 1, "gaps": 1, unit: per_core / 1e3}
    return work | {"softmax_wide": per_core / 1e3} if wide else work


def moved(per_core: float, dtype: str = "bfloat8_b") -> Work:
    """A data movement program that writes `per_core` tiles of `dtype` on its busiest core."""
    return {"programs": 1, "gaps": 1, "moved": per_core * TILE_BYTES[dtype] / 1e6}
