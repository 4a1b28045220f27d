"""The state map, (parent, name) → entry, as far as a proof shows it: docs/formats.md."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .errors import GdpfsError, make_error
from .formats import DIGEST_BYTES
from .limits import NAME_BYTES_MAX
from .paths import is_name

_LEAF_PREFIX, _NODE_PREFIX = b"\x02", b"\x03"
_PARENT = struct.Struct(">Q")
_SIZE = struct.Struct(">H")
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

    def count(self, count_max: int) -> int:
        """Of parts that follow, four bytes."""
        count = self.number(4)
        if count > count_max:
            raise self.malformed(f"{count} parts")
        return count

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
    if not is_name(entry.name):
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


def encode_entry(entry: StateEntry) -> bytes:
    """What `decode_entry` reads."""
    name, author = entry.name.encode(), entry.author.encode()
    parts = [
        _PARENT.pack(entry.parent) + _SIZE.pack(len(name)) + name,
        struct.pack(">QQBHq", entry.node, entry.seq, entry.kind, entry.mode, entry.mtime_us),
        _SIZE.pack(len(author)) + author,
    ]
    if entry.kind == FILE:
        parts.append(struct.pack(">Q", entry.size) + entry.log)
        parts.append(struct.pack(">Q", entry.log_count) + entry.root + entry.content)
    elif entry.kind == SYMLINK:
        target = entry.target.encode()
        parts.append(_SIZE.pack(len(target)) + target)
    return b"".join(parts)


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


class Child(NamedTuple):
    """Below a node: a leaf, or another node."""

    #: What keys below it have behind the path of the node.
    label: bytes
    is_leaf: bool
    hash: bytes


class StateProof:
    """
    Nodes of a map, and entries that are its leaves. Who knows its root finds each by its hash, so that nothing else
    need be believed.
    """

    def __init__(self, root: bytes, nodes: Sequence[bytes], entries: Sequence[bytes]) -> None:
        self.root = root
        # The node of a map that has nothing in it is sent by nobody.
        self._nodes = {_hash_node(node): node for node in (b"", *nodes)}
        self._entries = {hash_entry(data): data for data in entries}

    def children(self, digest: bytes) -> list[Child]:
        """Of the node with this hash. `untrusted` if it is missing, `corrupt` if it is malformed."""
        node = self._nodes.get(digest)
        if node is None:
            raise unproven("a node is missing")
        return list(_decode_node(node))

    def entry(self, parent: int, name: str) -> StateEntry | None:
        """What is there; None if it is proven that nothing is. Throws as `entries` does."""
        found = self.entries(key_range(parent, name))
        return found[0] if found else None

    def entries(self, keys: KeyRange) -> list[StateEntry]:
        """
        All entries of the range in the order of their keys. `untrusted` if a node that may hold one is missing, or one
        itself, `corrupt` if one is malformed.
        """
        return [self._entry(key, leaf) for key, leaf in self._leaves(keys)]

    def _leaves(self, keys: KeyRange) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        # In a true map no node stands at two places; a false one could make a walk without end.
        visited: set[bytes] = set()
        waiting = [(b"", self.root)]
        while waiting:
            path, digest = waiting.pop()
            children = self.children(digest)
            if digest in visited:
                raise unproven("a node stands at two places")
            visited.add(digest)
            for label, is_leaf, child in children:
                place = path + label
                if len(place) > _KEY_BYTES_MAX:
                    raise unproven("a key is too long")
                if is_leaf and keys.has(place):
                    found.append((place, child))
                elif not is_leaf and keys.may_hold(place):
                    waiting.append((place, child))
        return sorted(found)

    def _entry(self, key: bytes, leaf: bytes) -> StateEntry:
        data = self._entries.get(leaf)
        if data is None:
            raise unproven("an entry is missing")
        entry = decode_entry(data)
        # Its writer has put it there; that it names its own place is what makes it an entry.
        if state_key(entry.parent, entry.name) != key:
            raise unproven("an entry is not at its place")
        return entry


def hash_of_node(children: Sequence[Child]) -> bytes:
    """Of the node that has these below it, in the order of their labels."""
    return _hash_node(encode_node(children))


def encode_node(children: Sequence[Child]) -> bytes:
    """As it is hashed and sent."""
    return b"".join(
        _SIZE.pack(len(label)) + label + (b"\0" if is_leaf else b"\1") + digest
        for label, is_leaf, digest in children
    )


def _hash_node(node: bytes) -> bytes:
    return hashlib.sha256(_NODE_PREFIX + node).digest()


def _decode_node(node: bytes) -> Iterator[Child]:
    fields = Bytes(node, "node of the state map")
    before = -1
    while fields.left:
        label = fields.sized(2, _KEY_BYTES_MAX)
        kind = fields.number(1)
        if not label or kind > 1 or label[0] <= before:
            raise fields.malformed("its children are none, or out of order")
        before = label[0]
        yield Child(label, kind == 0, fields.take(DIGEST_BYTES))
