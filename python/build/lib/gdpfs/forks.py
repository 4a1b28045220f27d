"""
Objects that stay usable in a child after fork(2): there they begin anew, without the connections, threads and locks of
the parent.
"""

from __future__ import annotations

import os
import weakref


class ForkSafe:
    """Its `_begin` sets up all that must not be shared with another process, at first and in each child."""

    def __init__(self) -> None:
        self._begin()
        _living.add(self)

    def _begin(self) -> None:
        raise NotImplementedError


_living: weakref.WeakSet[ForkSafe] = weakref.WeakSet()


def _begin_all() -> None:
    for one in list(_living):
        one._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
