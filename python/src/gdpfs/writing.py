"""Writing of files in bounded memory: nothing has the new content before `close`, and then at once or not at all."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, BinaryIO

from .client import FILE_CHUNKS, FILES, Client, file_log_of
from .connections import Buffer
from .errors import GdpfsError, make_error, shown
from .formats import FRAME_HEADER, Chunk, Manifest, chunk_of
from .limits import (
    BODY_BYTES,
    CHUNK_BYTES_DEFAULT,
    MIB,
    MISSING_DIGESTS_MAX,
    SENDING_BODIES_MAX,
    UNASKED_BODIES_MAX,
    WHOLE_FILE_BYTES,
)
from .paths import Path
from .receiving import CHUNK_DATA
from .session import BYTES, CHUNKS, DIGESTS, RECORDS

STORAGE = "/api/v1/storage/files"


def write_whole(client: Client, path: Path, data: Buffer, *, exclusive: bool = False) -> None:
    """A file in one request. Its server's word for what it is is compared with `data`."""
    with memoryview(data).cast("B") as view:
        answer = client.session.json(
            "POST",
            STORAGE,
            query={"path": client.api_path(path), "parents": True},
            body=(BYTES, (view,)),
            if_absent=exclusive,
            changes=True,
        )
        _confirm(client, path, view, answer)


def _confirm(client: Client, path: Path, data: memoryview, answer: dict[str, Any]) -> None:
    """What the volume has at the change's own seq must be what was sent."""
    if answer.get("etag") == Manifest.of(_cut(data, CHUNK_BYTES_DEFAULT), len(data)).root:
        return
    # The server cuts in another way, as the volume or the file before it says.
    version = client.version_written(path, str(answer["seq"]))
    is_same = version.size == len(data) and all(
        chunk_of(chunk.offset, data[chunk.offset : chunk.end]).digest == chunk.digest
        for chunk in version.manifest
    )
    # Zeros that are in no chunk are a hole.
    if not is_same or sum(chunk.length for chunk in version.manifest) != version.size:
        raise make_error("corrupt", f"cannot confirm {shown(path)}: the server has other bytes")


def _cut(data: memoryview, chunk_size: int) -> Iterator[Chunk]:
    return (
        chunk_of(offset, data[offset : offset + chunk_size])
        for offset in range(0, len(data), chunk_size)
    )


class _Body:
    """Frames of chunks, one behind the other as they are sent, in memory that is used again and again."""

    def __init__(self, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._chunks_max = max(BODY_BYTES // chunk_size, 1)
        self._memory = memoryview(bytearray(self._chunks_max * (FRAME_HEADER.size + chunk_size)))
        #: Bytes of the file in it.
        self.length = 0

    @property
    def is_full(self) -> bool:
        return self.length == self._chunks_max * self._chunk_size

    def take(self, data: memoryview) -> int:
        """How much of it fitted in."""
        taken = 0
        while taken < len(data) and not self.is_full:
            index, filled = divmod(self.length, self._chunk_size)
            count = min(len(data) - taken, self._chunk_size - filled)
            place = index * (FRAME_HEADER.size + self._chunk_size) + FRAME_HEADER.size + filled
            self._memory[place : place + count] = data[taken : taken + count]
            taken += count
            self.length += count
        return taken

    def seal(self, offset: int) -> list[Chunk]:
        """The chunks, if the first one is at `offset` of the file; the frames say the same."""
        chunks: list[Chunk] = []
        while (done := len(chunks) * self._chunk_size) < self.length:
            frame = self._frame(len(chunks), min(self._chunk_size, self.length - done))
            chunk = chunk_of(offset + done, frame[FRAME_HEADER.size :])
            FRAME_HEADER.pack_into(frame, 0, chunk.offset, chunk.checksum, chunk.length)
            chunks.append(chunk)
        return chunks

    def frames(self, chunks: list[Chunk], indexes: list[int]) -> tuple[memoryview, ...]:
        if len(indexes) == len(chunks):
            return (self._memory[: len(chunks) * FRAME_HEADER.size + self.length],)
        return tuple(self._frame(index, chunks[index].length) for index in indexes)

    def _frame(self, index: int, length: int) -> memoryview:
        start = index * (FRAME_HEADER.size + self._chunk_size)
        return self._memory[start : start + FRAME_HEADER.size + length]


class ChunkSender:
    """
    Brings a part of a file into an upload, some bodies of chunks at once; what the volume has already is not sent.
    """

    def __init__(
        self, client: Client, upload: dict[str, Any], chunk_size: int, *, offset: int = 0
    ) -> None:
        """The part begins at `offset`."""
        self._client = client
        self._id = str(upload["upload"])
        self._is_volume_empty = bool(upload["empty"])
        self._lock = threading.Lock()
        #: How many bodies were sent unasked after the last question that was worth nothing, and how many still may be.
        self._unasked = 0
        self._unasked_left = 0
        self.chunk_size = chunk_size
        self._chunks: list[Chunk] = []
        #: Where the body that is being filled begins.
        self._offset = offset
        self._filling: _Body | None = None
        self._sending: deque[Future[list[Chunk]]] = deque()
        #: How many bodies there are, and those that are not on their way.
        self._bodies = 0
        self._free: SimpleQueue[_Body] = SimpleQueue()

    @property
    def query(self) -> dict[str, Any]:
        return {"upload": self._id}

    @property
    def end(self) -> int:
        """Where in the file what was written ends."""
        return self._offset + (0 if self._filling is None else self._filling.length)

    def write(self, data: memoryview) -> None:
        """More of the part. It waits while too much is under way."""
        while len(data) > 0:
            if self._filling is None:
                self._filling = self._next_body()
            data = data[self._filling.take(data) :]
            if self._filling.is_full:
                self._send_filled(self._filling)

    def finish(self) -> list[Chunk]:
        """All chunks of the part, once they are durable."""
        if self._filling is not None:
            self._send_filled(self._filling)
        for sent in self._sending:
            self._chunks += sent.result()
        self._sending.clear()
        return self._chunks

    def _next_body(self) -> _Body:
        """Whichever has arrived: to wait for the oldest would let the others wait, and they tend to arrive together."""
        if self._bodies <= SENDING_BODIES_MAX and self._free.empty():
            self._bodies += 1
            return _Body(self.chunk_size)
        body = self._free.get()
        while self._sending and self._sending[0].done():
            self._chunks += self._sending.popleft().result()
        return body

    def _send_filled(self, body: _Body) -> None:
        offset = self._offset
        # From then on it may be emptied at any time.
        self._offset += body.length
        self._filling = None
        self._sending.append(self._client.bodies.submit(self._send, body, offset))

    def _send(self, body: _Body, offset: int) -> list[Chunk]:
        try:
            return self._send_missing(body, offset)
        finally:
            body.length = 0
            self._free.put(body)

    def _send_missing(self, body: _Body, offset: int) -> list[Chunk]:
        chunks = body.seal(offset)
        missing = self._missing(chunks)
        if missing:
            frames = (CHUNKS, body.frames(chunks, missing))
            self._client.session.request("POST", CHUNK_DATA, query=self.query, body=frames)
        return chunks

    def _missing(self, chunks: list[Chunk]) -> list[int]:
        """
        A question for each body costs a tenth of what it takes to send it: behind one of which the volume had nothing
        some go unasked, more each time.
        """
        with self._lock:
            if self._is_volume_empty or self._unasked_left > 0:
                self._unasked_left -= 1
                return list(range(len(chunks)))
        missing = self._ask(chunks)
        with self._lock:
            is_new = len(missing) == len(chunks)
            self._unasked = min(2 * self._unasked + 1, UNASKED_BODIES_MAX) if is_new else 0
            self._unasked_left = self._unasked
        return missing

    def _ask(self, chunks: list[Chunk]) -> list[int]:
        digests = b"".join(chunk.digest for chunk in chunks)
        answer = self._client.session.json(
            "POST", FILE_CHUNKS, query=self.query, body=(DIGESTS, (digests,))
        )
        return [int(index) for index in answer["missing"]]

    def missing_of(self, chunks: list[Chunk]) -> list[Chunk]:
        """Those that the server lacks after all."""
        lost: list[Chunk] = []
        for start in range(0, len(chunks), MISSING_DIGESTS_MAX):
            page = chunks[start : start + MISSING_DIGESTS_MAX]
            lost += [page[index] for index in self._ask(page)]
        return lost


class FileWriter:
    """
    New content for a path. It is held up to `WHOLE_FILE_BYTES`; beyond that it goes to the server as it comes, or, in a
    volume whose files are cut by content, waits in a temporary file for the server to cut it.
    """

    def __init__(
        self, client: Client, path: Path, *, exclusive: bool = False, size: int | None = None
    ) -> None:
        """`size`: bytes, if it is known."""
        self._client = client
        self._path = path
        self._exclusive = exclusive
        self._size = size
        self._process = os.getpid()
        self._buffer = bytearray()
        self._sender: ChunkSender | None = None
        self._spool: BinaryIO | None = None

    def write(self, data: Buffer) -> None:
        self._check_process()
        with memoryview(data).cast("B") as view:
            # Large data piece by piece, or it would be held twice.
            for start in range(0, len(view), BODY_BYTES):
                self._put(view[start : start + BODY_BYTES])

    def _put(self, data: memoryview) -> None:
        if self._sender is not None:
            self._sender.write(data)
        elif self._spool is not None:
            self._spool.write(data)
        else:
            self._buffer += data
            if len(self._buffer) >= WHOLE_FILE_BYTES:
                self._open()
                held, self._buffer = self._buffer, bytearray()
                self._put(memoryview(held))

    def commit(self) -> None:
        """Makes it the content of the path; on return it is durable."""
        self._check_process()
        if self._spool is not None:
            self._commit_spool(self._spool)
        elif self._sender is None:
            write_whole(self._client, self._path, self._buffer, exclusive=self._exclusive)
        else:
            self._commit_chunks(self._sender, self._sender.finish(), self._sender.end)
        self.discard()

    def discard(self) -> None:
        """Leaves the path as it is."""
        self._buffer = bytearray()
        self._sender = None
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            detail = f"cannot write {shown(self._path)}: it was opened by another process"
            raise make_error("usage", detail, "open it again after the fork")

    def _open(self) -> None:
        body = {"kind": "upload", "path": self._client.api_path(self._path), "size": self._size}
        known = {name: value for name, value in body.items() if value is not None}
        upload = self._client.session.json(
            "POST", FILES, json_body=known, if_absent=self._exclusive, changes=True
        )
        chunking = upload["chunking"]
        if chunking["mode"] == "fixed":
            self._sender = ChunkSender(self._client, upload, int(chunking["chunkSize"]))
        else:
            self._spool = tempfile.TemporaryFile(prefix="gdpfs-")  # noqa: SIM115

    def _commit_chunks(self, sender: ChunkSender, chunks: list[Chunk], size: int) -> None:
        client = self._client
        log = file_log_of(chunks, size=size, chunk_size=sender.chunk_size)
        query = {
            **sender.query,
            "path": client.api_path(self._path),
            "size": size,
            "root": log.root,
            "content": log.manifest.root,
            "parents": True,
        }
        try:
            answer = client.session.json(
                "PATCH",
                FILES,
                query=query,
                body=(RECORDS, (log.records,)),
                if_absent=self._exclusive,
                changes=True,
            )
        except GdpfsError as error:
            if error.code != "chunk_missing":
                raise
            lost = ", ".join(str(chunk.offset) for chunk in sender.missing_of(chunks)[:4])
            detail = f"cannot write {shown(self._path)}: the server lost what was sent at {lost}"
            raise make_error("corrupt", detail, "write it again") from error
        if client.etag_written(self._path, str(answer["seq"])) != log.manifest.root:
            raise make_error("corrupt", f"cannot confirm {shown(self._path)}: it has other bytes")

    def _commit_spool(self, spool: BinaryIO) -> None:
        spool.flush()
        send_file(self._client, self._path, spool, exclusive=self._exclusive)


def send_file(client: Client, path: Path, file: BinaryIO, *, exclusive: bool = False) -> None:
    """A local file in one request, cut by the server; afterwards both are compared chunk by chunk."""
    size = file.seek(0, io.SEEK_END)
    answer = client.session.json(
        "POST",
        STORAGE,
        query={"path": client.api_path(path), "parents": True},
        body=(BYTES, FileParts(file, size)),
        if_absent=exclusive,
        changes=True,
    )
    version = client.version_written(path, str(answer["seq"]))
    position = 0
    for chunk in version.manifest:
        file.seek(chunk.offset)
        data = file.read(chunk.length)
        if chunk.offset != position or chunk_of(chunk.offset, data).digest != chunk.digest:
            detail = f"cannot confirm {shown(path)}: the server has other bytes at {chunk.offset}"
            raise make_error("corrupt", detail, "did the local file change meanwhile?")
        position = chunk.end
    if position != size:
        raise make_error(
            "corrupt", f"cannot confirm {shown(path)}: the server has {position} bytes"
        )


class FileParts:
    """The content of a file as a body of a request, read while it is sent, and from the start for a repeat."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        left = self._size
        while left > 0:
            part = self._file.read(min(left, MIB))
            if not part:
                raise make_error("source_changed", "cannot send file: it became shorter meanwhile")
            left -= len(part)
            yield part


def put_file(client: Client, path: Path, file: BinaryIO, *, exclusive: bool = False) -> None:
    """A local file, of which no more than a few bodies are held."""
    size = os.fstat(file.fileno()).st_size
    writer = FileWriter(client, path, exclusive=exclusive, size=size)
    read = 0
    while part := file.read(min(WHOLE_FILE_BYTES, size - read)):
        read += len(part)
        writer.write(part)
    if read != size or file.read(1):
        writer.discard()
        state = f"it had {size} bytes, and has changed since"
        raise make_error("source_changed", f"cannot send {shown(file.name)}: {state}")
    writer.commit()
