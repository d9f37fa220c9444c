# SPDX-FileCopyrightText: © 2026 Tenstorrent USA, Inc.
#
# SPDX-License-Identifier: Apache-2.0

"""Calls a function as soon as a module has been imported."""

import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder


class OnImport(MetaPathFinder):
    """In sys.meta_path, once: before and after the first import of `name`, before() and after() are called."""

    def __init__(self, name: str, before: Callable[[], None], after: Callable[[], None]):
        self.name, self.before, self.after = name, before, after

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        self.before()
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module) -> None:
                execute(module)
                self.after()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
