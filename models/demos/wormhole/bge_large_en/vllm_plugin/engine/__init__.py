# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What a step passes, in the process of the engine.

In: a scheduler step of whole requests. Out: pooled rows, or an error in the place of one. Neighbours: front_end, by
failed_rows and metrics; below, the class that the registry names for the model (demo.registration)."""
