"""Writing of files in bounded memory: nothing has the new content before `close`, and then at once or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from .asked import PutFile, SentBytes, SentLog
from .client import FILES, Client, file_log_of
from .connections import Buffer, Parts
from .errors import GdpfsError, make_error, shown
from .formats import Chunk, Manifest, chunk_of, text_of_digest
from .limits import (
    BODY_BYTES,
    CHUNK_BYTES_DEFAULT,
    MIB,
    WHOLE_FILE_BYTES,
)
from .paths import Path
from .records import frame_records
from .sending import ChunkSender
from .session import BYTES, RECORDS, json_of
from .signing import Request

STORAGE = "/api/v1/storage/files"


def write_whole(client: Client, path: Path, data: Buffer, *, exclusive: bool = False) -> None:
    """A file in one request. Its server's word for what it is is compared with `data`."""
    with memoryview(data).cast("B") as view:
        content = SentBytes(len(view), lambda offset, length: view[offset : offset + length])
        answer = _send_bytes(client, PutFile(path.path, content, exclusive), path, (view,))
        _confirm(client, path, view, answer)


def _send_bytes(
    client: Client, asked: PutFile, path: Path, body: Parts | tuple[Buffer, ...]
) -> dict[str, Any]:
    query = {"path": client.api_path(path), "parents": True}
    options = {"body": (BYTES, body), "if_absent": asked.exclusive}
    return json_of(client.change(path, asked, Request("POST", STORAGE, query, options)))


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
        body = {"kind": "upload", "size": self._size}
        known = {name: value for name, value in body.items() if value is not None}
        upload = self._client.open_upload(self._path, known, if_absent=self._exclusive)
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
            "root": text_of_digest(log.root),
            "content": log.manifest.root,
            "parents": True,
        }
        options = {"body": (RECORDS, (frame_records(log.records),)), "if_absent": self._exclusive}
        content = SentLog(log.name, len(log.records), log.root, log.manifest)
        asked = PutFile(self._path.path, content, self._exclusive)
        try:
            answer = json_of(
                client.change(self._path, asked, Request("PATCH", FILES, query, options))
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

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        return file.read(length)

    asked = PutFile(path.path, SentBytes(size, read), exclusive)
    answer = _send_bytes(client, asked, path, FileParts(file, size))
    version = client.version_written(path, str(answer["seq"]))
    position = 0
    for chunk in version.manifest:
        data = read(chunk.offset, chunk.length)
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
