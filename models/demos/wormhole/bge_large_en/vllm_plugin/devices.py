# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Which cards an engine sees; which mesh of their chips it opens is runner/mesh.py's."""

import os
from collections.abc import Sequence

from models.demos.wormhole.bge_large_en.runner.mesh import VISIBLE


def card_groups(cards: Sequence[str] | None, engines: int) -> list[str]:
    """What each of `engines` data-parallel engines on this host gets as TT_VISIBLE_DEVICES: equal shares of `cards`, or
    one card each, from 0, where no cards are named. ValueError when they can't be shared equally."""
    if cards is None:
        return [str(card) for card in range(engines)]
    if len(cards) % engines:
        raise ValueError(
            f"{VISIBLE} is {','.join(cards)!r}, {len(cards)} cards, for {engines} data-parallel engines on this host; "
            f"allowed: a multiple of {engines} cards"
        )
    share = len(cards) // engines
    return [",".join(cards[i * share : (i + 1) * share]) for i in range(engines)]


def bind_cards(assigned: Sequence[int | str] | None) -> None:
    """Make only the assigned cards visible to this process; before ttnn looks for any, which it does once.

    assigned: what vLLM gave this engine, None without data parallelism; vLLM itself exports nothing.
    """
    if assigned:
        os.environ[VISIBLE] = ",".join(str(card) for card in assigned)
