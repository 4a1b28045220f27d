"""A file that keeps other processes out for as long as it exists."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import make_error, shown
from .limits import CONFIG_LOCK_SECONDS

#: How often a waiting process looks again.
_POLL_SECONDS = 0.02


class LockClock:
    """Seconds of a clock that only goes forward."""

    def now(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


@contextlib.contextmanager
def file_lock(path: Path, clock: LockClock | None = None) -> Iterator[None]:
    """
    For actions of milliseconds: whoever has the lock for longer than `CONFIG_LOCK_SECONDS`, of however many one
    after the other, is not waited for: `locked`. A lock that a crash left behind is never taken over, since
    nothing tells it from one in use: the error says what to do.
    """
    clock = clock or LockClock()
    holder: tuple[int, int] | None = None
    since = clock.now()
    while not _try_lock(path):
        current = _identity(path)
        if current != holder:
            holder = current
            since = clock.now()
        if clock.now() - since > CONFIG_LOCK_SECONDS:
            raise make_error(
                "locked",
                f"cannot lock {shown(path)}: it exists already",
                "if no other gdpfs is running, a crash left it: remove it",
            )
        clock.pause(_POLL_SECONDS)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _try_lock(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    """Each holder makes a file of its own. None if there is none by now."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns
