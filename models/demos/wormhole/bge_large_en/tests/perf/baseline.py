# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What tt-metal's own BGE-large encoder costs, recorded once: the baseline that estimate.py compares with.

Source: tt-metal's models/demos/wormhole/bge_large_en (batch 8, 24 layers, mean pooling), dispatched op by op on an
emulated n150 with ttnn 0.81.1 and counted by the rules of op_records.py, but peak_l1_bytes by ttnn's own account.
silicon_sentences_per_second is that demo's README: one Wormhole chip, trace and two command queues, no tokeniser and
no new input per iteration. input_bytes was not recorded.
"""

# Sequence length -> values under the keys of estimate.py --json, and what only the baseline has.
BASELINE = {
    384: {
        "sentences_per_second": 951.0,
        "roofline_fraction": 951.0 / 1064.0,
        "programs_per_forward": 509,
        "compute_programs": 227,
        "head_programs": 48,
        "data_movement_programs": 234,
        "launches_per_layer": 20,
        "data_movement_launches_per_layer": 9,
        "l1_bytes_moved": 1_639_000_000,
        "dram_bytes": 348_000_000,
        "input_tensors": 5,
        "input_bytes": None,
        "peak_l1_bytes": 1_076_224,
        "silicon_sentences_per_second": 230.0,
    },
    512: {
        "sentences_per_second": 696.0,
        "roofline_fraction": 696.0 / 782.0,
        "programs_per_forward": 509,
        "compute_programs": 227,
        "head_programs": 48,
        "data_movement_programs": 234,
        "launches_per_layer": 20,
        "data_movement_launches_per_layer": 9,
        "l1_bytes_moved": 2_588_000_000,
        "dram_bytes": 353_000_000,
        "input_tensors": 5,
        "input_bytes": None,
        "peak_l1_bytes": 1_381_376,
        "silicon_sentences_per_second": 146.0,
    },
}


def baseline(hidden_size: int, layers: int, batch: int, sequence: int) -> dict | None:
    """The recorded values for this shape, or None: they were taken for BGE-large at batch 8 and these lengths only."""
    return BASELINE.get(sequence) if (hidden_size, layers, batch) == (1024, 24, 8) else None
