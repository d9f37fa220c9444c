# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

pytest_plugins = ["models.emulated_wormhole.pytest_plugin"]
