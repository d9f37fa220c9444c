# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Published times of Wormhole silicon, each with its source and the work that took it: what calibration.py fits to.

Every path is one of github.com/tenstorrent/tt-metal. "kernel" times are the profiler's device kernel durations and know
no gaps between programs; "traced" ones are wall-clock of a replayed trace. Chains of whole models were read off their
sources; what these leave open (blocking that ttnn chooses, ops around the layers) is filled in and noted.

Looked at and left out: BGE-M3's per-op tables (models/demos/wormhole/bge_m3: measured on Blackhole), BGE-large's device
perf test (400, by its comment an expectation), models/demos/bert, roberta, squeezebert and distilbert (interleaved ops
without a sharded softmax or layer norm), GEMM_FLOPS rows in bf4 or with DRAM activations.
"""

from dataclasses import dataclass

from models.demos.wormhole.bge_large_en.tests.perf.work import Work, add, matmul, moved, tiles, times

GEMM = "tech_reports/GEMM_FLOPS/GEMM_FLOPS.md, N150 Manually Tuned Configurations, trace"
JANUS = "models/experimental/janus_pro/perf_reports, N150, 48 cores"
# A review of branch wransom/matmul_helpers_opt_2 (its Part 3), whose place in the tree is not known; the tree's
# models/demos/wormhole/sentence_bert/tests/perf/test_sentence_bert_perf.py confirms 460, 546.5 and -21.4 %.
MATMUL_HELPERS = "MATMUL_HELPERS_OPT2_REVIEW.md, WH n150, commit 0a421bb6a56"


@dataclass(frozen=True)
class Figure:
    """`us` microseconds measured for `work`. Figures of one `group` are left out together when the fit is judged."""

    group: str
    name: str
    us: float
    work: Work
    source: str


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


def _gemms() -> list[Figure]:
    kinds = (("LoFi", "bfloat8_b"), ("HiFi2", "bfloat8_b"), ("HiFi2", "bfloat16"), ("HiFi4", "bfloat16"))
    figures = []
    for m, k, n, blocks, *measured in _GEMMS:
        for (fidelity, dtype), us in zip(kinds, measured):
            if us is not None:
                work = matmul(m // 256, n // 256, k // 32, fidelity, k_block=k // 256 // blocks, in1=dtype)
                figures.append(Figure("gemm", f"{m}x{k}x{n} {fidelity} {dtype}", us, work, GEMM))
    return figures


def _janus() -> list[Figure]:
    """A vision tower of 24 layers, hidden 1024, 576 tokens: 18 tile rows, which 8x6 cores share 3 rows x 1/8 each.

    Blocks of K, where a stage does not give them, are taken to be a core's shard. A row may be the difference of two.
    """

    def mm(n: int, k: int, fidelity: str, k_block: int = 4, **options) -> Work:
        return matmul(3, n, k, fidelity, k_block=k_block, **options)

    gelu = {"gelu_exact": 0.036, "gelu_fast": -0.036}  # 576x4096 outputs over 64 cores
    rows = (
        ("qkv LoFi", 48.2, mm(12, 32, "LoFi"), "31"),
        ("wo LoFi", 17.9, mm(4, 32, "LoFi"), "31"),
        ("c_fc LoFi, fast GELU", 71.4, mm(16, 32, "LoFi", gelu="fast"), "31"),
        ("c_proj LoFi", 54.8, mm(4, 128, "LoFi", 16), "31"),
        ("qkv HiFi2", 56.2, mm(12, 32, "HiFi2"), "21"),
        ("wo HiFi2", 21.7, mm(4, 32, "HiFi2"), "21"),
        ("c_proj HiFi2", 65.5, mm(4, 128, "HiFi2", 16), "21"),
        ("aligner hidden HiFi2", 310.4, mm(16, 128, "HiFi2"), "CANDIDATES-2026-08-20, B1"),
        ("aligner hidden, fp32 less not", 328.3 - 310.4, {"fp32": 6.144}, "CANDIDATES-2026-08-20, B1"),
        ("aligner fc1 HiFi2, exact GELU", 213.4, mm(16, 32, "HiFi2", gelu="exact"), "CANDIDATES-2026-08-20, B1"),
        ("aligner fc1, fp32 less not", 235.8 - 213.4, {"fp32": 1.536}, "CANDIDATES-2026-08-20, B1"),
        ("c_fc, exact less fast GELU", 234.7 - 139.0, gelu, "03 and 04"),
        ("layer norm", 18.94, tiles("norm", 12), "31"),
        ("residual add", 2.91, tiles("eltwise", 12), "31"),
        ("unshard qkv to L1", 9.61, moved(36), "31"),
        ("shard the embeddings", 7.60, moved(12, "bfloat16"), "28"),
        ("split heads to L1", 35.42, tiles("heads", 96), "31; interleaved, 18 cores"),
        ("join heads", 13.36, tiles("heads", 32), "31; interleaved, 18 cores"),
        ("gap between programs, trace", 1.3, {"gaps": 1}, "OPTIMIZED_OP_LIST; 1 to 2"),
    )
    return [Figure("janus", name, us, work, f"{JANUS}, stage {stage}") for name, us, work, stage in rows]


def _attention(s: int, wide: bool = False) -> Work:
    """QK^T, masked softmax, PV of two heads per core at LoFi, `s` tile rows of tokens."""
    scores = matmul(2 * s, s, 2, "LoFi", k_block=2, multicast=False)
    context = matmul(2 * s, 2, s, "HiFi2" if wide else "LoFi", k_block=s, multicast=False)
    return add(scores, tiles("softmax", 2 * s * s, wide), context)


def _metal_bert() -> list[Figure]:
    """BERT-large, batch 8, 384 tokens, 8x8 cores, bf8 and LoFi throughout; embeddings and QA head are interleaved."""
    layer = add(
        matmul(12, 12, 32, "LoFi", k_block=4),
        tiles("heads", 144),
        _attention(12),
        tiles("heads", 48),
        matmul(12, 4, 32, "LoFi", k_block=4),
        matmul(12, 16, 32, "LoFi", k_block=4, gelu="fast"),
        matmul(12, 4, 128, "LoFi", k_block=16),
        times(tiles("norm", 48), 2),
    )
    around = add(times(moved(48, "bfloat16"), 5), times(tiles("eltwise", 48), 2), tiles("norm", 48))
    source = "models/demos/metal_BERT_large_11/tests/test_perf_device_bert.py: 371 samples/s, kernel"
    return [Figure("metal_BERT_large_11", "forward", 8e6 / 371, without_gaps(add(times(layer, 24), around)), source)]


def _sentence_bert() -> list[Figure]:
    """BERT-base, batch 8, 384 tokens, 6x8 cores (FF2: 2x8), before and after subblocks of FF2 and QKV went 1x6 to 4x2.

    Everything LoFi but FF1 (HiFi2). Resharded residuals twice a layer; mean pooling on the device. The work knows no
    subblocks, so the two states differ by residuals only: the same 1x6 costs other encoders nothing that shows.
    """

    matmuls = add(
        matmul(12, 12, 24, "LoFi", k_block=4),
        matmul(24, 12, 2, "LoFi", k_block=2, multicast=False),
        matmul(24, 2, 12, "LoFi", k_block=12, multicast=False),
        matmul(12, 4, 24, "LoFi", k_block=4),
        matmul(12, 16, 24, "HiFi2", k_block=4, gelu="fast"),
        matmul(12, 12, 96, "LoFi", k_block=4),
    )
    others = add(
        tiles("softmax", 288), tiles("heads", 144), tiles("heads", 48), times(moved(48), 2), times(tiles("norm", 48), 2)
    )
    ends = add(times(moved(36, "bfloat16"), 7), times(tiles("eltwise", 36), 8), tiles("norm", 48))
    products, rest = times(matmuls, 12), add(times(others, 12), ends)
    # 460 and 546.5 samples/s of kernel time; 425 and 506 of wall-clock, traced.
    rows = (
        ("matmuls before", 13_386.0, without_gaps(products)),
        ("matmuls after", 10_515.0, without_gaps(products)),
        ("all but the matmuls", 8e6 / 546.5 - 10_515.0, without_gaps(rest)),
        ("forward before, traced", 18_810.0, add(products, rest)),
        ("forward after, traced", 15_830.0, add(products, rest)),
    )
    return [Figure("sentence_bert", name, us, work, MATMUL_HELPERS) for name, us, work in rows]


def _vit() -> list[Figure]:
    """ViT-base, batch 8, 224 tokens: 7 tile rows per sentence, 8x8 cores, attention 6x8; bf8, LoFi, scale by mul_."""
    layer = add(
        times(tiles("norm", 21), 2),
        matmul(7, 9, 24, "LoFi", k_block=3),
        moved(84),
        tiles("heads", 84),
        matmul(14, 7, 2, "LoFi", k_block=2, multicast=False),
        tiles("eltwise", 98),
        tiles("softmax", 98),
        matmul(14, 2, 7, "LoFi", k_block=7, multicast=False),
        tiles("heads", 28),
        moved(28),
        moved(21),
        matmul(7, 3, 24, "LoFi", k_block=3),
        matmul(7, 12, 24, "LoFi", k_block=3, gelu="fast"),
        matmul(7, 3, 96, "LoFi", k_block=12),
        times(tiles("eltwise", 21), 2),
    )
    patches = matmul(7, 4, 32, "LoFi", k_block=4)
    head = matmul(7, 6, 24, "LoFi", k_block=2)
    ends = add(patches, head, times(moved(24, "bfloat16"), 11), tiles("eltwise", 24), tiles("norm", 21))
    forward = add(times(layer, 12), ends)
    folder = "models/demos/wormhole/vit"
    return [
        Figure("vit", "forward", 8e6 / 1560, without_gaps(forward), f"{folder}/tests/test_vit_device_perf.py: 1560/s"),
        Figure("vit", "forward, traced", 8e6 / 1370, forward, f"{folder}/README.md: about 1370/s"),
    ]


def _bge(s: int, moved_mb: float, sentences: float) -> Figure:
    """tt-metal's own BGE-large, batch 8, `s` tile rows: 234 moves, bf16 scores, QKV and FF2 in fp32, traced.

    Its layers' sources were not at hand: blocking is from its ttnn/common.py, fp32 from the comments there, fidelities
    and bf16 scores from the recording behind baseline.py.

    moved_mb: MB written to L1 by all 64 cores, counted as in baseline.py.
    """
    layer = add(
        matmul(s, 12, 32, "LoFi", k_block=4, fp32=True),
        tiles("heads", 12 * s),
        _attention(s, wide=True),
        tiles("heads", 4 * s),
        matmul(s, 4, 32, "HiFi2", k_block=4),
        matmul(s, 16, 32, "LoFi", k_block=4, gelu="fast"),
        matmul(s, 4, 128, "LoFi", k_block=16, fp32=True),
        times(tiles("norm", 4 * s), 2),
    )
    moves = {"programs": 234, "gaps": 234, "moved": moved_mb / 64}
    ends = add(times(tiles("eltwise", 4 * s), 8), times(moved(4 * s, "bfloat16"), 3), tiles("norm", 4 * s))
    work, source = add(times(layer, 24), moves, ends), "models/demos/wormhole/bge_large_en/README.md, trace and 2 CQs"
    return Figure("bge_large_en", f"forward, {32 * s} tokens, traced", 8e6 / sentences, work, source)


def without_gaps(work: Work) -> Work:
    """The same without the gaps between programs, as the profiler sums kernel times."""
    return {unit: amount for unit, amount in work.items() if unit != "gaps"}


FIGURES = (*_gemms(), *_janus(), *_metal_bert(), *_sentence_bert(), *_vit(), _bge(12, 1639, 230), _bge(16, 2588, 146))
# Groups that measured a whole encoder: what an estimate of one is judged by.
ENCODERS = ("metal_BERT_large_11", "sentence_bert", "vit", "bge_large_en")
