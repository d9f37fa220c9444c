# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What embed_corpus.py is made of: input files -> units -> texts -> token ids -> vectors -> one Parquet file per unit.

units.py (what a unit and a job are), files.py (reading), texts.py (checking, tokenising), card.py (the actor of a card),
vectors.py (writing), ledger.py (what a folder holds already), pipeline.py (Ray, which alone knows all of them).
Neighbours: demo.generator_vllm, for the vectors, and demo.checkpoints. Of these files card.py alone imports ttnn."""
