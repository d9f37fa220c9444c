# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Fixtures of the tests of scripts/."""

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture
def tool(monkeypatch):
    """The module integrate_vllm, imported anew."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("integrate_vllm", "platform_edits"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import integrate_vllm

    return integrate_vllm
