# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Entry point in vLLM's group vllm.general_plugins: vLLM calls it in each of its processes, before a worker imports ttnn."""


def activate_if_asked() -> None:
    """Have ttnn emulated in this process if EMULATED_WORMHOLE=1; the front end, which never imports it, pays nothing."""
    from models.emulated_wormhole.target import asked

    if asked():
        from models.emulated_wormhole import activate_on_import

        activate_on_import()
