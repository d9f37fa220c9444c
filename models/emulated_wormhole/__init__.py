# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A Wormhole without the card: the real ttnn library on a mock device, with real numerics from golden functions.

    from models.emulated_wormhole import emulated_wormhole

    with emulated_wormhole("n150") as target:  # steps aside when there is a card or TT_METAL_SIMULATOR
        import ttnn

        device = ttnn.open_device(device_id=0)
        ...  # any ttnn code, unchanged

Or `python -m models.emulated_wormhole script.py` for a script that knows nothing of it,
`models.emulated_wormhole.pytest_plugin` for tests, and EMULATED_WORMHOLE=1 for vLLM's processes (vllm_plugin.py). Each
of them asks for it: nothing is emulated unasked.

What it models: every op goes through the real ttnn: argument checks, program configs, kernels' circular buffers, L1 and
DRAM allocation, sharding, the program cache, meshes, command queues, events. Beside it the op's golden function runs in
fp32, and its result is rounded to the output's real dtype, bit for bit as ttnn's host packer rounds.

Within `modelled_fidelity()` matmuls also keep the hardware's math fidelity and bf16 accumulation; see fidelity.py for the
rules and their sources. It is off by default, because it costs time and goldens are what a model is checked against.

What it does not model: approximate exp; fidelity and accumulation of layer norm, softmax, attention ops, reductions and
element-wise ops, and, without modelled_fidelity(), of matmuls; what a data-movement kernel does wrong, time, traces. A
wrong kernel argument that the library does not check is not seen, but for masks that the softmax kernels misread.

The order of sums is not hardware's. Blocks of K (in0_block_w) are modelled only within modelled_fidelity(), and there
only with bf16 accumulation. The order in which a sharded layer norm adds up its core columns, another one for each row
of workers, is modelled nowhere. A text whose bits are the same here at another place of a row, or in another length,
may still differ on hardware: that they are the same here is necessary, not sufficient.
"""

import contextlib
import importlib
import os
import sys

from models.emulated_wormhole.errors import EmulationError, MissingGolden, MissingValue, TraceNotSupported
from models.emulated_wormhole.on_import import OnImport
from models.emulated_wormhole.target import ACTING, Target, ask, detect

__all__ = [
    "EmulationError",
    "MissingGolden",
    "MissingValue",
    "Target",
    "TraceNotSupported",
    "activate",
    "activate_on_import",
    "ask",
    "deactivate",
    "detect",
    "dispatch_only",
    "emulated_wormhole",
    "golden",
    "modelled_fidelity",
    "read",
]

_numerics = None
_target: Target | None = None


def activate(board: str | None = None) -> Target:
    """Make this process run on an emulated `board` ("n150", "n300", "T3K", "TG"), unless there is a card or a simulator.

    Call it before ttnn is first imported; it sets EMULATED_WORMHOLE=1, for the processes that this one starts too.
    Returns the target. A second call changes nothing; one for another board raises EmulationError, because ttnn takes
    its cluster once per process. ValueError for an unknown board, RuntimeError where EMULATED_WORMHOLE=0 forbids it.
    """
    target = _choose(board)
    if target.emulated:
        _prepare()
        importlib.import_module("ttnn")
        _install()
    return target


def activate_on_import() -> Target:
    """activate(), but of ttnn's first import in this process: for one that may never do that. RuntimeError as detect()."""
    global _target
    if _target is None:
        _target = detect()
        _mark()
        if _target.emulated and "ttnn" not in sys.modules:
            sys.meta_path.insert(0, OnImport("ttnn", _prepare, _install))
        elif _target.emulated:  # as the child of a process that emulates
            _prepare()
            _install()
    return _target


def _choose(board: str | None) -> Target:
    global _target
    if _target is None:
        ask()
        _target = detect(board)
        _mark()
    elif board is not None and _target.emulated and _target.board != board.lower():
        raise EmulationError(f"this process already emulates {_target.board}; emulate {board} in another process")
    return _target


def _mark() -> None:
    """Say to those that know the variable alone that this process emulates; one that it forks does too."""
    if _target is not None and _target.emulated:
        os.environ[ACTING] = str(os.getpid())


os.register_at_fork(after_in_child=_mark)


def _prepare() -> None:
    """The environment in which ttnn opens a mock of the target's board."""
    from models.emulated_wormhole import boards, mock_device

    assert _target is not None and _target.board is not None
    board = boards.board(_target.board)
    mock_device.prepare(board)
    boards.keep_visible(board, os.environ)


def _install() -> None:
    global _numerics
    if _numerics is None:
        from models.emulated_wormhole.numerics import Numerics

        _numerics = Numerics()
        _numerics.install()


def deactivate() -> None:
    """Take the hooks off ttnn and drop all values; the mock device itself stays until the process ends."""
    global _numerics
    if _numerics is not None:
        _numerics.uninstall()
        _numerics = None


@contextlib.contextmanager
def emulated_wormhole(board: str | None = None):
    """activate() for the length of a block; yields the Target. Nested blocks share one emulation."""
    outermost = _numerics is None
    target = activate(board)
    try:
        yield target
    finally:
        if outermost:
            deactivate()


def read(tensor):
    """The value of a ttnn tensor on the emulated device: fp32 or int64 torch tensor, or a list of one per chip.

    Unlike ttnn.to_torch it runs no op and converts nothing. Raises MissingValue, or EmulationError on other targets.
    """
    if _numerics is None:
        raise EmulationError("models.emulated_wormhole.read needs the emulated Wormhole; use ttnn.to_torch elsewhere")
    shards = [shard.clone() for shard in _numerics.get(tensor)]
    return shards[0] if len(shards) == 1 else shards


@contextlib.contextmanager
def dispatch_only():
    """Within it ops are checked, configured and allocated but get no value: for shape sweeps and host timing.

    Does nothing on silicon and on the simulator. Values are asked for later only at the price of MissingValue.
    """
    with _numerics.off() if _numerics is not None else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def modelled_fidelity():
    """Within it ttnn.linear and ttnn.matmul compute in their math fidelity and accumulate as a Wormhole does.

    Of the calling thread. Does nothing on silicon and on the simulator, where the hardware's arithmetic is the real one.
    """
    with _numerics.modelled_fidelity() if _numerics is not None else contextlib.nullcontext():
        yield


def golden(*names: str):
    """Decorator: golden function for ops called `names` ("ttnn.…"); see golden_ops.

    EmulationError where ttnn is not imported yet: call activate() first.
    """
    if "ttnn" not in sys.modules:
        raise EmulationError("call models.emulated_wormhole.activate() before registering a golden function")
    from models.emulated_wormhole.golden_ops import golden as register

    return register(*names)
