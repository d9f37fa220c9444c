# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""The emulated Wormhole where its package is there and acts; elsewhere, as on a card, its contexts do nothing."""

import sys
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec

import torch

import ttnn
from models.demos.wormhole.bge_large_en.runner.target import EMULATED, target

_NAME = "models.emulated_wormhole"
_package = import_module(_NAME) if find_spec(_NAME) and target() == EMULATED else None
dispatch_only = _package.dispatch_only if _package else nullcontext
modelled_fidelity = _package.modelled_fidelity if _package else nullcontext
# Starts a script or, with -m, a module on what this process runs on.
LAUNCHER = [sys.executable, *(("-m", _NAME) if _package else ())]


def read(tensor) -> torch.Tensor:
    """The value of a device tensor, in its shape: fp32 or int64."""
    return _package.read(tensor) if _package else ttnn.to_torch(tensor)
