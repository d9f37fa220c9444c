# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entry point in the groups vllm.general_plugins and tt_device_processes: what is called in each of a program's processes
before one imports ttnn."""


def activate_if_asked() -> None:
    """Have ttnn emulated in this process if EMULATED_WORMHOLE=1; the front end, which never imports it, pays nothing."""
    from models.emulated_wormhole.target import asked

    if asked():
        from models.emulated_wormhole import activate_on_import

        activate_on_import()
