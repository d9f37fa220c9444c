# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Values are computed when they are needed, and are what they would have been at once."""

import functools
import threading
import time
import weakref

import pytest
import torch

import ttnn
from models import emulated_wormhole
from models.emulated_wormhole.deferred import Call, Part, Value, computed
from models.emulated_wormhole.golden_ops import GOLDENS

pytestmark = pytest.mark.skipif(not emulated_wormhole.activate().emulated, reason="a card or a simulator is there")
READ = emulated_wormhole.read


def tiles(device, *shape, dtype=ttnn.bfloat16):
    return ttnn.from_torch(torch.randn(*shape), dtype=dtype, layout=ttnn.TILE_LAYOUT, device=device)


@pytest.fixture
def doublings(monkeypatch):
    """A golden of ttnn.relu that doubles; a list that grows with each of its calls."""
    calls = []
    monkeypatch.setitem(GOLDENS, "ttnn.relu", None)

    @emulated_wormhole.golden("ttnn.relu")
    def double(x, **_):
        calls.append(tuple(x.shape))
        if not torch.isfinite(x).all():
            raise ArithmeticError("infinite")
        return 2 * x

    return calls


def test_only_what_is_read_is_computed_and_once(device, doublings):
    x = tiles(device, 32, 32)
    kept, dropped = ttnn.relu(x), ttnn.relu(x)
    ttnn.deallocate(dropped)
    assert not doublings
    for _ in range(2):
        assert torch.equal(READ(kept), 2 * READ(x))
    assert torch.equal(READ(ttnn.relu(kept)), 4 * READ(x)) and len(doublings) == 2


def test_what_changes_later_changes_nothing_before(device, doublings):
    """Inputs overwritten, freed and computed in place before the result is needed."""
    host = ttnn.from_torch(torch.randn(32, 32), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT)
    x = ttnn.to_device(host, device)
    before = READ(x)
    double, copy = ttnn.relu(x), ttnn.clone(x)
    ttnn.copy_host_to_device_tensor(ttnn.from_torch(torch.zeros(32, 32), spec=host.spec), x)
    in_place = ttnn.add_(copy, 1.0)
    ttnn.deallocate(x)
    assert torch.equal(READ(double), 2 * before)
    assert torch.equal(READ(in_place), (before + 1).bfloat16().float())


def test_fidelity_is_that_of_the_call(device):
    a, b = tiles(device, 1, 1, 64, 256), tiles(device, 1, 1, 256, 96)
    golden = ttnn.matmul(a, b)
    with emulated_wormhole.modelled_fidelity():
        modelled = ttnn.matmul(a, b)
        assert torch.equal(READ(golden), READ(ttnn.clone(golden)))
    assert not torch.equal(READ(golden), READ(modelled))
    with emulated_wormhole.modelled_fidelity():
        assert torch.equal(READ(modelled), READ(ttnn.matmul(a, b)))
    assert torch.equal(READ(golden), READ(ttnn.matmul(a, b)))


def test_a_golden_that_fails_does_so_at_the_read_again(device, doublings):
    x = ttnn.relu(ttnn.from_torch(torch.full((32, 32), float("inf")), device=device, layout=ttnn.TILE_LAYOUT))
    for _ in range(2):
        with pytest.raises(ArithmeticError, match="infinite"):
            READ(x)
    assert len(doublings) == 2


def test_arguments_are_refused_at_the_call(device):
    x = tiles(device, 1, 1, 32, 96)
    with pytest.raises(NotImplementedError, match="fused activation"):
        ttnn.linear(x, tiles(device, 1, 1, 96, 32), activation="square")


def test_buffers_are_freed_as_if_nothing_were_deferred(device):
    """A core has room for one such tensor: what is still to be computed keeps values, and no buffers."""
    place = ttnn.create_sharded_memory_config((608, 1024), ttnn.CoreGrid(x=1, y=1), ttnn.ShardStrategy.HEIGHT)
    x, results = tiles(device, 608, 1024), []
    for _ in range(3):
        held = ttnn.to_memory_config(x, place)
        results.append(ttnn.to_memory_config(held, ttnn.DRAM_MEMORY_CONFIG))
        del held
    with pytest.raises(RuntimeError, match="Out of Memory"):
        [ttnn.to_memory_config(x, place) for _ in range(2)]
    assert all(torch.equal(READ(result), READ(x)) for result in results)


def plus_one(value: Value, made: list[weakref.ref]) -> Value:
    def add(x: torch.Tensor) -> tuple[torch.Tensor]:
        made.append(weakref.ref(total := x + 1))
        return (total,)

    return Part(Call(add, [value]), 0)


def chain(length: int) -> tuple[Value, list[weakref.ref]]:
    """A value that takes so many calls, and a list of what they have made."""
    made: list[weakref.ref] = []
    start: Value = torch.zeros(1)
    return functools.reduce(lambda value, _: plus_one(value, made), range(length), start), made


def test_long_chains_keep_nothing_on_their_way():
    value, made = chain(20_000)
    assert computed(value).item() == len(made) == 20_000
    assert [result() is None for result in made] == [True] * 19_999 + [False]


def test_several_threads_need_the_same():
    made = []

    def slow(*_) -> tuple[torch.Tensor]:
        made.append(threading.get_ident())
        time.sleep(0.05)
        return (torch.ones(1),)

    value = Part(Call(slow, [Part(Call(slow, []), 0)]), 0)
    threads = [threading.Thread(target=computed, args=(value,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert computed(value).item() == 1 and len(made) == 2
