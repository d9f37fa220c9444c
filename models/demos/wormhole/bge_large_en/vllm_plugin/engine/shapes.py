# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Of the options, the shapes that a model is made for, and the room for their traces.

What these import loads ttnn's plans, so it is done where they are called.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vllm.config import ModelConfig

    from models.demos.wormhole.bge_large_en.runner.batch_plan import Buckets
    from models.demos.wormhole.bge_large_en.vllm_plugin.options import PoolingOptions


def buckets(options: "PoolingOptions", model_config: "ModelConfig", mesh_device: Any) -> "Buckets | None":
    """The shapes per chip, None for the model's own."""
    if options.packing != "dense":
        return None
    from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
    from models.demos.wormhole.bge_large_en.runner.runner import core_grid

    rows = min(options.max_device_batch, core_grid(mesh_device)[1])
    return default_buckets(model_config.max_model_len, rows, dense=True)


def trace_region_size(options: "PoolingOptions", model_config: "ModelConfig") -> int:
    """Bytes per chip. Under slow dispatch and on a mock nothing is traced, and the region stays empty."""
    if not options.traced:
        return 0
    if options.trace_region_size is not None:
        return options.trace_region_size
    from models.demos.wormhole.bge_large_en.runner.batch_plan import default_buckets
    from models.demos.wormhole.bge_large_en.runner.runner import MAX_GRID
    from models.demos.wormhole.bge_large_en.runner.tracing import trace_bytes
    from models.demos.wormhole.bge_large_en.tt.dims import BertDims

    dense = options.packing == "dense"
    shapes = default_buckets(model_config.max_model_len, options.max_device_batch, dense=dense).shapes
    return 2 * trace_bytes(BertDims.from_hf(model_config.hf_config), shapes, MAX_GRID)  # DRAM has plenty
