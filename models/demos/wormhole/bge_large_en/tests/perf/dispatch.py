# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Host time to dispatch one warm forward of BGE-large op by op, beside a chain of as many programs as the baseline has.

    python -m models.demos.wormhole.bge_large_en.tests.perf.dispatch --seq 384

The chain makes the baseline's 509 programs (baseline.py) of ops of the same kinds at the same shapes, in the same
process, so the ratio of the two hardly depends on the machine. On the emulated Wormhole nothing executes: the times are
those of Python and of ttnn's host code, and say nothing of a card's.
"""

import argparse
import time
from collections.abc import Callable

from models.emulated_wormhole import activate, dispatch_only

LAYERS = 24
HEADS, HIDDEN, FFN, BATCH = 16, 1024, 4096, 8
AROUND = (11, 18)  # compute and data movement programs of the baseline outside its layers


class BaselineChain:
    """A chain of 227 compute, 48 heads and 234 data movement programs on 8x8 cores at batch 8, run by calling it.

    Always at 384 tokens: with 512 two copies of the scores don't fit L1, and the host's time does not depend on it.
    """

    def __init__(self, device, sequence: int = 384):
        import ttnn

        self.sequence, self.device, s = sequence, device, sequence // 32

        def block(width: int):
            return ttnn.create_sharded_memory_config(
                (sequence, width // 8),
                core_grid=ttnn.CoreGrid(x=8, y=BATCH),
                strategy=ttnn.ShardStrategy.BLOCK,
                orientation=ttnn.ShardOrientation.ROW_MAJOR,
                use_height_and_width_as_shard_shape=True,
            )

        def matmul(n: int, k_block: int, width: int, activation=None):
            return ttnn.MatmulMultiCoreReuseMultiCastProgramConfig(
                compute_with_storage_grid_size=(8, BATCH),
                in0_block_w=k_block,
                out_subblock_h=1,
                out_subblock_w=width,
                per_core_M=s,
                per_core_N=n,
                transpose_mcast=False,
                fused_activation=activation,
            )

        def reuse(k_block: int, n: int, width: int):
            return ttnn.MatmulMultiCoreReuseProgramConfig(
                compute_with_storage_grid_size=(8, BATCH),
                in0_block_w=k_block,
                out_subblock_h=1,
                out_subblock_w=width,
                per_core_M=2 * s,
                per_core_N=n,
            )

        def weights(rows: int, columns: int, dtype=ttnn.bfloat8_b):
            return self._zeros((1, 1, rows, columns), dtype, ttnn.TILE_LAYOUT, ttnn.DRAM_MEMORY_CONFIG)

        gelu = ttnn.UnaryWithParam(ttnn.UnaryOpType.GELU, True)
        self.hidden, self.heads = block(HIDDEN), ttnn.L1_HEIGHT_SHARDED_MEMORY_CONFIG
        self.linears = {
            "qkv": (weights(HIDDEN, 3 * HIDDEN), weights(1, 3 * HIDDEN), matmul(12, 2, 6), block(3 * HIDDEN)),
            "out": (weights(HIDDEN, HIDDEN), weights(1, HIDDEN), matmul(4, 2, 4), self.hidden),
            "ff1": (weights(HIDDEN, FFN), weights(1, FFN), matmul(16, 2, 8, gelu), block(FFN)),
            "ff2": (weights(FFN, HIDDEN), weights(1, HIDDEN), matmul(4, 2, 4), self.hidden),
        }
        self.scores, self.context = reuse(2, s, s // 2), reuse(s, 2, 2)
        self.softmax = ttnn.SoftmaxShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=(8, BATCH), subblock_w=s // 2, block_h=2 * s, block_w=s
        )
        self.norm = ttnn.LayerNormShardedMultiCoreProgramConfig(
            compute_with_storage_grid_size=(8, BATCH), subblock_w=4, block_h=s, block_w=4, inplace=True
        )
        rows, dram = ttnn.ROW_MAJOR_LAYOUT, ttnn.DRAM_MEMORY_CONFIG
        self.gamma = self._zeros((1, 1, HIDDEN // 32, 32), ttnn.bfloat16, rows, dram)
        self.mask = self._zeros((BATCH, 1, s, 32), ttnn.bfloat16, rows, dram)
        self.ids = self._zeros((BATCH, sequence), ttnn.uint32, rows, dram)
        self.table = self._zeros((512, HIDDEN), ttnn.bfloat16, rows, dram)
        self.small = self._zeros((1, 1, 32, HIDDEN), ttnn.bfloat16, ttnn.TILE_LAYOUT, ttnn.L1_MEMORY_CONFIG)

    def _zeros(self, shape, dtype, layout, memory_config):
        import ttnn

        spec = ttnn.TensorSpec(ttnn.Shape(list(shape)), dtype, layout, memory_config.buffer_type)
        return ttnn.allocate_tensor_on_device(spec, self.device)

    def __call__(self) -> None:
        import ttnn

        compute, movement = AROUND
        rows = ttnn.embedding(self.ids, self.table, layout=ttnn.TILE_LAYOUT, memory_config=ttnn.L1_MEMORY_CONFIG)
        x = ttnn.interleaved_to_sharded(ttnn.reshape(rows, (BATCH, 1, self.sequence, HIDDEN)), self.hidden)
        ttnn.deallocate(rows)
        for _ in range(LAYERS):
            x = self._layer(x)
        ttnn.deallocate(x)
        small = self.small
        for _ in range(compute - 1):
            small = ttnn.add(small, self.small)
        for _ in range(movement - 1):
            small = ttnn.clone(small)
        ttnn.synchronize_device(self.device)

    def _layer(self, x):
        import ttnn

        qkv = _copy(self._linear("qkv", x))
        q, k, v = ttnn.experimental.create_qkv_heads(
            qkv, num_heads=HEADS, num_kv_heads=HEADS, transpose_k_heads=True, memory_config=self.heads
        )
        ttnn.deallocate(qkv)
        v = _copy(v)
        scores = ttnn.matmul(q, k, program_config=self.scores, memory_config=self.heads, dtype=ttnn.bfloat8_b)
        ttnn.deallocate(q)
        ttnn.deallocate(k)
        scores = _copy(scores)
        scores = ttnn.scale_mask_softmax_in_place(scores, 0.125, self.mask, program_config=self.softmax)
        context = ttnn.matmul(scores, v, program_config=self.context, memory_config=self.heads, dtype=ttnn.bfloat8_b)
        ttnn.deallocate(scores)
        ttnn.deallocate(v)
        joined = ttnn.experimental.nlp_concat_heads(_copy(context), memory_config=self.hidden)
        joined = _copy(joined)
        out = self._linear("out", joined)
        ttnn.deallocate(joined)
        x = self._norm(_copy(out), ttnn.reshard(x, self.hidden))
        wide = _copy(self._linear("ff1", x))
        out = self._linear("ff2", wide)
        ttnn.deallocate(wide)
        return self._norm(_copy(out), x)

    def _linear(self, name: str, x):
        import ttnn

        weight, bias, program, memory = self.linears[name]
        options = {"program_config": program, "memory_config": memory, "dtype": ttnn.bfloat8_b}
        return ttnn.linear(x, weight, bias=bias, **options)

    def _norm(self, x, residual):
        import ttnn

        out = ttnn.layer_norm(
            x,
            epsilon=1e-12,
            weight=self.gamma,
            bias=self.gamma,
            residual_input_tensor=residual,
            memory_config=self.hidden,
            program_config=self.norm,
        )
        ttnn.deallocate(residual)
        return out


def _copy(x):
    """A copy in place of x. ttnn.move launches a program or none, as there is a hole to move to; this always one."""
    import ttnn

    copy = ttnn.clone(x)
    ttnn.deallocate(x)
    return copy


def encoder_forward(device, sequence: int, profile: str) -> Callable[[], None]:
    """A function that dispatches one forward and its pooling; inputs are written and results read elsewhere."""
    import ttnn
    from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
    from models.demos.wormhole.bge_large_en.tests.perf import forward
    from models.demos.wormhole.bge_large_en.tt.bert import BertModel
    from models.demos.wormhole.bge_large_en.tt.plan import plan_shape
    from models.demos.wormhole.bge_large_en.tt.pooling import POOLED_ROWS, POOLING
    from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

    dims = model_dims("large", LAYERS)
    precision = profile_precision(profile, dims)
    plan = plan_shape(dims, BATCH, sequence, (8, 8), precision, pooled_rows=POOLED_ROWS["cls"])
    with forward.unwritten_weights():
        model = BertModel(forward.zero_weights(dims), dims, device, precision, plan.attention)

    def zeros(shape: tuple[int, ...], dtype):
        spec = ttnn.TensorSpec(ttnn.Shape(list(shape)), dtype, ttnn.ROW_MAJOR_LAYOUT, ttnn.BufferType.DRAM)
        return ttnn.allocate_tensor_on_device(spec, device)

    ids, mask = zeros((BATCH, sequence), ttnn.uint32), zeros((BATCH, 1, sequence // 32, 32), ttnn.bfloat16)

    def dispatch() -> None:
        hidden = model(ids, ids, mask, plan)
        pooled = POOLING["cls"](hidden, mask, plan)
        ttnn.deallocate(hidden)
        ttnn.deallocate(pooled)
        ttnn.synchronize_device(device)

    return dispatch


def compare(device, sequence: int, profile: str, repeats: int = 9) -> dict:
    """Milliseconds of host time, the least of `repeats` warm runs of each, taken in turn: others may use the machine.

    Keys: forward, chain, ratio; forward_programs, chain_programs (compute, heads, movement) and cache_entries, of the
    program cache after the first step of the shape and after the last.
    """
    from models.demos.wormhole.bge_large_en.tests.perf import op_records

    dispatch_forward, chain = encoder_forward(device, sequence, profile), BaselineChain(device)
    runs = {"forward": dispatch_forward, "chain": chain}
    counts = {}
    for name, run in runs.items():
        run()
        entries = device.num_program_cache_entries()
        with op_records.record_ops() as recording:
            run()
        counts[f"{name}_programs"] = split(recording.ops)
        if name == "forward":
            counts["cache_entries"] = (entries, device.num_program_cache_entries())
    times: dict[str, list[float]] = {"forward": [], "chain": []}
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(_milliseconds(run))
    least = {name: min(taken) for name, taken in times.items()}
    return {**least, "ratio": least["forward"] / least["chain"], **counts}


def split(ops) -> tuple[int, int, int]:
    """Programs of `ops`: compute, heads, data movement."""
    from models.demos.wormhole.bge_large_en.tests.perf import op_records

    heads, movement = (
        sum(op.programs for op in ops if op.kind == kind) for kind in (op_records.HEADS, op_records.MOVEMENT)
    )
    return sum(op.programs for op in ops) - heads - movement, heads, movement


def _milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seq", type=int, default=384)
    parser.add_argument("--profile", default="performance")
    options = parser.parse_args()
    print(f"running on: {activate().describe()}")
    with dispatch_only():
        import ttnn

        device = ttnn.open_device(device_id=0)
        found = compare(device, options.seq, options.profile)
        ttnn.close_device(device)
    for name in ("forward", "chain"):
        print(f"{name}: {found[name]:.1f} ms of host time; compute, heads, movement {found[f'{name}_programs']}")
    print(f"ratio {found['ratio']:.2f}; program cache after the first and the last step: {found['cache_entries']}")


if __name__ == "__main__":
    main()
