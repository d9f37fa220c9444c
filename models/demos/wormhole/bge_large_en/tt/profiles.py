# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The names of the choices of precision, here because precision.py imports ttnn, which some callers do later."""

PROFILES = ("performance", "accuracy")  # the default first
