# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

from models.demos.wormhole.bge_large_en.tt.dims import BertDims

# hidden size, heads, intermediate size, layers of BGE-large, -base and -small, and all-MiniLM-L6
MODELS = {
    "large": (1024, 16, 4096, 24),
    "base": (768, 12, 3072, 12),
    "small": (384, 12, 1536, 12),
    "minilm": (384, 12, 1536, 6),
}


def model_dims(model: str, layers: int | None = None) -> BertDims:
    """Dims of one of MODELS with 512 positions, as many layers as asked for."""
    hidden, heads, ffn, depth = MODELS[model]
    return BertDims(hidden, heads, ffn, depth if layers is None else layers, 30522, 512, 2, 1e-12)
