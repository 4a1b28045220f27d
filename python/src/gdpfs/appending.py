"""Appending to files, by programs that may do so at the same time."""

from __future__ import annotations

import contextlib
import os
import time

from .asked import AppendFile, Continued
from .client import FILES, Client
from .connections import Buffer
from .errors import GdpfsError, make_error, shown
from .formats import Chunk, Manifest, digest_of_text
from .limits import (
    APPEND_SECONDS_MIN,
    CHUNK_BYTES_DEFAULT,
    CONFLICT_RETRIES_MAX,
    CUT_BYTES_MIN,
    WHOLE_FILE_BYTES,
)
from .paths import Path
from .receiving import Version
from .records import encode_fchunk, frame_records
from .sending import ChunkSender
from .session import RECORDS
from .signing import Request
from .writing import write_whole


class FileAppender:
    """Adds to the end of a file, which is made if it is not there. Each flush is a change of its own."""

    def __init__(self, client: Client, path: Path) -> None:
        self._client = client
        self._path = path
        self._process = os.getpid()
        self._buffer = bytearray()
        self._flushed = 0.0
        self.size = self._size_now()

    def _size_now(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self._client.version(self._path).size
        return 0

    def write(self, data: Buffer) -> None:
        self._buffer += data
        if len(self._buffer) >= WHOLE_FILE_BYTES:
            self.flush()

    def flush_soon(self) -> None:
        """For programs that flush at each line: not more often than once in `APPEND_SECONDS_MIN`."""
        if time.monotonic() - self._flushed >= APPEND_SECONDS_MIN:
            self.flush()

    def flush(self) -> None:
        """On return what was written is durable, behind what others have appended meanwhile."""
        if os.getpid() != self._process:
            detail = f"cannot append to {shown(self._path)}: it was opened by another process"
            raise make_error("usage", detail, "open it again after the fork")
        self._flushed = time.monotonic()
        if not self._buffer:
            return
        data = bytes(self._buffer)
        for attempt in range(CONFLICT_RETRIES_MAX):
            try:
                self._append(data)
                self._buffer.clear()
                return
            except GdpfsError as error:
                # Somebody else's change came between.
                last = attempt == CONFLICT_RETRIES_MAX - 1
                if last or error.code not in ("changed", "exists", "upload_not_found"):
                    raise

    def _append(self, data: bytes) -> None:
        try:
            version = self._client.version(self._path)
        except FileNotFoundError:
            write_whole(self._client, self._path, data, exclusive=True)
            return
        size = version.size + len(data)
        body = {"kind": "append", "content": version.etag, "size": size}
        upload = self._client.open_upload(self._path, body)
        chunking = upload["chunking"]
        chunk_size = int(chunking.get("chunkSize", CHUNK_BYTES_DEFAULT))
        # In a volume that is cut by content only chunks that none would be as small as are made longer.
        full = chunk_size if chunking["mode"] == "fixed" else CUT_BYTES_MIN
        kept, start, head = self._last_part(version, full, chunk_size)
        sender = ChunkSender(self._client, upload, chunk_size, offset=start)
        for part in (head, data):
            sender.write(memoryview(part))
        added = sender.finish()
        self._commit(version, sender, kept + added, added, size)

    def _last_part(
        self, version: Version, full: int, chunk_size: int
    ) -> tuple[list[Chunk], int, bytes]:
        """The chunks that stay, where the new ones begin, and the bytes of the last one if that is written again."""
        kept = list(version.manifest)
        if kept and kept[-1].end == version.size and kept[-1].length < min(full, chunk_size):
            last = kept.pop()
            (head,) = self._client.fetch(version, [last])
            return kept, last.offset, bytes(head)
        return kept, version.size, b""

    def _commit(
        self,
        version: Version,
        sender: ChunkSender,
        chunks: list[Chunk],
        added: list[Chunk],
        size: int,
    ) -> None:
        records = [encode_fchunk(chunk) for chunk in added]
        manifest = Manifest.of(chunks, size)
        query = {
            **sender.query,
            "path": self._client.api_path(self._path),
            "size": size,
            "content": manifest.root,
        }
        options = {"body": (RECORDS, (frame_records(records),)), "if_match": version.etag}
        content = Continued(digest_of_text(version.etag), records, manifest)
        asked = AppendFile(self._path.path, content)
        self._client.change(self._path, asked, Request("PATCH", FILES, query, options))
