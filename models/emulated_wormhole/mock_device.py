# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""A mock Wormhole for the ttnn wheel on a machine with neither card nor kernel compiler.

Only environment variables and files in a cache folder are touched; the installed wheel is not.
"""

import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

from models.emulated_wormhole import kernel_placeholder
from models.emulated_wormhole.boards import Board
from models.emulated_wormhole.errors import EmulationError


def prepare(board: Board) -> None:
    """Set the environment with which ttnn's first device is a mock `board`.

    Must run before ttnn is first imported in the process: raises EmulationError otherwise, and when ttnn is missing.
    Slow dispatch on every board: under fast dispatch a mock crashes in event waits and takes an n300 for an 8x7 grid.
    """
    if os.environ.get("TT_METAL_MOCK_CLUSTER_DESC_PATH") and "ttnn" in sys.modules:
        return  # a mock made earlier in this process
    if "ttnn" in sys.modules:
        raise EmulationError(
            "ttnn was imported before the emulated Wormhole was set up and already looks for a card: call "
            "models.emulated_wormhole.activate() first, or start with python -m models.emulated_wormhole SCRIPT"
        )
    spec = importlib.util.find_spec("ttnn")
    if spec is None or spec.origin is None:
        raise EmulationError("the ttnn package is not installed in this Python; pip install ttnn")
    package = Path(spec.origin).parent
    root = _runtime_root(package)
    descriptor = root / f"{board.name}.yaml"
    _write(descriptor, board.descriptor().encode())
    os.environ.update(
        TT_METAL_RUNTIME_ROOT=str(root),
        TT_METAL_CACHE=f"{root}/cache/",
        TT_METAL_LOGS_PATH=str(root / "logs"),
        TT_METAL_MOCK_CLUSTER_DESC_PATH=str(descriptor),
        TT_METAL_SLOW_DISPATCH_MODE="1",
    )
    os.environ.setdefault("TT_METAL_LOGGER_LEVEL", "ERROR")


def _runtime_root(package: Path) -> Path:
    """A folder that looks like tt-metal's runtime root: the wheel's own files, and the placeholder as compiler."""
    version = importlib.metadata.version("ttnn")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(tempfile.mkdtemp(prefix="emulated-wormhole-"))
    root = base / "emulated_wormhole" / f"ttnn-{version}"
    compiler = root / "runtime" / "sfpi" / "compiler"
    (compiler / "bin").mkdir(parents=True, exist_ok=True)
    for link, to in (
        (root / "tt_metal", package / "tt_metal"),
        (root / "ttnn", package / "ttnn"),
        (root / "runtime" / "hw", package / "runtime" / "hw"),
    ):
        _symlink(link, to)
    _write(compiler / "bin" / "riscv-tt-elf-g++", kernel_placeholder.COMPILER.encode(), mode=0o755)
    _write(compiler / "placeholder.elf", kernel_placeholder.elf())
    return root


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write unless it already says so, by renaming, so that processes that start together don't see half a file."""
    if path.exists() and path.read_bytes() == data:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.chmod(mode)
    part.replace(path)


def _symlink(link: Path, to: Path) -> None:
    if link.is_symlink() and os.readlink(link) == str(to):
        return
    part = link.with_name(f"{link.name}.{os.getpid()}")
    part.symlink_to(to)
    part.replace(link)
