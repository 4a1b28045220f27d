"""Records of version 1 that a client makes or compares: docs/formats.md."""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from .errors import GdpfsError, make_error
from .formats import DIGEST_BYTES, NONCE_BYTES, Chunk, Manifest, MerkleTree
from .limits import CHUNK_BYTES_MAX
from .protobuf import MessageWriter, Value, read_fields
from .state_map import StateEntry

# Fields of GDPfsMsg.
_META, _FCHUNK, _DENTRY = 1, 2, 3
_VERSION, _KIND_FILE, _SHA256 = 1, 2, 1
_SAFE_INTEGER_MAX = 2**53 - 1
_UINT64_END = 2**64


class FileLog(NamedTuple):
    """What a commit says of a new file."""

    records: list[bytes]
    #: Of the log, by which dentries call it.
    name: bytes
    root: bytes
    manifest: Manifest


def new_file_log(
    chunks: list[Chunk], *, size: int, chunk_size: int, created_ms: int, nonce: bytes
) -> FileLog:
    """The log of a new file: its meta record and an fchunk for each chunk."""
    records = [encode_meta(nonce=nonce, created_ms=created_ms, chunk_size=chunk_size)]
    records += [encode_fchunk(chunk) for chunk in chunks]
    if (chunks[-1].end if chunks else 0) < size:
        records.append(encode_fchunk(Chunk(size, 0, 0, b"")))
    tree = MerkleTree()
    for record in records:
        tree.add(record)
    return FileLog(records, log_name(records[0]), tree.root(), Manifest.of(chunks, size))


def frame_records(records: list[bytes]) -> bytes:
    """As commits carry them."""
    return b"".join(struct.pack(">I", len(record)) + record for record in records)


def log_name(meta: bytes) -> bytes:
    """Of the log that begins with this record."""
    return hashlib.sha256(meta).digest()


def encode_meta(*, nonce: bytes, created_ms: int, chunk_size: int) -> bytes:
    """Record 0 of a file log."""
    out = MessageWriter()
    out.number(1, _VERSION)
    out.number(2, _KIND_FILE)
    out.data(3, nonce)
    out.number(4, _SHA256)
    out.number(5, created_ms)
    out.number(9, chunk_size)
    return out.wrapped(_META)


def require_file_meta(record: bytes) -> None:
    """`corrupt` unless it is record 0 of a file log."""
    fields = _body(record, _META)
    is_ours = (fields.get(1), fields.get(2), fields.get(4)) == (_VERSION, _KIND_FILE, _SHA256)
    nonce, chunk_size = fields.get(3), fields.get(9)
    if not is_ours or not isinstance(nonce, bytes) or len(nonce) != NONCE_BYTES:
        raise _malformed("its first record is none")
    if not isinstance(chunk_size, int) or not 1 <= chunk_size <= CHUNK_BYTES_MAX:
        raise _malformed(f"its chunk size is {chunk_size!r}")


def encode_fchunk(chunk: Chunk) -> bytes:
    """From `chunk.offset` on the file is this chunk; of length 0, it ends there."""
    out = MessageWriter()
    out.number(1, chunk.offset)
    if chunk.length > 0:
        out.number(2, chunk.length)
        out.fixed32(3, chunk.checksum)
        out.data(4, chunk.digest)
    return out.wrapped(_FCHUNK)


def decode_fchunk(record: bytes) -> Chunk:
    """`corrupt` for what is none."""
    fields = _body(record, _FCHUNK)
    offset, length = fields.get(1, 0), fields.get(2, 0)
    checksum, digest = fields.get(3, bytes(4)), fields.get(4, b"")
    if not isinstance(offset, int) or not isinstance(length, int):
        raise _malformed("a chunk without a place")
    if not isinstance(checksum, bytes) or not isinstance(digest, bytes) or len(checksum) != 4:
        raise _malformed("a chunk without a digest")
    if length > CHUNK_BYTES_MAX or offset + length > _SAFE_INTEGER_MAX:
        raise _malformed(f"a chunk of {length} bytes at {offset}")
    if len(digest) != (DIGEST_BYTES if length else 0):
        raise _malformed("a chunk without a digest")
    return Chunk(offset, length, int.from_bytes(checksum, "little"), digest)


def fold_chunks(fchunks: list[bytes]) -> Manifest:
    """What the records of a file log, behind its first one, add up to. `corrupt` if they do not."""
    live: list[Chunk] = []
    size = 0
    for chunk in map(decode_fchunk, fchunks):
        # What was at or behind its offset is gone.
        while live and live[-1].offset >= chunk.offset:
            live.pop()
        if live and live[-1].end > chunk.offset:
            raise _malformed(f"a chunk at {chunk.offset}, inside of another")
        if chunk.length > 0:
            live.append(chunk)
        size = chunk.end
    return Manifest.of(live, size)


def encode_dentry(entry: StateEntry, *, is_new: bool) -> bytes:
    """What makes the entry; `is_new`: with a node of its own, numbered by the record."""
    out = MessageWriter()
    out.number(1, entry.parent)
    out.data(2, entry.name.encode())
    if not is_new:
        out.number(3, entry.node, is_explicit=True)
    out.number(4, entry.kind)
    out.data(5, entry.log)
    out.number(6, entry.size)
    out.data(7, entry.root)
    out.number(8, entry.log_count)
    out.data(9, entry.content)
    out.number(10, entry.mode)
    out.number(11, entry.mtime_us)
    out.data(12, entry.author.encode())
    out.data(14, entry.target.encode())
    return out.wrapped(_DENTRY)


def encode_removal(entry: StateEntry, author: str) -> bytes:
    """What hides the node of the entry, and all below it."""
    out = MessageWriter()
    out.number(1, entry.parent)
    out.data(2, entry.name.encode())
    out.number(3, entry.node, is_explicit=True)
    out.number(4, entry.kind)
    out.data(12, author.encode())
    out.number(13, 1)
    return out.wrapped(_DENTRY)


def time_of_dentry(record: bytes) -> int:
    """Its `mtime_us`. `corrupt` for what is no dentry."""
    time = _body(record, _DENTRY).get(11, 0)
    if not isinstance(time, int):
        raise _malformed("a time that is none")
    return time - _UINT64_END if time >= _UINT64_END // 2 else time


def _body(record: bytes, field: int) -> dict[int, Value]:
    try:
        body = dict(read_fields(record)).get(field)
        if isinstance(body, bytes):
            return dict(read_fields(body))
    except ValueError as cause:
        raise _malformed("it is none") from cause
    raise _malformed("it is of another kind")


def _malformed(why: str) -> GdpfsError:
    return make_error("corrupt", f"cannot read record: {why}")
