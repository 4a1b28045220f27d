"""Reading of many ranges of a file at once: few round trips, and no more memory than for the result."""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Sequence

from .client import Client
from .errors import GdpfsError
from .formats import Chunk
from .paths import Path
from .reading import GONE, groups_of
from .receiving import Version

#: A start and an end, each of which may count from the file's end, as in slices.
Bounds = tuple[int | None, int | None]


def read_ranges(
    client: Client, path: Path, ranges: Sequence[Bounds], at: str | None
) -> list[bytes]:
    """
    Ranges of one version of a file, the newest, or that of a moment, in parallel: what several need is fetched once.
    """
    known = client.known_version(path) if at is None else None
    if known is not None:
        try:
            # It is asked for by its ETag: if the path has another version by now, the server says so.
            reading = _Reading(client, known, ranges)
            if reading.run() or client.stat(path).get("etag") == known.etag:
                return reading.results()
        except GdpfsError as error:
            if error.code not in GONE:
                raise
        client.forget_version(path)
    reading = _Reading(client, client.version(path, at), ranges)
    reading.run()
    return reading.results()


class _Range:
    """One range, and its bytes: zeros, as holes are, until they come. Memory is taken when they do."""

    __slots__ = ("_buffer", "_memory", "_whole", "end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = max(start, end)
        self._whole: bytes | None = None
        self._memory: io.BytesIO | None = None
        self._buffer = memoryview(b"")

    def take(self, chunk: Chunk, data: memoryview, lock: threading.Lock) -> None:
        """What it needs of the chunk. `lock` keeps out other threads that bring other chunks."""
        first, last = max(self.start, chunk.offset), min(self.end, chunk.end)
        part = data[first - chunk.offset : last - chunk.offset]
        if len(part) == self.end - self.start:
            # Nothing else is needed.
            self._whole = bytes(part)
            return
        with lock:
            if self._memory is None:
                # Of all that makes `bytes` only this can be filled piece by piece without another copy.
                self._memory = io.BytesIO()
                self._memory.seek(self.end - self.start - 1)
                self._memory.write(b"\0")
                self._buffer = self._memory.getbuffer()
        self._buffer[first - self.start : last - self.start] = part

    def result(self) -> bytes:
        if self._whole is not None:
            return self._whole
        if self._memory is None:
            return bytes(self.end - self.start)
        self._buffer.release()
        return self._memory.getvalue()


class _Reading:
    """Ranges of one version."""

    def __init__(self, client: Client, version: Version, ranges: Sequence[Bounds]) -> None:
        self._client = client
        self._version = version
        self._lock = threading.Lock()
        bounds = [slice(*bound).indices(version.size)[:2] for bound in ranges]
        self._ranges = [_Range(start, end) for start, end in bounds]
        #: By the index of each chunk that is needed.
        self._users: dict[int, list[_Range]] = {}
        for one in self._ranges:
            for index in version.manifest.overlapping(one.start, one.end):
                self._users.setdefault(index, []).append(one)

    def results(self) -> list[bytes]:
        return [one.result() for one in self._ranges]

    def run(self) -> bool:
        """Whether the server was asked for anything."""
        manifest = self._version.manifest
        missing: list[int] = []
        for index in sorted(self._users):
            kept = self._client.chunks.get(manifest[index].digest)
            if kept is None:
                missing.append(index)
            else:
                self._give(manifest[index], index, kept)
        groups = groups_of([manifest[index] for index in missing], missing, merge=True)
        if len(groups) == 1:
            # A single one need not wait for a thread.
            self._fetch_and_keep(groups[0])
        else:
            self._fetch_all(groups)
        return bool(groups)

    def _give(self, chunk: Chunk, index: int, data: memoryview) -> None:
        for one in self._users[index]:
            one.take(chunk, data, self._lock)

    def _fetch_and_keep(self, group: list[int]) -> None:
        """Who reads a little here and there may come back for what lies beside it."""
        chunks = [self._version.manifest[index] for index in group]
        bodies = self._client.fetch(self._version, chunks)
        for index, chunk, data in zip(group, chunks, bodies, strict=True):
            self._give(chunk, index, data)
            # A view would keep the whole body.
            own = data if len(chunks) == 1 else memoryview(bytes(data))
            self._client.chunks.put(chunk.digest, own)

    def _fetch_all(self, groups: list[list[int]]) -> None:
        left = deque(groups)

        def work() -> None:
            while True:
                try:
                    group = left.popleft()
                except IndexError:
                    return
                self._visit(group)

        readers = min(len(groups), self._client.readers_max)
        reading = [self._client.bodies.submit(work) for _ in range(readers)]
        try:
            for future in reading:
                future.result()
        finally:
            # If one has failed, the others need not go on.
            left.clear()
            for future in reading:
                future.cancel()

    def _visit(self, group: list[int]) -> None:
        chunks = [self._version.manifest[index] for index in group]
        self._client.receiver.visit(
            self._version,
            chunks,
            lambda place, data: self._give(chunks[place], group[place], data),
        )
