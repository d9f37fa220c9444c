# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The encoder: BERT dims, precision, a plan per shape, weights, layers, pooling.

In: device tensors of ids, positions and masks of one planned shape. Out: pooled rows on the device. Neighbour: runner.
"""
