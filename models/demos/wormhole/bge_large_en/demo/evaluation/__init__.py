# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What dataset_evaluation.py is made of.

In: names of tasks, and a function from texts to vectors. Out: scores, as a table and for JSON. Neighbours: the package
mteb, demo.checkpoints."""
