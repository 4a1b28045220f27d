"""The state map, (parent, name) → entry, as far as a proof shows it: docs/formats.md."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .errors import GdpfsError, make_error
from .formats import DIGEST_BYTES
from .limits import NAME_BYTES_MAX

_LEAF_PREFIX, _NODE_PREFIX = b"\x02", b"\x03"
_PARENT = struct.Struct(">Q")
_KEY_BYTES_MAX = _PARENT.size + NAME_BYTES_MAX + 1
_SAFE_INTEGER_MAX = 2**53 - 1

#: Kinds of entries.
FILE, DIRECTORY, SYMLINK = 1, 2, 3


def unproven(why: str) -> GdpfsError:
    return make_error("untrusted", f"cannot trust what the server says is there: {why}")


class Bytes:
    """Fields of a fixed order, one behind the other. What ends early or late is `corrupt`."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._what = what
        self._at = 0

    def take(self, length: int) -> bytes:
        data = self._data[self._at : self._at + length]
        if len(data) < length:
            raise self.malformed("it ends early")
        self._at += length
        return data

    def number(self, size: int) -> int:
        value = int.from_bytes(self.take(size), "big")
        if value > _SAFE_INTEGER_MAX:
            raise self.malformed(f"the number {value}")
        return value

    def sized(self, size_bytes: int, length_max: int) -> bytes:
        """Behind their length, a number of so many bytes."""
        length = self.number(size_bytes)
        if length > length_max:
            raise self.malformed(f"a part of {length} bytes")
        return self.take(length)

    def text(self, size_bytes: int, length_max: int) -> str:
        try:
            return self.sized(size_bytes, length_max).decode()
        except ValueError as cause:
            raise self.malformed("what is not UTF-8") from cause

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def malformed(self, why: str) -> GdpfsError:
        return make_error("corrupt", f"cannot decode {self._what}: {why}")


class StateEntry(NamedTuple):
    """What a dentry has made of a name."""

    parent: int
    name: str
    node: int
    #: Of the dentry that says this.
    seq: int
    kind: int
    mode: int
    mtime_us: int
    author: str
    #: Files only.
    size: int = 0
    log: bytes = b""
    log_count: int = 0
    root: bytes = b""
    content: bytes = b""
    #: Symbolic links only.
    target: str = ""


def decode_entry(data: bytes) -> StateEntry:
    """`corrupt` for what is no entry."""
    fields = Bytes(data, "state entry")
    entry = StateEntry(
        parent=fields.number(8),
        name=fields.text(2, NAME_BYTES_MAX),
        node=fields.number(8),
        seq=fields.number(8),
        kind=fields.number(1),
        mode=fields.number(2),
        mtime_us=int.from_bytes(fields.take(8), "big", signed=True),
        author=fields.text(2, len(data)),
    )
    if entry.name in ("", ".", "..") or "/" in entry.name or "\0" in entry.name:
        raise fields.malformed("a name that is none")
    if entry.kind == FILE:
        entry = entry._replace(
            size=fields.number(8),
            log=fields.take(DIGEST_BYTES),
            log_count=fields.number(8),
            root=fields.take(DIGEST_BYTES),
            content=fields.take(DIGEST_BYTES),
        )
    elif entry.kind == SYMLINK:
        entry = entry._replace(target=fields.text(2, len(data)))
    elif entry.kind != DIRECTORY:
        raise fields.malformed(f"kind {entry.kind}")
    if fields.left:
        raise fields.malformed("there is more behind it")
    return entry


def hash_entry(data: bytes) -> bytes:
    """Of the leaf that the encoded entry is."""
    return hashlib.sha256(_LEAF_PREFIX + data).digest()


def state_key(parent: int, name: str) -> bytes:
    return _PARENT.pack(parent) + name.encode() + b"\0"


class KeyRange(NamedTuple):
    """Keys from `first` on, up to and without `end`."""

    first: bytes
    end: bytes

    def may_hold(self, path: bytes) -> bool:
        """Can there be a key of the range that begins with `path`?"""
        return path < self.end and path[: len(self.first)] >= self.first[: len(path)]

    def has(self, key: bytes) -> bool:
        return self.first <= key < self.end


def key_range(parent: int, name: str) -> KeyRange:
    """The one key."""
    key = state_key(parent, name)
    return KeyRange(key, key + b"\0")


def directory_range(parent: int, after: str, last: str) -> KeyRange:
    """Names of a directory behind `after` (empty: from the first on), up to `last` (empty: to the end)."""
    return KeyRange(
        state_key(parent, after) + b"\0" if after else _PARENT.pack(parent),
        state_key(parent, last) + b"\0" if last else _PARENT.pack(parent + 1),
    )


class StateProof:
    """Nodes of a map. Who knows its root finds each by its hash, so that nothing else need be believed."""

    def __init__(self, root: bytes, nodes: Sequence[bytes]) -> None:
        self._root = root
        self._nodes = {hashlib.sha256(_NODE_PREFIX + node).digest(): node for node in nodes}

    def range(self, keys: KeyRange) -> list[tuple[bytes, bytes]]:
        """
        All keys of the range in their order, and the hashes of their leaves. `untrusted` if a node that may hold one is
        missing, `corrupt` if one is malformed.
        """
        found: list[tuple[bytes, bytes]] = []
        # In a true map no node stands at two places; a false one could make a walk without end.
        visited: set[bytes] = set()
        waiting = [(b"", self._root)]
        while waiting:
            path, digest = waiting.pop()
            node = self._nodes.get(digest)
            if node is None:
                raise unproven("a node is missing")
            if digest in visited:
                raise unproven("a node stands at two places")
            visited.add(digest)
            for label, is_leaf, child in _children(node):
                place = path + label
                if len(place) > _KEY_BYTES_MAX:
                    raise unproven("a key is too long")
                if is_leaf and keys.has(place):
                    found.append((place, child))
                elif not is_leaf and keys.may_hold(place):
                    waiting.append((place, child))
        return sorted(found)

    def leaf(self, parent: int, name: str) -> bytes | None:
        """The hash of the key's leaf; None if it is proven not to be there."""
        found = self.range(key_range(parent, name))
        return found[0][1] if found else None


def _children(node: bytes) -> Iterator[tuple[bytes, bool, bytes]]:
    """Label, whether it is a leaf, and hash."""
    fields = Bytes(node, "node of the state map")
    before = -1
    while fields.left:
        label = fields.sized(2, _KEY_BYTES_MAX)
        kind = fields.number(1)
        if not label or kind > 1 or label[0] <= before:
            raise fields.malformed("its children are none, or out of order")
        before = label[0]
        yield label, kind == 0, fields.take(DIGEST_BYTES)
