"""gdpfs for Python: verified files of a gdpfs server. What is named here is loaded when it is used first."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client as Client
    from .errors import GdpfsError as GdpfsError
    from .filesystem import GdpFileSystem as GdpFileSystem

_MODULES = {"Client": "client", "GdpfsError": "errors", "GdpFileSystem": "filesystem"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("gdpfs")
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
