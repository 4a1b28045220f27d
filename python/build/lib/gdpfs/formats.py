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
_SAFE_INTEGER_MAX = 2**53 - 1

# GDPfsMsg, GDPfsMeta and GDPfsFchunk: tags of fields, which are number << 3 | wire type.
_MSG_META, _MSG_FCHUNK = b"\x0a", b"\x12"
_META_VERSION, _META_KIND, _META_NONCE, _META_HASH = b"\x08", b"\x10", b"\x1a", b"\x20"
_META_CREATED, _META_CHUNK_SIZE = b"\x28", b"\x48"
_FCHUNK_OFFSET, _FCHUNK_LENGTH = b"\x08", b"\x10"
_FCHUNK_CHECKSUM, _FCHUNK_DIGEST = b"\x1d", b"\x22"
_KIND_FILE = 2
_SHA256 = 1


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


def chunk_of(offset: int, data: bytes | bytearray | memoryview) -> Chunk:
    digest = hashlib.sha256(data).digest()
    return Chunk(offset, len(data), zlib.crc32(data), digest)


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
        self._count = 0
        #: Of the perfect subtrees, the largest first.
        self._hashes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        node = hashlib.sha256(b"\x00" + leaf).digest()
        count = self._count
        while count & 1:
            node = hashlib.sha256(b"\x01" + self._hashes.pop() + node).digest()
            count >>= 1
        self._hashes.append(node)
        self._count += 1

    def root(self) -> bytes:
        if not self._hashes:
            return hashlib.sha256(b"").digest()
        *left, node = self._hashes
        for other in reversed(left):
            node = hashlib.sha256(b"\x01" + other + node).digest()
        return node


def text_of_digest(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


class FileLog(NamedTuple):
    """What a commit says of a new file."""

    #: In records framing.
    records: bytes
    #: Root of the log, `sha256:…`
    root: str
    manifest: Manifest


def new_file_log(
    chunks: list[Chunk], *, size: int, chunk_size: int, created_ms: int, nonce: bytes
) -> FileLog:
    """The log of a new file: its meta record and an fchunk for each chunk."""
    tree = MerkleTree()
    framed = bytearray()
    records = [encode_meta(nonce=nonce, created_ms=created_ms, chunk_size=chunk_size)]
    records += [encode_fchunk(chunk) for chunk in chunks]
    if (chunks[-1].end if chunks else 0) < size:
        records.append(encode_fchunk(Chunk(size, 0, 0, b"")))
    for record in records:
        tree.add(record)
        framed += frame_record(record)
    return FileLog(bytes(framed), text_of_digest(tree.root()), Manifest.of(chunks, size))


def frame_record(record: bytes) -> bytes:
    return struct.pack(">I", len(record)) + record


def encode_meta(*, nonce: bytes, created_ms: int, chunk_size: int) -> bytes:
    """Record 0 of a file log."""
    body = b"".join(
        [
            _META_VERSION + _varint(1),
            _META_KIND + _varint(_KIND_FILE),
            _META_NONCE + _varint(len(nonce)) + nonce,
            _META_HASH + _varint(_SHA256),
            _META_CREATED + _varint(created_ms),
            _META_CHUNK_SIZE + _varint(chunk_size),
        ]
    )
    return _MSG_META + _varint(len(body)) + body


def encode_fchunk(chunk: Chunk) -> bytes:
    """From `chunk.offset` on the file is this chunk; of length 0, it ends there."""
    offset, length, checksum, digest = chunk
    body = b"" if offset == 0 else _FCHUNK_OFFSET + _varint(offset)
    if length > 0:
        body += _FCHUNK_LENGTH + _varint(length)
        if checksum != 0:
            body += _FCHUNK_CHECKSUM + struct.pack("<I", checksum)
        body += _FCHUNK_DIGEST + _varint(len(digest)) + digest
    return _MSG_FCHUNK + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    if not 0 <= value <= _SAFE_INTEGER_MAX:
        raise make_error("bad_request", f"cannot encode {value}: need 0 to 2^53 - 1")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
