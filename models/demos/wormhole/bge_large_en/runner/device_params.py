# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What tt-metal's demos open a device with. No ttnn here: a command imports that once its target is chosen."""

L1_SMALL_SIZE = 24576  # bytes of L1 per core
TRACE_REGION_SIZE = 32_931_840  # bytes of DRAM per chip: traces of all 22 default shapes take 32,636,928
QUEUES = 2  # command queues
DEVICE_PARAMS = [{"l1_small_size": L1_SMALL_SIZE, "trace_region_size": TRACE_REGION_SIZE, "num_command_queues": QUEUES}]
