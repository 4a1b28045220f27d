"""Open files of fsspec: what `GdpFileSystem.open` gives."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from fsspec.spec import AbstractBufferedFile

from .appending import FileAppender
from .errors import shown
from .limits import BODY_BYTES
from .paths import parse_path
from .reading import FileReader
from .receiving import Version
from .writing import FileWriter

_LINE_BLOCK_BYTES = 8192


class GdpReadFile(AbstractBufferedFile):
    """
    Reads one version of a file, the one that was there when it was opened. Chunks are cached and fetched ahead by
    `FileReader`; another cache of fsspec's is only put before it if one is asked for by name.
    """

    loc: int
    closed: bool

    def __init__(
        self, fs: Any, path: str, reader: FileReader, *, cache_type: str | None, **options: Any
    ) -> None:
        self._reader = reader
        self._cache_type = cache_type
        options["block_size"] = options.get("block_size") or BODY_BYTES
        kind = cache_type or "none"
        super().__init__(fs, path, "rb", size=reader.size, cache_type=kind, **options)

    @property
    def version(self) -> Version:
        return self._reader.version

    @property
    def details(self) -> dict[str, Any]:
        version = self.version
        return {"name": self.path, "size": version.size, "type": "file", "ETag": version.etag}

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._reader.read(start, end)

    def readinto(self, target: Any) -> int:
        if self._cache_type is not None:
            return int(super().readinto(target))
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        with memoryview(target).cast("B") as view:
            count = self._reader.read_into(self.loc, view)
        self.loc += count
        return count

    def readline(self, size: int = -1) -> bytes:
        start = self.loc
        line = bytes(self.readuntil(b"\n", blocks=_LINE_BLOCK_BYTES))
        if 0 <= size < len(line):
            self.loc = start + size
            return line[:size]
        return line

    def close(self) -> None:
        self._reader.close()
        super().close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Whoever gets it reads the same version."""
        return _reopen, (self.fs, self.path, self.version.at, self._cache_type, self.loc)


def _reopen(fs: Any, path: str, at: str | None, cache_type: str | None, loc: int) -> GdpReadFile:
    file: GdpReadFile = fs.open(path, "rb", at=at, cache_type=cache_type)
    file.seek(loc)
    return file


class _Output(AbstractBufferedFile):
    """A file that is written from its start, or its end, to its end."""

    loc: int
    closed: bool

    def __init__(self, fs: Any, path: str, mode: str, *, autocommit: bool) -> None:
        super().__init__(fs, path, mode, autocommit=autocommit)
        # Nothing of the base class's buffer is used.
        self.forced = True

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        with memoryview(data).cast("B") as view:
            self._put(view)
            count = len(view)
        self.loc += count
        return count

    def _put(self, data: memoryview) -> None:
        raise NotImplementedError

    def __exit__(self, kind: object, *rest: object) -> None:
        # What a failing program has written so far is not what the file should be.
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            text = f"{shown(self.path)} was never closed: what was written to it last is lost"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
            self.discard()

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"cannot pickle {shown(self.path)}: it is open for writing")


class GdpWriteFile(_Output):
    """The path has the new content when the file is closed; until then, and if that fails, the old one."""

    def __init__(
        self, fs: Any, path: str, mode: str, *, autocommit: bool, size: int | None
    ) -> None:
        exclusive = mode == "xb"
        self._writer = FileWriter(fs.client, parse_path(path), exclusive=exclusive, size=size)
        super().__init__(fs, path, mode, autocommit=autocommit)
        self._is_discarded = False

    def _put(self, data: memoryview) -> None:
        self._writer.write(data)

    def flush(self, force: bool = False) -> None:
        """Nothing to do: a file is written whole or not at all."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self.autocommit and not self._is_discarded:
            self.commit()

    def commit(self) -> None:
        """At the end of a transaction."""
        self._writer.commit()

    def discard(self) -> None:
        self._is_discarded = True
        self.closed = True
        self._writer.discard()


class GdpAppendFile(_Output):
    """Each flush adds what was written to the file, durably; a program may flush as often as it likes."""

    def __init__(self, fs: Any, path: str) -> None:
        self._appender = FileAppender(fs.client, parse_path(path))
        super().__init__(fs, path, "ab", autocommit=True)
        self.loc = self._appender.size

    def _put(self, data: memoryview) -> None:
        self._appender.write(data)

    def flush(self, force: bool = False) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if force:
            self._appender.flush()
        else:
            self._appender.flush_soon()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._appender.flush()

    def discard(self) -> None:
        """What was flushed stays."""
        self.closed = True


class GdpAsyncFile:
    """An open file for coroutines; one call at a time."""

    def __init__(self, run: Callable[..., Awaitable[Any]], file: Any) -> None:
        self._run = run
        self._file = file

    async def read(self, length: int = -1) -> bytes:
        return bytes(await self._run(self._file.read, length))

    async def write(self, data: Any) -> int:
        return int(await self._run(self._file.write, data))

    async def flush(self) -> None:
        await self._run(self._file.flush)

    async def close(self) -> None:
        await self._run(self._file.close)

    def seek(self, place: int, whence: int = 0) -> int:
        return int(self._file.seek(place, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    async def __aenter__(self) -> GdpAsyncFile:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._run(self._file.__exit__, *failure)
