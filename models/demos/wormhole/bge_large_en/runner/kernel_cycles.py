# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Cycles that the kernels of ttnn 0.81.1 need at least on a Wormhole core, counted from their sources.

A pass over tiles runs on three threads at once, so it takes what the slowest of unpack, math and pack does. Sources:

- Unpack: 64 bytes of L1 a cycle, or 32 for each of two operands that both stream (tt-isa-documentation, WormholeB0,
  UNPACR_Regular.md, Performance); but no less than the 40 or so instructions by which the unpacking RISC-V hands a tile
  over: counters, a free context, two addresses, semaphores (tt_llk_wormhole_b0/llk_lib/llk_unpack_AB.h).
- Pack: 16 cycles a bf16 tile, 24 where the packer adds to L1 (tt-metal issue 51901, two laws fitted to its LLK tests).
- Products: 16 cycles a tile and phase of fidelity (tech_reports/GEMM_FLOPS). A subblock of h x w tiles reads one tile
  of B for every product, and one of A for w of them (llk_unpack_AB_matmul.h: the narrower side is kept).
- SFPU: instructions of 32 lanes, 32 times a tile (tt_metal/hw/ckernels/wormhole_b0/metal/llk_api/llk_sfpu).
- NoC: 28 bytes a cycle from one core to another or to itself (tech_reports/prog_examples data movement primitives,
  "Ideal Performance", Wormhole B0, one from one).
"""

TILE_BYTES = {"float32": 4096, "uint32": 4096, "int32": 4096, "bfloat16": 2048, "uint16": 2048, "uint8": 1024}
TILE_BYTES |= {"bfloat8_b": 1088, "bfloat4_b": 576}
UNPACK_BYTES, PACK_BYTES, NOC_BYTES = 64, 128, 28
HAND_OVER = 40
MAX_OF_ROW = 98  # cycles per tile of a maximum over rows: tt-metal PR 55053, measured on Blackhole, same instructions
PACK_TO_L1 = 24  # cycles of a bf16 tile that the packer adds to what L1 holds
PHASES = {"LoFi": 1, "HiFi2": 2, "HiFi3": 3, "HiFi4": 4}
ELTWISE = 8  # cycles of an FPU instruction per tile: 128 datums each

# Cycles per tile of every exponential that a softmax may run.
EXP = {
    "approx": 107,  # Schraudolph's, clamped: tt-llk PR 1190, 106.7 measured on Wormhole
    # exp_21f: 20 instructions where Blackhole has 16, which take 578 = 16 x 32 + 66 (tt-metal PR 54318)
    "exact": 20 * 32 + 66,
    "exact_fp32": 40 * 32,  # tt-metal PR 45642: 40 cycles per 32 lanes
}
# Of every GELU that a matmul can fuse. An fp32 constant is loaded by two instructions each time, as the 89 of "exact"
# say (45 instructions, 19 constants, waits).
GELU = {
    "fast": 223,  # six lines: tt-metal issue 52407, measured on Blackhole, whose instructions are the same
    "exact": 2849,  # the same issue; an exact less a fast one took 95.7 us for 36 tiles on Wormhole (JANUS)
    "tanh": 2014,  # the same issue
    "tanh_fast": 61 * 32,  # 37 instructions, 17 for constants, 7 waits for a multiply-add
}


def unpack(*dtypes: str) -> float:
    """Cycles to read a tile of each of one or two operands."""
    return max(HAND_OVER, max(TILE_BYTES[dtype] for dtype in dtypes) * len(dtypes) / UNPACK_BYTES)


def pack(dtype: str) -> float:
    return TILE_BYTES[dtype] / PACK_BYTES


def product(fidelity: str, in0: str, in1: str, subblock: tuple[int, int]) -> float:
    """Cycles of one tile product in an output subblock of (h, w) tiles."""
    streamed, kept = (in1, in0) if subblock[1] >= subblock[0] else (in0, in1)
    read = TILE_BYTES[streamed] + TILE_BYTES[kept] / max(subblock)
    return max(16 * PHASES[fidelity], read / UNPACK_BYTES)


def partial(fp32: bool) -> float:
    """Cycles to read a tile of partial sums back: to add the bias, or to go on where the packer does not add to L1."""
    return unpack("float32" if fp32 else "bfloat16")


def softmax(dtype: str, fp32: bool, masked: bool, stable: bool) -> float:
    """Cycles per tile of all passes but those of softmax_math() (softmax_sharded.cpp, and softmax.cpp interleaved).

    masked: two passes, of which one scales, by 1 if need be, and one adds the mask. stable: the maximum is subtracted
    as the exponential is taken; without it the exponential follows the mask in one pass.
    """
    inner = "float32" if fp32 else "bfloat16"
    read = unpack(inner)
    passes = 2 * read  # the sum, and times its reciprocal
    if masked:
        passes += max(unpack(dtype), pack(inner))
        passes += read if stable else ELTWISE
    if stable:
        passes += ELTWISE
    return passes


def softmax_math(exp: str, stable: bool) -> float:
    """Cycles per tile of the passes in which the math thread is the slowest: the exponential, and the maximum."""
    return EXP[exp] + (MAX_OF_ROW if stable else 0)


def norm(dtype: str, fp32: bool, residual: bool) -> float:
    """Cycles per tile of the sharded layer norm (layernorm_sharded.cpp).

    Mean, less the mean, its square (two operands), variance, times the root, times gamma, plus beta; before them the
    sum with the residual (two operands).
    """
    read = unpack("float32" if fp32 else "bfloat16")
    return 8 * read + (unpack(dtype, dtype) if residual else 0)


def moved(dtype: str) -> float:
    """Cycles to copy a tile by the NoC."""
    return TILE_BYTES[dtype] / NOC_BYTES
