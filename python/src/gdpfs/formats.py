"""Bytes of version 1 that a client of a server handles: docs/formats.md says what each is."""

from __future__ import annotations

import hashlib
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .errors import make_error
from .limits import CHUNK_BYTES_MAX

DIGEST_BYTES = 32
NONCE_BYTES = 16
FRAME_HEADER = struct.Struct(">QII")
_ENTRY = struct.Struct(">QII32s")
_LEAF = struct.Struct(">QI32s")
_NO_DIGEST = bytes(DIGEST_BYTES)
#: Of the count at the start of a frontier.
_COUNT_BYTES = 8


class Chunk(NamedTuple):
    """A piece of a file."""

    #: Where in the file, bytes.
    offset: int
    length: int
    #: CRC-32.
    checksum: int
    #: SHA-256.
    digest: bytes

    @property
    def end(self) -> int:
        return self.offset + self.length


def chunk_of(offset: int, data: bytes | bytearray | memoryview, *, summed: bool = True) -> Chunk:
    """Without `summed` its checksum is 0, and means nothing."""
    digest = hashlib.sha256(data).digest()
    return Chunk(offset, len(data), zlib.crc32(data) if summed else 0, digest)


class Manifest:
    """The live chunks of one version of a file, ascending, and its size. Between them it is zeros."""

    __slots__ = ("_entries", "_offsets", "root", "size")

    def __init__(self, entries: bytes, size: int) -> None:
        """From manifest entries; `corrupt` if they are no file of that size."""
        offsets = array("q")
        tree = MerkleTree()
        end = 0
        for offset, length, _, digest in _ENTRY.iter_unpack(entries):
            if offset < end or not 1 <= length <= CHUNK_BYTES_MAX or offset + length > size:
                raise make_error("corrupt", f"cannot read manifest: its entry at {offset}")
            offsets.append(offset)
            tree.add(_LEAF.pack(offset, length, digest))
            end = offset + length
        if end < size:
            tree.add(_LEAF.pack(size, 0, _NO_DIGEST))
        self._entries = entries
        self._offsets = offsets
        self.size = size
        #: `sha256:…`, the ETag.
        self.root = text_of_digest(tree.root())

    @staticmethod
    def of(chunks: Iterable[Chunk], size: int) -> Manifest:
        return Manifest(b"".join(encode_entry(chunk) for chunk in chunks), size)

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: int) -> Chunk:
        if not 0 <= index < len(self._offsets):
            raise IndexError(index)
        offset, length, checksum, digest = _ENTRY.unpack_from(self._entries, index * _ENTRY.size)
        return Chunk(offset, length, checksum, digest)

    def __iter__(self) -> Iterator[Chunk]:
        return (Chunk(*fields) for fields in _ENTRY.iter_unpack(self._entries))

    @property
    def memory_bytes(self) -> int:
        return len(self._entries) + len(self._offsets) * 8

    def overlapping(self, start: int, end: int) -> range:
        """Indexes of the chunks that hold a byte of [start, end)."""
        if start >= end:
            return range(0)
        first = max(bisect_right(self._offsets, start) - 1, 0)
        if first < len(self) and self[first].end <= start:
            first += 1
        # A chunk that begins at `end` holds none of them.
        return range(first, max(bisect_right(self._offsets, end - 1), first))


def encode_entry(chunk: Chunk) -> bytes:
    return _ENTRY.pack(*chunk)


class MerkleTree:
    """The root of RFC 6962 over leaves that come one by one."""

    def __init__(self) -> None:
        #: Leaves.
        self.count = 0
        #: Of the perfect subtrees, the largest first.
        self._hashes: list[bytes] = []

    @staticmethod
    def decode(frontier: bytes) -> MerkleTree:
        """A tree that goes on behind leaves of which only the frontier is known. `corrupt` for what is none."""
        tree = MerkleTree()
        tree.count = int.from_bytes(frontier[:_COUNT_BYTES], "big")
        hashes = frontier[_COUNT_BYTES:]
        if len(frontier) < _COUNT_BYTES or len(hashes) != tree.count.bit_count() * DIGEST_BYTES:
            raise make_error("corrupt", "cannot decode Merkle frontier: its length")
        tree._hashes = [
            hashes[at : at + DIGEST_BYTES] for at in range(0, len(hashes), DIGEST_BYTES)
        ]
        return tree

    def add(self, leaf: bytes) -> None:
        node = hashlib.sha256(b"\x00" + leaf).digest()
        count = self.count
        while count & 1:
            node = hashlib.sha256(b"\x01" + self._hashes.pop() + node).digest()
            count >>= 1
        self._hashes.append(node)
        self.count += 1

    def root(self) -> bytes:
        if not self._hashes:
            return hashlib.sha256(b"").digest()
        *left, node = self._hashes
        for other in reversed(left):
            node = hashlib.sha256(b"\x01" + other + node).digest()
        return node


def text_of_digest(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def digest_of_text(text: str) -> bytes:
    """The inverse, of what was made so."""
    return bytes.fromhex(text.removeprefix("sha256:"))
