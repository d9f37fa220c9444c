# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Published times of Wormhole silicon, each with its source and the work that took it: what calibration.py fits to.

Every path is one of github.com/tenstorrent/tt-metal. "kernel" times are the profiler's device kernel durations and know
no gaps between programs; "traced" ones are wall-clock of a replayed trace. Single ops come first. Chains of whole models
were read off their sources; what these leave open (ops around the layers) is filled in and noted.

Looked at and left out: BGE-M3's op tables of a Blackhole (another clock and grid); its Wormhole run of 8,192 tokens but
for the layer norm (its matmul is minimal_matmul, its attention an own op); the other rows of pull request 51145 (what
the compute config was is not said); pull request 27683 (98, 223, 96, 214 us for a softmax without and with exact exp,
and both with fp32: the shape is not said, but an exact exp costs its cycles in full); BGE-large's device perf test (400,
by its comment an expectation); models/demos/bert, roberta, squeezebert and distilbert (no sharded softmax or norm);
GEMM_FLOPS rows in bf4 or with DRAM activations.
"""

from dataclasses import dataclass

from models.demos.wormhole.bge_large_en.runner import kernel_cycles as cycles
from models.demos.wormhole.bge_large_en.runner.kernel_work import (
    Work,
    add,
    eltwise,
    heads,
    interleaved,
    matmul,
    moved,
    norm,
    softmax,
    times,
)

GEMM = "tech_reports/GEMM_FLOPS/GEMM_FLOPS.md, N150 Manually Tuned Configurations, trace"
JANUS = "models/experimental/janus_pro/perf_reports, N150, 48 cores"
# A review of branch wransom/matmul_helpers_opt_2 (its Part 3), whose place in the tree is not known; the tree's
# models/demos/wormhole/sentence_bert/tests/perf/test_sentence_bert_perf.py confirms 460, 546.5 and -21.4 %.
MATMUL_HELPERS = "MATMUL_HELPERS_OPT2_REVIEW.md, WH n150, commit 0a421bb6a56"
SOFTMAX = "pull request 51145, rows sbert_shard, head, bf8 in L1 and mask"
BGE_M3 = "models/demos/wormhole/bge_m3, Wormhole N300, 12 x 8192 tokens on two chips, kernel times"


@dataclass(frozen=True)
class Figure:
    """`us` microseconds measured for `work`. Figures of one `group` are left out together when the fit is judged.

    replaced: its authors found the configuration slow and replaced it; fitted and printed, but no part of the range.
    """

    group: str
    name: str
    us: float
    work: Work
    source: str
    replaced: bool = False


# M, K, N, blocks of K per core column, then microseconds at bf8 LoFi, bf8 HiFi2, bf16 HiFi2, bf16 HiFi4. 8x8 cores, A
# and the output block sharded in L1, B in DRAM, no bias, packer_l1_acc.
_GEMMS = (
    (512, 512, 512, 1, 10.738, 10.555, 14.124, 12.839),
    (512, 1024, 1024, 1, 22.264, 22.612, 29.659, 30.744),
    (512, 1024, 2048, 1, 34.318, 36.528, 52.040, 54.882),
    (1024, 1024, 1024, 1, 24.469, 28.477, 38.209, 48.366),
    (1024, 1024, 2048, 1, 40.321, 51.630, 67.246, 91.853),
    (1024, 2048, 2048, 1, 69.277, 95.155, 124.309, 174.067),
    (2048, 2048, 2048, 1, 124.495, 175.531, 224.152, 334.735),
    (2048, 2048, 3072, 1, 185.514, 264.626, 334.425, 504.348),
    (2048, 3072, 3072, 1, 269.632, 387.397, 504.587, 732.172),
    (3072, 3072, 3072, 2, 410.118, 582.459, 774.586, 1112.483),
    (3072, 3072, 4096, 2, 533.531, 772.932, None, None),
)


def _subblock(n: int, fp32: bool = False) -> tuple[int, int]:
    """(1, w): as wide as the destination allows, as the benchmark's own list of choices has it or better."""
    return 1, max(w for w in range(1, (4 if fp32 else 8) + 1) if n % w == 0)


def _gemms() -> list[Figure]:
    kinds = (("LoFi", "bfloat8_b"), ("HiFi2", "bfloat8_b"), ("HiFi2", "bfloat16"), ("HiFi4", "bfloat16"))
    figures = []
    for m, k, n, blocks, *measured in _GEMMS:
        for (fidelity, dtype), us in zip(kinds, measured):
            if us is not None:
                block = {"k_block": k // 256 // blocks, "subblock": _subblock(n // 256), "in0": dtype, "in1": dtype}
                work = matmul(m // 256, n // 256, k // 32, fidelity, **block)
                figures.append(Figure("gemm", f"{m}x{k}x{n} {fidelity} {dtype}", us, work, GEMM))
    return figures


def _softmaxes() -> list[Figure]:
    """ttnn's softmax with scale and mask on sharded bf8 scores, default compute config, so approximate exponentials.

    The table's block sizes, 6, 6 and 8, are those of sentence_bert's own sharded program on 6x8 cores.
    """
    measured = ((6, 66.66), (12, 186.54), (16, 308.21))
    return [
        Figure(
            "softmax",
            f"8x12x{32 * s}x{32 * s}",
            us,
            without_gaps(softmax(8 * 12 * s / 48, s)),
            SOFTMAX,
        )
        for s, us in measured
    ]


def _bge_m3() -> list[Figure]:
    """49 layer norms of 6 x 8192 tokens, hidden 1024, a chip: 768 tiles on each of 64 cores; HiFi2, fp32, from DRAM."""
    one = norm(768, dtype="bfloat16", residual=False, interleaved=True)
    return [Figure("bge_m3", "49 layer norms", 39_900.0, without_gaps(times(one, 49)), BGE_M3)]


def _janus() -> list[Figure]:
    """A vision tower of 24 layers, hidden 1024, 576 tokens: 18 tile rows, which 8x6 cores share 3 rows x 1/8 each.

    Blocks of K, where a stage does not give them, are taken to be a core's shard. A row may be the difference of two.
    """

    def mm(n: int, k: int, fidelity: str, k_block: int = 4, **options) -> Work:
        return matmul(3, n, k, fidelity, k_block=k_block, subblock=_subblock(n), bias=True, **options)

    def more(of: Work, than: Work) -> Work:
        return {unit: of[unit] - than.get(unit, 0) for unit in of if of[unit] != than.get(unit, 0)}

    def with_fp32(n: int, k: int, **options) -> Work:
        """fp32 sums less bf16 ones, at HiFi2."""
        return more(mm(n, k, "HiFi2", fp32=True, **options), mm(n, k, "HiFi2", **options))

    gelu = times(more(mm(16, 32, "LoFi", gelu="exact"), mm(16, 32, "LoFi", gelu="fast")), 36 / 48)  # 36 tiles a core
    rows = (
        ("qkv LoFi", 48.2, mm(12, 32, "LoFi"), "31"),
        ("wo LoFi", 17.9, mm(4, 32, "LoFi"), "31"),
        ("c_fc LoFi, fast GELU", 71.4, mm(16, 32, "LoFi", gelu="fast"), "31"),
        ("c_proj LoFi", 54.8, mm(4, 128, "LoFi", 16), "31"),
        ("qkv HiFi2", 56.2, mm(12, 32, "HiFi2"), "21"),
        ("wo HiFi2", 21.7, mm(4, 32, "HiFi2"), "21"),
        ("c_proj HiFi2", 65.5, mm(4, 128, "HiFi2", 16), "21"),
        ("aligner hidden HiFi2", 310.4, mm(16, 128, "HiFi2"), "CANDIDATES-2026-08-20, B1"),
        ("aligner hidden, fp32 less not", 328.3 - 310.4, with_fp32(16, 128), "CANDIDATES-2026-08-20, B1"),
        ("aligner fc1 HiFi2, exact GELU", 213.4, mm(16, 32, "HiFi2", gelu="exact"), "CANDIDATES-2026-08-20, B1"),
        ("c_fc, exact less fast GELU", 234.7 - 139.0, gelu, "03 and 04"),
        ("layer norm", 18.94, norm(12, residual=False), "31"),
        ("residual add", 2.91, eltwise(12), "31"),
        ("unshard qkv to L1", 9.61, interleaved(36), "31"),
        ("shard the embeddings", 7.60, interleaved(12), "28"),
        ("split heads to L1", 35.42, interleaved(96), "31; interleaved, 18 cores"),
        ("join heads", 13.36, interleaved(32), "31; interleaved, 18 cores"),
        ("gap between programs, trace", 1.3, {"gaps": 1}, "OPTIMIZED_OP_LIST; 1 to 2"),
    )
    kernel = [
        (name, us, {"gaps": 1} if work == {"gaps": 1} else without_gaps(work), stage) for name, us, work, stage in rows
    ]
    return [Figure("janus", name, us, work, f"{JANUS}, stage {stage}") for name, us, work, stage in kernel]


def _attention(s: int, scores: str = "bfloat8_b", context: str = "LoFi", **softmaxed) -> Work:
    """QK^T, masked softmax, PV of two heads per core at LoFi, `s` tile rows of tokens; softmaxed: of softmax()."""
    options = {"multicast": False, "subblock": (1, s // 2)}
    first = matmul(2 * s, s, 2, "LoFi", k_block=2, **options)
    second = matmul(2 * s, 2, s, context, k_block=s, in0=scores, **options | {"subblock": (4, 2)})
    return add(first, softmax(2 * s, s, dtype=scores, **softmaxed), second)


def _metal_bert() -> list[Figure]:
    """BERT-large, batch 8, 384 tokens, 8x8 cores, bf8 and LoFi throughout; embeddings and QA head are interleaved.

    Norms have a compute config without fp32_dest_acc_en, the softmax has none (bert_encoder.py, mha.py).
    """
    layer = add(
        matmul(12, 12, 32, "LoFi", k_block=4, subblock=(1, 6), bias=True),
        heads(144),
        _attention(12),
        heads(48),
        matmul(12, 4, 32, "LoFi", k_block=4, subblock=(2, 4), bias=True),
        matmul(12, 16, 32, "LoFi", k_block=4, subblock=(1, 8), bias=True, gelu="fast"),
        matmul(12, 4, 128, "LoFi", k_block=16, subblock=(2, 4), bias=True),
        times(norm(48, fp32=False), 2),
    )
    around = add(times(interleaved(48), 5), times(eltwise(48, "bfloat16"), 2), norm(48, fp32=False, interleaved=True))
    source = "models/demos/metal_BERT_large_11/tests/test_perf_device_bert.py: 371 samples/s, kernel"
    return [Figure("metal_BERT_large_11", "forward", 8e6 / 371, without_gaps(add(times(layer, 24), around)), source)]


def _sentence_bert() -> list[Figure]:
    """BERT-base, batch 8, 384 tokens, 6x8 cores (FF2: 2x8), before and after subblocks of FF2 and QKV went 1x6 to 4x2.

    Everything LoFi but FF1 (HiFi2); the softmax is the interleaved program, on 64 cores. Resharded residuals twice a
    layer; mean pooling on the device.
    """

    def products(subblock: tuple[int, int]) -> Work:
        layer = add(
            matmul(12, 12, 24, "LoFi", k_block=4, subblock=subblock, bias=True),
            matmul(24, 12, 2, "LoFi", k_block=2, multicast=False, subblock=(1, 6)),
            matmul(24, 2, 12, "LoFi", k_block=12, multicast=False, subblock=(4, 2)),
            matmul(12, 4, 24, "LoFi", k_block=4, subblock=(2, 4), bias=True),
            matmul(12, 16, 24, "HiFi2", k_block=4, subblock=(1, 8), bias=True, gelu="fast"),
            matmul(12, 12, 96, "LoFi", k_block=4, subblock=subblock, bias=True),
        )
        return times(layer, 12)

    softmaxed = softmax(18, 12)
    others = add(softmaxed, heads(144), heads(48), times(moved(48), 2), times(norm(48, fp32=False), 2))
    ends = add(times(interleaved(36), 7), times(eltwise(36, "bfloat16"), 8), norm(48, fp32=False))
    before, after, rest = products((1, 6)), products((4, 2)), add(times(others, 12), ends)
    # 460 and 546.5 samples/s of kernel time; 425 and 506 of wall-clock, traced.
    rows = (
        ("matmuls before", 13_386.0, without_gaps(before)),
        ("matmuls after", 10_515.0, without_gaps(after)),
        ("all but the matmuls", 8e6 / 546.5 - 10_515.0, without_gaps(rest)),
        ("forward before, traced", 18_810.0, add(before, rest)),
        ("forward after, traced", 15_830.0, add(after, rest)),
    )
    return [
        Figure("sentence_bert", name, us, work, MATMUL_HELPERS, replaced="before" in name) for name, us, work in rows
    ]


def _vit() -> list[Figure]:
    """ViT-base, batch 8, 224 tokens: 7 tile rows per sentence, 8x8 cores, attention 6x8; bf8, LoFi, scale by mul_."""
    layer = add(
        times(norm(21, fp32=False, residual=False), 2),
        matmul(7, 9, 24, "LoFi", k_block=3, subblock=(7, 1), bias=True),
        moved(84),
        heads(84),
        matmul(14, 7, 2, "LoFi", k_block=2, multicast=False, subblock=(1, 7)),
        eltwise(98, operands=1),
        softmax(14, 7, masked=False),
        matmul(14, 2, 7, "LoFi", k_block=7, multicast=False, subblock=(2, 2)),
        heads(28),
        moved(28),
        moved(21),
        matmul(7, 3, 24, "LoFi", k_block=3, subblock=(1, 3), bias=True),
        matmul(7, 12, 24, "LoFi", k_block=3, subblock=(1, 6), bias=True, gelu="fast"),
        matmul(7, 3, 96, "LoFi", k_block=12, subblock=(1, 3), bias=True),
        times(eltwise(21), 2),
    )
    patches = matmul(7, 4, 32, "LoFi", k_block=4, subblock=(1, 4), bias=True)
    head = matmul(7, 6, 24, "LoFi", k_block=2, subblock=(1, 6), bias=True)
    ends = add(patches, head, times(interleaved(24), 11), eltwise(24, "bfloat16"), norm(21, fp32=False))
    forward = add(times(layer, 12), ends)
    folder = "models/demos/wormhole/vit"
    return [
        Figure("vit", "forward", 8e6 / 1560, without_gaps(forward), f"{folder}/tests/test_vit_device_perf.py: 1560/s"),
        Figure("vit", "forward, traced", 8e6 / 1370, forward, f"{folder}/README.md: about 1370/s"),
    ]


def _bge(s: int, moved_mb: float, sentences: float) -> Figure:
    """tt-metal's own BGE-large, batch 8, `s` tile rows: 234 moves, bf16 scores, QKV and FF2 in fp32, traced.

    As its commit 7ef12a11 has it, whose fidelities and moves are those recorded behind baseline.py: blocks and
    subblocks half as wide at 512 tokens; QKV, FF1 and FF2 without packer_l1_acc, QKV and FF2 in fp32, norms too;
    attention_softmax_ drops its program config, so the softmax is the interleaved program.

    moved_mb: MB written to L1 by all 64 cores, counted as in baseline.py.
    """
    half = 1 if s <= 12 else 2
    narrow = {"subblock": (1, 4 // half), "bias": True, "fp32": True, "l1_acc": False}
    layer = add(
        matmul(s, 12, 32, "LoFi", k_block=4 // half, **narrow),
        heads(12 * s),
        _attention(s, "bfloat16", "HiFi2"),
        heads(4 * s, "bfloat16"),
        matmul(s, 4, 32, "HiFi2", k_block=4, subblock=(1, 4), in0="bfloat16", bias=True),
        matmul(s, 16, 32, "LoFi", k_block=4, subblock=(1, 8), bias=True, l1_acc=False, gelu="fast"),
        matmul(s, 4, 128, "LoFi", k_block=16 // half, **narrow),
        times(norm(4 * s), 2),
    )
    moves = {"programs": 234, "gaps": 234, "moved": moved_mb / 64 * 1e3 / cycles.NOC_BYTES}
    ends = add(times(eltwise(4 * s, "bfloat16"), 8), times(interleaved(4 * s), 3), norm(4 * s))
    work, source = add(times(layer, 24), moves, ends), "models/demos/wormhole/bge_large_en/README.md, trace and 2 CQs"
    return Figure("bge_large_en", f"forward, {32 * s} tokens, traced", 8e6 / sentences, work, source)


def without_gaps(work: Work) -> Work:
    """The same without the gaps between programs, as the profiler sums kernel times."""
    return {unit: amount for unit, amount in work.items() if unit != "gaps"}


OPS = (*_gemms(), *_softmaxes(), *_bge_m3(), *_janus())
FIGURES = (*OPS, *_metal_bert(), *_sentence_bert(), *_vit(), _bge(12, 1639, 230), _bge(16, 2588, 146))
# Groups that measured a whole encoder: what an estimate of one is judged by.
ENCODERS = ("metal_BERT_large_11", "sentence_bert", "vit", "bge_large_en")
