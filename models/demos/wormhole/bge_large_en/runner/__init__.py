# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Steps on the device.

In: checked rows of token ids, of any number and length. Out: pooled rows (N, H) fp32 on the host. Neighbours: tt below,
demo.generator_vllm above."""
