"""Lets unmodified programs use `gdp://`: `import tensorflow` also imports `gdpfs.tensorflow`.

`gdpfs-tensorflow.pth` imports this module whenever Python starts, so it must be small and must not
fail. It costs one entry in `sys.meta_path`, until TensorFlow is imported. GDPFS_AUTOLOAD=0
switches it off.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Finder(MetaPathFinder):
    """Waits for `tensorflow`, and lets the other finders find it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != "tensorflow" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads TensorFlow as its own loader does, then the plugin."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        try:
            import gdpfs.tensorflow  # noqa: F401
        except Exception as error:
            # A program that does not use gdp:// must go on.
            print(f"gdpfs: warning: TensorFlow cannot use gdp://: {error}", file=sys.stderr)


def install() -> None:
    """Begins to wait for `import tensorflow`."""
    if os.environ.get("GDPFS_AUTOLOAD") != "0" and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())
