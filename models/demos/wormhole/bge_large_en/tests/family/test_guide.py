# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The reference's table of checkpoints holds the facts of tests/family/checkpoints.py."""

from pathlib import Path

import pytest

from models.demos.wormhole.bge_large_en.tests.family.checkpoints import guide_rows

GUIDE = Path(__file__).parents[2] / "demo" / "VLLM_REFERENCE.md"


@pytest.mark.skipif(not GUIDE.is_file(), reason="the guide comes with a later commit")
def test_the_guides_table_has_these_facts():
    table = GUIDE.read_text().partition("<!-- checkpoints -->\n")[2].partition("<!-- end checkpoints -->")[0]
    assert table.splitlines()[2:] == guide_rows()
