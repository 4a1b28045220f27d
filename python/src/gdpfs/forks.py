"""
Objects that stay usable in a child after fork(2): there they begin anew, without the connections, threads and locks of
the parent.
"""

from __future__ import annotations

import os
import threading
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


#: For a thread that sets up a context of OpenSSL, or imports a module: a fork waits for it, as the child would find
#: OpenSSL's locks held for ever by a thread that it does not have, and half a module.
no_fork = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
    os.register_at_fork(
        before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=no_fork.release
    )
