"""The lock of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gdpfs.errors import GdpfsError
from gdpfs.file_lock import LockClock, file_lock
from gdpfs.limits import CONFIG_LOCK_SECONDS


class HalvingClock(LockClock):
    """Time passes in pauses, half of what one holder may take in each; then something happens."""

    def __init__(self, happens: Callable[[int], None] = lambda _: None) -> None:
        self.pauses = 0
        self._happens = happens

    def now(self) -> float:
        return self.pauses * CONFIG_LOCK_SECONDS / 2

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.pauses += 1
        self._happens(self.pauses)


def test_a_lock_is_waited_for_as_long_as_it_changes_hands(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()

    def changes_hands(pauses: int) -> None:
        if pauses == 10:
            lock.unlink()
        else:
            # Both are there at once, so that they are not one.
            following = tmp_path / "next"
            following.touch()
            following.replace(lock)

    with file_lock(lock, HalvingClock(changes_hands)):
        assert lock.exists()
    assert not lock.exists()


def test_a_lock_that_nobody_gives_back_is_not_waited_for_and_stays(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    clock = HalvingClock()
    with pytest.raises(GdpfsError) as caught, file_lock(lock, clock):
        pytest.fail("it is locked")
    assert caught.value.code == "locked"
    assert clock.pauses == 3
    assert lock.exists()
