# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""BGEForEmbedding and the commands that show what it does.

In: ids from a caller, or texts and data sets from a user. Out: vectors, answers, scores. Neighbour: runner."""
