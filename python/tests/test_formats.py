"""The formats against the fixtures that are written for ever, and against the server's word."""

from __future__ import annotations

import hashlib
import os

import pytest

from gdpfs.errors import Corrupt
from gdpfs.formats import Chunk, Manifest, MerkleTree, chunk_of, encode_entry
from gdpfs.records import encode_fchunk


def test_the_root_of_nothing_and_of_one_leaf_are_those_of_rfc_6962() -> None:
    tree = MerkleTree()
    assert tree.root() == hashlib.sha256(b"").digest()
    tree.add(b"leaf")
    assert tree.root() == hashlib.sha256(b"\x00leaf").digest()


@pytest.mark.parametrize("count", [2, 3, 5, 6, 7, 8, 9, 31, 64, 100])
def test_the_root_is_that_of_the_recursive_definition(count: int) -> None:
    leaves = [bytes([number]) for number in range(count)]

    def root(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return hashlib.sha256(b"\x00" + part[0]).digest()
        split = 1 << ((len(part) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + root(part[:split]) + root(part[split:])).digest()

    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root() == root(leaves)


def test_a_range_finds_the_chunks_that_hold_a_byte_of_it() -> None:
    # A hole from 10 to 20, and one at the end.
    chunks = [Chunk(0, 10, 0, bytes(32)), Chunk(20, 5, 0, bytes(32)), Chunk(25, 5, 0, bytes(32))]
    manifest = Manifest.of(chunks, 40)
    for start in range(41):
        for end in range(start, 41):
            wanted = [
                index
                for index, chunk in enumerate(chunks)
                if chunk.offset < end and chunk.end > start and start < end
            ]
            assert list(manifest.overlapping(start, end)) == wanted, (start, end)


@pytest.mark.parametrize(
    "chunks",
    [
        [Chunk(0, 10, 0, bytes(32)), Chunk(9, 1, 0, bytes(32))],
        [Chunk(0, 0, 0, bytes(32))],
        [Chunk(0, 11, 0, bytes(32))],
        [Chunk(0, 5 * 2**20, 0, bytes(32))],
    ],
    ids=["overlapping", "empty", "behind the end", "too long"],
)
def test_a_manifest_that_is_no_file_is_refused(chunks: list[Chunk]) -> None:
    with pytest.raises(Corrupt):
        Manifest(b"".join(map(encode_entry, chunks)), 10)


def test_an_fchunk_is_the_message_that_protocol_buffers_would_write() -> None:
    chunk = Chunk(offset=300, length=5, checksum=0x01020304, digest=b"d" * 32)
    body = b"\x08\xac\x02" + b"\x10\x05" + b"\x1d\x04\x03\x02\x01" + b"\x22\x20" + b"d" * 32
    assert encode_fchunk(chunk) == b"\x12" + bytes([len(body)]) + body


def test_a_chunk_has_the_checksums_of_its_bytes() -> None:
    data = os.urandom(1000)
    chunk = chunk_of(7, data)
    assert (chunk.offset, chunk.length, chunk.end) == (7, 1000, 1007)
    assert chunk.digest == hashlib.sha256(data).digest()
