# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The least time a program can take by tt-metal's OpPerformanceModel rule, and the roofline. Lower bounds, both.

The rule (ttnn/api/ttnn/operation.hpp, and create_op_performance_model_for_matmul in matmul_device_operation.cpp): a
matmul takes at least 2MNK x fidelity / (cores x 4096) cycles at 1 GHz; any program at least as long as its largest DRAM
tensor takes at the DRAM's peak. It knows no vector unit, no network on chip, no packing and no launch, so no silicon
reaches it. tt-metal divides by the whole grid; here, by the cores the program runs on, which is tighter.
"""

from models.demos.wormhole.bge_large_en.tt.dims import BertDims

CLOCK_GHZ = 1.0
FLOPS_PER_CYCLE = 4096  # of one core's matrix engine at LoFi: 8x16 times 16x16, multiply and add
DRAM_BYTES_PER_NS = 258.0  # 6 channels x 2 banks x 21.5 GB/s
CORES = 64
FIDELITY_FACTOR = {"LoFi": 1, "HiFi2": 2, "HiFi3": 3, "HiFi4": 4}


def matmul_flops(m: int, n: int, k: int, batch: int = 1) -> int:
    """FLOPs of `batch` products of (m, k) and (k, n)."""
    return 2 * batch * m * n * k


def ideal_ns(flops: int, fidelity: str | None, cores: int, largest_dram_bytes: int) -> float:
    """Nanoseconds that a program takes at least. fidelity: None for a program without matrix products."""
    cycles = flops * FIDELITY_FACTOR[fidelity] / (cores * FLOPS_PER_CYCLE) if fidelity else 0.0
    return max(cycles / CLOCK_GHZ, largest_dram_bytes / DRAM_BYTES_PER_NS)


def sentence_flops(dims: BertDims, sequence: int) -> int:
    """FLOPs of all matmuls of one sentence of `sequence` tokens, nothing pruned."""
    hidden, ffn = dims.hidden_size, dims.intermediate_size
    linear = matmul_flops(sequence, 4 * hidden, hidden) + 2 * matmul_flops(sequence, ffn, hidden)
    attention = 2 * matmul_flops(sequence, sequence, hidden)
    return dims.num_hidden_layers * (linear + attention)


def roofline(dims: BertDims, sequence: int) -> float:
    """Sentences per second if all matmuls ran at LoFi's peak on every core, and nothing else took time."""
    return CORES * FLOPS_PER_CYCLE * CLOCK_GHZ * 1e9 / sentence_flops(dims, sequence)
