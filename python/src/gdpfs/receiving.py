"""Chunks of files as they come from the server, verified."""

from __future__ import annotations

import hashlib
import http.client
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from .errors import GdpfsError, make_error, naming, shown
from .formats import FRAME_HEADER, Chunk, Manifest
from .limits import BAD_DATA_RETRIES_MAX, BODY_THREADS
from .paths import Path
from .session import CHUNKS, Session

CHUNK_DATA = "/api/v1/storage/file/chunks"

#: Where the bytes of the chunk of an index go.
Place = Callable[[int], memoryview]
#: What is done with them.
Visit = Callable[[int, memoryview], None]

#: What the server says of chunks that its disk has lost.
_DAMAGED = ("corrupt", "chunk_missing")


@dataclass(frozen=True)
class Version:
    """One version of a file: it is read as it was, whatever becomes of its path."""

    path: Path
    manifest: Manifest
    #: The seq of a state of the volume that has it; None: the present state, as long as it does.
    at: str | None

    @property
    def size(self) -> int:
        return self.manifest.size

    @property
    def etag(self) -> str:
        return self.manifest.root


class ChunkReceiver:
    """Safe for threads."""

    def __init__(self, session: Session, api_path: Callable[[Path], str]) -> None:
        self._session = session
        self._api_path = api_path
        #: Memory that `visit` uses, of a chunk each.
        self._spare: deque[memoryview] = deque(maxlen=BODY_THREADS)

    def fetch(self, version: Version, chunks: Sequence[Chunk]) -> list[memoryview]:
        """
        The bytes of the chunks, each verified. `changed` or `not_found` if the path has another version by now and the
        version is not of a moment.
        """
        memory = memoryview(bytearray(sum(chunk.length for chunk in chunks)))
        ends = list(accumulate(chunk.length for chunk in chunks))
        bodies = [memory[end - chunk.length : end] for chunk, end in zip(chunks, ends, strict=True)]
        self._deliver(version, chunks, bodies.__getitem__, lambda _index, _data: None)
        return bodies

    def visit(self, version: Version, chunks: Sequence[Chunk], visit: Visit) -> None:
        """
        The same for who needs little of each chunk: `visit` gets the index and the bytes of one after the other, maybe
        again, and must copy what it wants. No more than one is held.
        """
        # Fresh memory costs more than what is done with it here.
        needed = max(chunk.length for chunk in chunks)
        memory = self._spare.pop() if self._spare else memoryview(b"")
        if len(memory) < needed:
            memory = memoryview(bytearray(needed))
        self._deliver(version, chunks, lambda index: memory[: chunks[index].length], visit)
        self._spare.append(memory)

    def _deliver(
        self, version: Version, chunks: Sequence[Chunk], place: Place, visit: Visit
    ) -> None:
        """Reads each chunk to its place, and calls `visit` for what is verified."""
        bad: Sequence[int]
        try:
            bad = self._receive(version, chunks, place, visit)
        except GdpfsError as error:
            if error.code not in _DAMAGED:
                raise
            # The server knows that one is damaged. Which?
            bad = range(len(chunks))
        for index in bad:
            self._fetch_again(version, chunks[index], place(index))
            visit(index, place(index))

    def _fetch_again(self, version: Version, chunk: Chunk, target: memoryview) -> None:
        """It was the wire or the store: now the server looks closely."""
        where = f"{shown(version.path)} at byte {chunk.offset}"
        detail = f"cannot read {where}: the data does not have its digest"
        cause: GdpfsError | None = None
        for _ in range(BAD_DATA_RETRIES_MAX):
            try:
                bad = self._receive(
                    version, [chunk], lambda _index: target, lambda _index, _data: None, verify=True
                )
            except GdpfsError as error:
                if error.code not in _DAMAGED:
                    raise
                cause = error
                break
            if not bad:
                return
        hint = "the server's disk has damaged it: upload the file again, or restore a backup"
        raise make_error("corrupt", detail, hint, {"offset": chunk.offset}) from cause

    def _receive(
        self,
        version: Version,
        chunks: Sequence[Chunk],
        place: Place,
        visit: Visit,
        *,
        verify: bool = False,
    ) -> list[int]:
        """The indexes of the chunks that what came is not."""
        bad: list[int] = []

        def receive(response: http.client.HTTPResponse) -> None:
            bad.clear()
            header = bytearray(FRAME_HEADER.size)
            for index, chunk in enumerate(chunks):
                _read_whole(response, memoryview(header))
                offset, _, length = FRAME_HEADER.unpack(header)
                if offset != chunk.offset or length != chunk.length:
                    state = f"the frame at {chunk.offset} is not that of the manifest"
                    raise make_error("corrupt", f"cannot read {shown(version.path)}: {state}")
                body = place(index)
                _read_whole(response, body)
                # Now, while it is in the processor's cache. The digest says all that the checksum could.
                if hashlib.sha256(body).digest() == chunk.digest:
                    visit(index, body)
                else:
                    bad.append(index)

        query = {
            "path": self._api_path(version.path),
            "at": version.at,
            "ranges": _ranges_of(chunks),
            "verify": verify or None,
        }
        with naming(version.path):
            self._session.request(
                "GET",
                CHUNK_DATA,
                query=query,
                accept=CHUNKS,
                if_match=version.etag,
                receive=receive,
            )
        return bad


def _read_whole(response: http.client.HTTPResponse, target: memoryview) -> None:
    """Fills `target`, without another copy."""
    position = 0
    while position < len(target):
        count = response.readinto(target[position:])
        if count == 0:
            raise http.client.IncompleteRead(b"", len(target) - position)
        position += count


def _ranges_of(chunks: Sequence[Chunk]) -> str:
    """Neighbors share a range."""
    ranges: list[list[int]] = []
    for chunk in chunks:
        if ranges and sum(ranges[-1]) == chunk.offset:
            ranges[-1][1] += chunk.length
        else:
            ranges.append([chunk.offset, chunk.length])
    return ",".join(f"{offset}:{length}" for offset, length in ranges)
