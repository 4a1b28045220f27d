"""What is kept in memory, bounded by bytes, the least recently used going first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from .forks import ForkSafe

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(ForkSafe, Generic[Key, Value]):
    """At most so many bytes of values, as `size_of` counts them."""

    def __init__(self, bytes_max: int, size_of: Callable[[Value], int]) -> None:
        self._bytes_max = bytes_max
        self._size_of = size_of
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._bytes = 0
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # What another thread of the parent was just changing may be half done.
        self._values = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        size = self._size_of(value)
        if size > self._bytes_max:
            return
        with self._lock:
            before = self._values.pop(key, None)
            if before is not None:
                self._bytes -= self._size_of(before)
            self._values[key] = value
            self._bytes += size
            while self._bytes > self._bytes_max:
                _, oldest = self._values.popitem(last=False)
                self._bytes -= self._size_of(oldest)

    def drop(self, key: Key) -> None:
        with self._lock:
            value = self._values.pop(key, None)
            if value is not None:
                self._bytes -= self._size_of(value)
