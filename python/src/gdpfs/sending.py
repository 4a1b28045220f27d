"""Sending of chunks into an upload, some bodies at once, in memory that is used again and again."""

from __future__ import annotations

import threading
import zlib
from collections import deque
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from .client import FILE_CHUNKS, Client
from .errors import make_error
from .formats import FRAME_HEADER, Chunk, chunk_of
from .limits import BODY_BYTES, MISSING_DIGESTS_MAX, SENDING_BODIES_MAX, UNASKED_BODIES_MAX
from .receiving import CHUNK_DATA
from .session import CHUNKS, DIGESTS


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

    def seal(self, offset: int, *, summed: bool) -> list[Chunk]:
        """
        The chunks, if the first one is at `offset` of the file; the frames say the same. Without `summed` their
        checksums mean nothing.
        """
        chunks: list[Chunk] = []
        while (done := len(chunks) * self._chunk_size) < self.length:
            frame = self._frame(len(chunks), min(self._chunk_size, self.length - done))
            chunk = chunk_of(offset + done, frame[FRAME_HEADER.size :], summed=summed)
            FRAME_HEADER.pack_into(frame, 0, chunk.offset, chunk.checksum, chunk.length)
            chunks.append(chunk)
        return chunks

    def checksum(self, index: int, length: int) -> int:
        """Of one of the chunks."""
        return zlib.crc32(self._frame(index, length)[FRAME_HEADER.size :])

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
        #: Checksums of what is sent come from the server, which computes them anyway.
        self._is_summed = not upload.get("unsummed", False)
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
        chunks = body.seal(offset, summed=self._is_summed)
        missing = self._missing(chunks)
        checksums = self._send_frames(body.frames(chunks, missing)) if missing else []
        if self._is_summed:
            return chunks
        if len(checksums) != len(missing):
            state = f"checksums of {len(checksums)} chunks, need {len(missing)}"
            raise make_error("corrupt", f"cannot use response: it has {state}")
        told = dict(zip(missing, checksums, strict=True))
        return [
            chunk._replace(
                checksum=told[index] if index in told else body.checksum(index, chunk.length)
            )
            for index, chunk in enumerate(chunks)
        ]

    def _send_frames(self, frames: tuple[memoryview, ...]) -> list[int]:
        """The checksums, if the server was to compute them."""
        query = self.query if self._is_summed else {**self.query, "unsummed": True}
        answer = self._client.session.json("POST", CHUNK_DATA, query=query, body=(CHUNKS, frames))
        return [int(checksum) & 0xFFFFFFFF for checksum in answer.get("checksums", [])]

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
