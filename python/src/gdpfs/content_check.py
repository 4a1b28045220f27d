"""File logs that a server made, compared with the content that they are for."""

from __future__ import annotations

from typing import NamedTuple

from .asked import Continued, SentBytes, SentLog
from .formats import Manifest, MerkleTree, chunk_of, digest_of_text
from .limits import MIB
from .record_check import elsewise
from .records import fold_chunks, log_name, require_file_meta
from .state_map import StateEntry


class LogPart(NamedTuple):
    """Records that a change adds to a file log."""

    name: bytes
    first_seq: int
    #: Encoded, over the records before; empty for a new log.
    frontier: bytes
    records: list[bytes]


class Pin(NamedTuple):
    """What an entry says of a file's content."""

    size: int
    log: bytes
    log_count: int
    root: bytes
    content: bytes


class ContentCheck:
    """Goes through the logs one by one. What is not what it must be is `untrusted` or `corrupt`."""

    def __init__(self, parts: list[LogPart]) -> None:
        self._parts = parts
        self._next = 0

    def made(self, asked: SentLog | SentBytes) -> Pin:
        """Of a new file."""
        if isinstance(asked, SentLog):
            return _pin(asked.manifest, asked.name, asked.count, asked.root)
        part = self._take()
        if part.first_seq != 0 or part.frontier:
            raise elsewise("a file log is not new")
        root = _root_of_new(part)
        manifest = fold_chunks(part.records[1:])
        _require_bytes(manifest, asked)
        return _pin(manifest, part.name, len(part.records), root)

    def continued(self, asked: Continued, before: StateEntry) -> Pin:
        """Of a file that goes on in its log; or in a new one, if others have gone on in that."""
        part = self._take()
        if part.first_seq == 0:
            root = _root_of_new(part)
            if fold_chunks(part.records[1:]).root != asked.manifest.root:
                raise elsewise("a file that was to be continued has another content")
            return _pin(asked.manifest, part.name, len(part.records), root)
        tree = MerkleTree.decode(part.frontier)
        place = (part.name, part.first_seq, tree.count, tree.root())
        if place != (before.log, before.log_count, part.first_seq, before.root):
            raise elsewise("a file does not go on from what it was")
        if part.records != asked.records:
            raise elsewise("a file goes on with something else")
        for record in part.records:
            tree.add(record)
        return _pin(asked.manifest, part.name, tree.count, tree.root())

    def end(self) -> None:
        """Nothing may follow."""
        if self._next < len(self._parts):
            raise elsewise("it has file logs that nothing names")

    def _take(self) -> LogPart:
        if self._next == len(self._parts):
            raise elsewise("a file log is missing")
        self._next += 1
        return self._parts[self._next - 1]


def _pin(manifest: Manifest, log: bytes, count: int, root: bytes) -> Pin:
    return Pin(manifest.size, log, count, root, digest_of_text(manifest.root))


def _root_of_new(part: LogPart) -> bytes:
    """Of a log whose first record must name it."""
    if not part.records or log_name(part.records[0]) != part.name:
        raise elsewise("a file log has another name")
    require_file_meta(part.records[0])
    tree = MerkleTree()
    for record in part.records:
        tree.add(record)
    return tree.root()


def _require_bytes(manifest: Manifest, asked: SentBytes) -> None:
    """Each chunk is of the bytes at its place, and where there is none they are zeros."""
    if manifest.size != asked.size:
        raise elsewise(f"a file has {manifest.size} bytes, need {asked.size}")
    end = 0
    for chunk in manifest:
        _require_zeros(asked, end, chunk.offset)
        if chunk_of(chunk.offset, asked.read(chunk.offset, chunk.length)) != chunk:
            raise elsewise(f"a chunk at {chunk.offset} is not of the bytes that were sent")
        end = chunk.end
    _require_zeros(asked, end, asked.size)


def _require_zeros(asked: SentBytes, start: int, end: int) -> None:
    for at in range(start, end, MIB):
        length = min(MIB, end - at)
        if asked.read(at, length) != bytes(length):
            raise elsewise(f"the bytes at {at} are left out")
