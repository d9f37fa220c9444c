# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

import copy
from pathlib import Path

import pytest
import yaml

from models.demos.wormhole.bge_large_en.tests.perf import targets
from models.demos.wormhole.bge_large_en.tests.perf.targets import MODEL, SKU, Target, load

ENTRIES = [
    {"batch_size": 8, "seq_len": seq, "status": "active", "perf": {"prefill_t/s": seq * 262, "tolerance": 1.49}}
    for seq in (384, 512)
]


@pytest.mark.parametrize("speed, good", [(261.9, False), (262, True), (390, True), (390.5, False)])
def test_bounds(speed, good):
    target = Target(8, 384, measured=False, sentences_per_second=262.0, tolerance=1.49)
    if good:
        target.check(speed)
        return
    with pytest.raises(AssertionError, match=r"an estimate that nobody measured, is 262.0 to 390.4"):
        target.check(speed)


def edited(folder: Path, change) -> Path:
    document = {MODEL: {"skus": {SKU: {"entries": copy.deepcopy(ENTRIES)}}}}
    change(document[MODEL]["skus"][SKU]["entries"])
    path = folder / "targets.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda e: e[0]["perf"].update(tolerance=0.9), r"\(8, 384\) tolerance is 0.9; it is a factor over 1"),
        (lambda e: e[0]["perf"].pop("tolerance"), "tolerance is None"),
        (lambda e: e[0]["perf"].update({"prefill_t/s": "fast"}), "prefill_t/s is 'fast'"),
        (lambda e: e[0]["perf"].update({"sentences/s": 262}), "sentences/s.*are known"),
        (lambda e: e[1].update(status="done"), r"\(8, 512\) status is 'done'"),
        (lambda e: e[1].update(batch_size=0), "batch_size is 0"),
        (lambda e: e[1].update(seq_len=384), "there twice"),
    ],
)
def test_what_is_no_target_is_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load(edited(tmp_path, change))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(ValueError, match="has no entries of bge-large-en on wh_n150"):
        load(tmp_path / "empty.yaml")


def test_file_of_many_models_is_read_too(tmp_path):
    ours = yaml.safe_load(edited(tmp_path, lambda entries: None).read_text())
    others = {"version": 1, "targets": {"other": {"skus": {}}, **ours}}
    (tmp_path / "model_targets.yaml").write_text(yaml.safe_dump(others))
    found = load(tmp_path / "model_targets.yaml")
    assert found == load(tmp_path / "targets.yaml") and found[8, 512].sentences_per_second == 262


def test_a_tree_without_targets_has_none(tmp_path, monkeypatch):
    (tmp_path / "model_targets.yaml").write_text("targets:\n  other:\n    skus: {}\n")
    monkeypatch.setattr(targets, "FILE", tmp_path / "model_targets.yaml")
    assert targets.find(8, 384) is None
    monkeypatch.setattr(targets, "FILE", edited(tmp_path, lambda entries: None))
    assert targets.find(8, 384).measured and targets.find(8, 128) is None
