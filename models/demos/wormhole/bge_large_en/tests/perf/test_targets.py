# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
import yaml

from models.demos.wormhole.bge_large_en.tests.model_dims import model_dims
from models.demos.wormhole.bge_large_en.tests.perf import calibration, estimate, forward
from models.demos.wormhole.bge_large_en.tests.perf.targets import FILE, MODEL, SKU, load
from models.demos.wormhole.bge_large_en.tt.precision import profile_precision

SHAPES = [(8, 384), (8, 512)]


def test_shapes():
    assert list(load()) == SHAPES


@pytest.mark.parametrize("shape", SHAPES)
def test_target_is_the_estimate(device, shape):
    """Until somebody measures: sentences/s is the low end in whole sentences, tolerance reaches just past the high."""
    target, dims = load()[shape], model_dims("large")
    if target.measured:
        pytest.skip("the target was measured")
    with forward.zero_runner(device, dims, *shape, profile_precision("performance", dims), "cls") as runner:
        found = estimate.summary(forward.measure(runner, *shape), dims, *shape, calibration.calibrate())
    low, high = found["calibrated_sentences_per_second"]
    assert target.sentences_per_second == int(low)
    assert high <= target.sentences_per_second * target.tolerance < high * 1.02


@pytest.mark.parametrize("speed, good", [(261.9, False), (262, True), (390, True), (390.5, False)])
def test_bounds(speed, good):
    target = load()[8, 384]
    if good:
        target.check(speed)
        return
    with pytest.raises(AssertionError, match=r"an estimate that nobody measured, is 262.0 to 390.4"):
        target.check(speed)


def edited(folder: Path, change) -> Path:
    document = yaml.safe_load(FILE.read_text())
    change(document.get("targets", document)[MODEL]["skus"][SKU]["entries"])
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
        (lambda e: e[1].update(programs=0), "programs is 0"),
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
    ours = yaml.safe_load(FILE.read_text())
    others = {"version": 1, "targets": {"other": {"skus": {}}, MODEL: ours.get("targets", ours)[MODEL]}}
    (tmp_path / "model_targets.yaml").write_text(yaml.safe_dump(others))
    assert load(tmp_path / "model_targets.yaml") == load()
