# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What is right: the checkpoint in fp32 by Hugging Face, seeded checkpoints, and what others published.

In: a checkpoint folder, texts or ids (B, S). Out: rows (B, H) fp32. Neighbours: none; tests and demos compare with it.
"""
