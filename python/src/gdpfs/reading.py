"""Reading of files: one version each, verified, and fetched ahead of a reader that goes through it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from .client import Client
from .errors import GdpfsError
from .forks import ForkSafe
from .formats import Chunk, Manifest
from .limits import (
    BODY_BYTES,
    RANGES_MAX,
    READ_AHEAD_BYTES,
    READ_STEP_BYTES,
)
from .paths import Path

#: What a version that is not pinned turns out to be when its path has another by now.
GONE = ("changed", "not_found", "not_a_directory", "is_a_directory", "not_a_file")


@dataclass
class _Body:
    """Chunks that lie one behind the other, on their way or here."""

    #: Index of the first chunk.
    first: int
    chunks: Sequence[Chunk]
    future: Future[list[memoryview]]

    @property
    def end(self) -> int:
        return self.chunks[-1].end


class FileReader(ForkSafe):
    """
    An open file. All that is read of it is of one version, also when the path is replaced or removed meanwhile.
    """

    def __init__(self, client: Client, path: Path, at: str | None = None) -> None:
        self._client = client
        self.version = client.version(path, at)
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        #: By the index of each chunk in it.
        self._bodies: dict[int, _Body] = {}
        #: Where the last read ended.
        self._position = 0
        self._ahead_bytes = 0
        #: To where it is fetched ahead.
        self._horizon = 0

    @property
    def size(self) -> int:
        return self.version.size

    def close(self) -> None:
        """Lets go of what was fetched ahead. The file may still be read."""
        with self._lock:
            for body in self._bodies.values():
                body.future.cancel()
            self._bodies.clear()

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end) of the file, cut to it."""
        return b"".join(self.pieces(start, end))

    def read_into(self, start: int, target: memoryview) -> int:
        """Fills `target`, as far as the file goes; how much that was."""
        position = 0
        for piece in self.pieces(start, start + len(target)):
            target[position : position + len(piece)] = piece
            position += len(piece)
        return position

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """The same, as it lies in memory."""
        end = min(end, self.size)
        while start < end:
            step = min(end, start + READ_STEP_BYTES)
            yield from _assemble(
                self.version.manifest, start, step, self._data_of(start, step, end)
            )
            start = step

    def _data_of(self, start: int, end: int, wanted_end: int) -> Callable[[int], memoryview]:
        """Where the chunks of [start, end) come from. It will go on to `wanted_end`, as far as is known."""
        indexes = self.version.manifest.overlapping(start, end)
        with self._lock:
            is_sequential = start == self._position and (start > 0 or wanted_end > BODY_BYTES)
            self._position = end
            self._prepare(start, indexes, is_sequential, wanted_end)
            # Another thread may let go of them.
            bodies = {index: self._bodies[index] for index in indexes}
        return lambda index: self._wait(bodies[index], index)

    def _wait(self, body: _Body, index: int) -> memoryview:
        try:
            return body.future.result()[index - body.first]
        except GdpfsError as error:
            self._forget(body)
            if error.code != "corrupt" or len(body.chunks) == 1:
                raise
            # One that was asked for with it may be what is damaged.
            return self._client.fetch(self.version, [body.chunks[index - body.first]])[0]
        except BaseException:
            self._forget(body)
            raise

    def _forget(self, body: _Body) -> None:
        """The next read asks again."""
        with self._lock:
            for index in range(body.first, body.first + len(body.chunks)):
                if self._bodies.get(index) is body:
                    del self._bodies[index]

    def _prepare(self, start: int, indexes: range, is_sequential: bool, wanted_end: int) -> None:
        """Has all chunks of `indexes` fetched that are not here, and those behind them that will be needed."""
        manifest = self.version.manifest
        ahead = indexes
        if is_sequential:
            self._ahead_bytes = min(max(2 * self._ahead_bytes, BODY_BYTES), READ_AHEAD_BYTES)
            if wanted_end - start > BODY_BYTES:
                self._ahead_bytes = READ_AHEAD_BYTES
            # Not a chunk at a time, as the reader goes on, but in large bodies.
            if self._horizon - self._position <= self._ahead_bytes // 2:
                self._horizon = self._position + self._ahead_bytes
            last = manifest.overlapping(start, min(self.size, self._horizon))
            ahead = range(indexes.start, max(indexes.stop, last.stop))
        else:
            self._ahead_bytes = self._horizon = 0
        self._drop_bodies(start, ahead)
        missing: list[int] = []
        for index in ahead:
            if index in self._bodies:
                continue
            kept = self._client.chunks.get(manifest[index].digest)
            if kept is not None:
                done: Future[list[memoryview]] = Future()
                done.set_result([kept])
                self._bodies[index] = _Body(index, [manifest[index]], done)
            else:
                missing.append(index)
        for group in groups_of([manifest[index] for index in missing], missing, merge=False):
            self._fetch([manifest[index] for index in group], group, keep=not is_sequential)

    def _fetch(self, chunks: list[Chunk], indexes: list[int], *, keep: bool) -> None:
        body = _Body(indexes[0], chunks, self._client.fetch_later(self.version, chunks))
        if keep:
            body.future.add_done_callback(lambda future: self._keep(chunks, future))
        for index in indexes:
            self._bodies[index] = body

    def _keep(self, chunks: list[Chunk], future: Future[list[memoryview]]) -> None:
        """Somebody who jumps around may come back."""
        if future.cancelled() or future.exception() is not None:
            return
        for chunk, data in zip(chunks, future.result(), strict=True):
            # A view would keep the whole body.
            own = data if len(chunks) == 1 else memoryview(bytes(data))
            self._client.chunks.put(chunk.digest, own)

    def _drop_bodies(self, start: int, needed: range) -> None:
        """Those behind the reader, and those that it jumped away from."""
        for index, body in list(self._bodies.items()):
            if index not in needed or body.end <= start:
                del self._bodies[index]


def _assemble(
    manifest: Manifest, start: int, end: int, data_of: Callable[[int], memoryview]
) -> Iterator[bytes | memoryview]:
    """The bytes [start, end), of chunks and of holes between them."""
    position = start
    for index in manifest.overlapping(start, end):
        chunk = manifest[index]
        data = data_of(index)
        if chunk.offset > position:
            yield bytes(chunk.offset - position)
            position = chunk.offset
        until = min(chunk.end, end)
        yield data[position - chunk.offset : until - chunk.offset]
        position = until
    if position < end:
        yield bytes(end - position)


def groups_of(chunks: Sequence[Chunk], indexes: Sequence[int], *, merge: bool) -> list[list[int]]:
    """
    Parts of `indexes`, each to be asked for in one request. A group has neighbors only, or with `merge` as many
    ranges as a request may have.
    """
    groups: list[list[int]] = []
    size = ranges = 0
    last: Chunk | None = None
    for chunk, index in zip(chunks, indexes, strict=True):
        is_next = last is not None and last.end == chunk.offset
        new_ranges = ranges + (0 if is_next else 1)
        fits = size + chunk.length <= BODY_BYTES and new_ranges <= (RANGES_MAX if merge else 1)
        if not groups or not fits:
            groups.append([])
            size, new_ranges = 0, 1
        groups[-1].append(index)
        size, ranges, last = size + chunk.length, new_ranges, chunk
    return groups
