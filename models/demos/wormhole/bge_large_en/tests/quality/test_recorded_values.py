# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""What others recorded of the real checkpoints (reference/published.py), in fp32 and on the device.

Each model's tests run where its checkpoint can be had: below the folder that BGE_CHECKPOINTS names, where tt-metal's
model_location_generator says, in the local Hugging Face cache or on the hub, and MiniLM in a registry package.
"""

import pytest
import torch

from models.demos.wormhole.bge_large_en.demo.checkpoints import choose
from models.demos.wormhole.bge_large_en.demo.text_encoder import TextEncoder
from models.demos.wormhole.bge_large_en.reference import published
from models.demos.wormhole.bge_large_en.reference.bert import ReferenceEncoder
from models.demos.wormhole.bge_large_en.tt.checkpoint import locate
from models.demos.wormhole.bge_large_en.tt.precision import PROFILES

# The values are recorded to 1e-3, which bf8 does not keep.
DEVICE_TOLERANCE = 0.01


def check_recorded(encode, name: str, tolerance: float = published.FIRST_VALUES_TOLERANCE) -> int:
    """Compare encode, texts -> (N, H), with all that is recorded of the model `name`; returns how many numbers."""
    compared = 0

    def same(what: str, found: torch.Tensor, recorded: list[float], limit: float) -> None:
        nonlocal compared
        error = (found - torch.tensor(recorded)).abs().max().item()
        assert error <= limit, f"{name}: {what} differ by {error:.5f} from the recorded ones; the limit is {limit}"
        compared += len(recorded)

    (vector,) = encode([published.HELLO_WORLD])
    same("first values", vector[:5], published.FIRST_VALUES[name], tolerance)
    query, *documents = encode([published.RED_PLANET_QUERY, *published.RED_PLANET_DOCUMENTS])
    similar = torch.stack(documents) @ query
    same("similarities", similar, published.RED_PLANET_SIMILARITIES[name], published.RED_PLANET_TOLERANCE)
    if name in published.VECTOR_SUMS:
        sums = encode(published.SUM_TEXTS).sum(-1)
        # Errors of H numbers add up: the device is given as many times more as for a single number.
        limit = published.SUMS_TOLERANCE * max(1, tolerance / published.FIRST_VALUES_TOLERANCE)
        same("sums", sums, published.VECTOR_SUMS[name], limit)
    return compared


@pytest.fixture(params=list(published.FIRST_VALUES))
def checkpoint(request, model_location_generator):
    """(name, folder) of a real checkpoint."""
    name = request.param
    for wanted in (str(model_location_generator(name)), name):
        try:
            return name, locate(choose(wanted).model)
        except FileNotFoundError as error:
            why = error
    pytest.skip(str(why))


def test_recorded_values_in_fp32(checkpoint):
    name, folder = checkpoint
    assert check_recorded(ReferenceEncoder.from_pretrained(folder).encode, name) >= 9


@pytest.mark.parametrize("profile", PROFILES)
def test_recorded_values_on_the_device(device, checkpoint, profile):
    name, folder = checkpoint
    with TextEncoder(device, folder, 128, optimizations=profile) as encoder:
        assert check_recorded(encoder.encode, name, DEVICE_TOLERANCE) >= 9


def recorded_rows(name: str, texts: list[str]) -> torch.Tensor:
    """Rows that no model computed and that agree with what is recorded of `name`."""
    rows = torch.zeros(len(texts), 16)
    for row, text in zip(rows, texts):
        if text == published.HELLO_WORLD:
            row[:5] = torch.tensor(published.FIRST_VALUES[name])
        elif text == published.RED_PLANET_QUERY:
            row[0] = 1.0
        elif text in published.RED_PLANET_DOCUMENTS:
            row[0] = published.RED_PLANET_SIMILARITIES[name][published.RED_PLANET_DOCUMENTS.index(text)]
        else:
            row[7] = published.VECTOR_SUMS[name][published.SUM_TEXTS.index(text)]
    return rows


@pytest.mark.parametrize("name", list(published.FIRST_VALUES))
def test_the_check_can_fail(name):
    """It passes for rows made to agree, and fails when any of them is changed or another model's are given."""
    numbers = check_recorded(lambda texts: recorded_rows(name, texts), name)
    assert numbers == (13 if name in published.VECTOR_SUMS else 9)
    for text, at in ((published.HELLO_WORLD, 4), (published.RED_PLANET_DOCUMENTS[3], 0), (published.SUM_TEXTS[2], 7)):
        if text in published.SUM_TEXTS and name not in published.VECTOR_SUMS:
            continue

        def changed(texts, text=text, at=at):
            rows = recorded_rows(name, texts)
            if text in texts:
                rows[texts.index(text), at] += 0.02
            return rows

        with pytest.raises(AssertionError, match="from the recorded ones"):
            check_recorded(changed, name)
    other = published.BGE_SMALL if name != published.BGE_SMALL else published.BGE_LARGE
    with pytest.raises(AssertionError, match="first values"):
        check_recorded(lambda texts: recorded_rows(other, texts), name)


def test_wrong_pooling_is_seen():
    """Real weights of MiniLM pooled by CLS instead of the mean."""
    try:
        folder = locate(choose(published.MINILM).model)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    reference = ReferenceEncoder.from_pretrained(folder)
    reference.pooling = "cls"
    with pytest.raises(AssertionError, match="first values"):
        check_recorded(reference.encode, published.MINILM)
