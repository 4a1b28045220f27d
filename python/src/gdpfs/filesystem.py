"""`gdp://` for fsspec, and by that for pandas, pyarrow, Hugging Face datasets, zarr, PyTorch and others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from glob import has_magic
from pathlib import Path as LocalPath
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK

from .errors import make_error, shown
from .file_lookup import ReadingFileSystem
from .files import GdpAppendFile, GdpAsyncFile, GdpReadFile, GdpWriteFile
from .limits import WHOLE_FILE_BYTES
from .paths import Path, parse_path, require_now, require_volume
from .reading import FileReader
from .writing import FileWriter, put_file, write_whole

_WRITING_MODES = ("wb", "xb", "ab")


class GdpFileSystem(ReadingFileSystem):
    """
    Files of a gdpfs server.

    Parameters: `profile`, a name that `gdpfs login --profile` gave (`$GDPFS_PROFILE` if absent, or the current one);
    `home`, the folder of profiles (`$GDPFS_HOME` if absent); `at`, a moment: a seq of the volume, the name of a
    snapshot or an RFC 3339 time, at which everything is looked at, and nothing can be written; `prove`: what the server
    says of paths must be proven, also if the profile
    does not say so.
    """

    def _writable(self, text: str, verb: str) -> Path:
        """The path, if it can be changed."""
        path = parse_path(text)
        require_volume(path, verb)
        require_now(path, verb)
        if self.at is not None:
            state = f"this file system is that of {self.at}"
            hint = "open one without at="
            raise make_error("read_only", f"cannot {verb} {shown(path)}: {state}", hint)
        return path

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
        size: int | None = None,
        **options: Any,
    ) -> Any:
        """
        An open file. `at` is a moment, for reading; `size`, for writing, the bytes that are to come, if they are known.
        """
        if mode == "rb":
            reader = FileReader(self.client, parse_path(path), self._moment(options))
            return GdpReadFile(
                self,
                path,
                reader,
                cache_type=cache_type,
                block_size=block_size,
                cache_options=cache_options,
            )
        if mode not in _WRITING_MODES:
            state = f"the mode is {shown(mode)}, need rb, wb, xb or ab"
            hint = "a file is read, appended to, or written anew as a whole"
            raise make_error("usage", f"cannot open {shown(path)}: {state}", hint)
        target = self._writable(path, "write")
        if mode == "ab":
            return GdpAppendFile(self, path)
        self._refuse_early(target, is_exclusive=mode == "xb")
        return GdpWriteFile(self, path, mode, autocommit=autocommit, size=size)

    async def open_async(self, path: str, mode: str = "rb", **options: Any) -> GdpAsyncFile:
        file = await self._run(self._open, self._strip_protocol(path), mode, **options)
        return GdpAsyncFile(self._run, file)

    def _refuse_early(self, path: Path, *, is_exclusive: bool) -> None:
        """What would otherwise fail when everything has been written."""
        with contextlib.suppress(FileNotFoundError):
            kind = self.client.stat(path)["kind"]
            if is_exclusive:
                raise make_error("exists", f"cannot create {shown(path)}: it exists")
            if kind == "directory":
                detail = f"cannot write {shown(path)}: a directory, need a file or nothing"
                raise make_error("is_a_directory", detail)

    async def _pipe_file(
        self, path: str, value: Any, mode: str = "overwrite", **options: Any
    ) -> None:
        target = self._writable(path, "write")
        await self._run(self._write, target, value, exclusive=mode == "create")

    def _write(self, path: Path, value: Any, *, exclusive: bool) -> None:
        with memoryview(value).cast("B") as data:
            if len(data) < WHOLE_FILE_BYTES:
                write_whole(self.client, path, data, exclusive=exclusive)
                return
            writer = FileWriter(self.client, path, exclusive=exclusive, size=len(data))
            writer.write(data)
            writer.commit()

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **options: Any,
    ) -> None:
        target = self._writable(rpath, "write")
        if LocalPath(lpath).is_dir():
            await self._makedirs(rpath, exist_ok=True)
            return
        await self._run(self._upload, lpath, target, callback, exclusive=mode == "create")

    def _upload(self, lpath: str, path: Path, callback: Any, *, exclusive: bool) -> None:
        with LocalPath(lpath).open("rb") as file:
            callback.set_size(os.fstat(file.fileno()).st_size)
            put_file(self.client, path, file, exclusive=exclusive)
            callback.absolute_update(file.tell())

    async def _cp_file(self, path1: str, path2: str, **options: Any) -> None:
        target = self._writable(path2, "write")
        await self._run(self._copy_one, parse_path(path1), target, self._moment(options))

    def _copy_one(self, path: Path, to: Path, at: str | None) -> None:
        if self.client.stat(path, at)["kind"] == "directory":
            self.client.make_directory(to, parents=True)
        elif self._is_same_volume(path, to):
            self._with_parents(to, lambda: self.client.copy(path, to, at=at))
        else:
            reader = FileReader(self.client, path, at)
            writer = FileWriter(self.client, to, size=reader.size)
            for piece in reader.pieces(0, reader.size):
                writer.write(piece)
            writer.commit()

    def _is_same_volume(self, path: Path, to: Path) -> bool:
        first, second = (self.client.api_path(Path(one.volume, "")) for one in (path, to))
        return first == second

    def _with_parents(self, path: Path, change: Callable[[], None]) -> None:
        """Makes the directory of `path` first, if it is that which is missing."""
        try:
            change()
        except FileNotFoundError:
            if not path.parent.path:
                raise
            self.client.make_directory(path.parent, parents=True)
            change()

    async def _mv_file(self, path1: str, path2: str) -> None:
        source, target = self._writable(path1, "move"), self._writable(path2, "move")
        await self._run(self._rename, source, target)

    def _rename(self, path: Path, to: Path) -> None:
        self.client.stat(path)
        self._with_parents(to, lambda: self.client.rename(path, to))

    def mv(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        **options: Any,
    ) -> None:
        """
        A rename: one atomic change, also of a directory with all that is below it. Into a directory that is there,
        as `mv` does. Between volumes, and for patterns, a copy and a removal.
        """
        names = (path1, path2)
        is_plain = all(isinstance(name, str) and not has_magic(name) for name in names)
        if not is_plain or maxdepth is not None:
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **options)
            return
        source, target = self._writable(path1, "move"), self._writable(path2, "move")
        if not self._is_same_volume(source, target):
            super().mv(path1, path2, recursive=recursive, **options)
            return
        if path2.endswith("/") or self.isdir(path2):
            name = source.path.rpartition("/")[2]
            target = Path(target.volume, f"{target.path}/{name}".strip("/"))
        if source != target:
            self._rename(source, target)

    async def _rm_file(self, path: str, **options: Any) -> None:
        target = self._writable(path, "remove")
        await self._run(self.client.remove, target, only="file")

    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **options: Any,
    ) -> None:
        """A directory goes with all that is below it in one change."""
        if maxdepth is not None:
            paths = await self._expand_path(path, recursive=recursive, maxdepth=maxdepth)
            for one in reversed(paths):
                await self._run(self.client.remove, self._writable(one, "remove"))
            return
        for one in await self._expand_path(path, recursive=False):
            target = self._writable(one, "remove")
            await self._run(self.client.remove, target, recursive=recursive)

    async def _mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        await self._run(self._make, self._writable(path, "make"), create_parents)

    def _make(self, path: Path, create_parents: bool) -> None:
        if create_parents and path.parent.path:
            self.client.make_directory(path.parent, parents=True)
        self.client.make_directory(path, parents=False)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        target = self._writable(path, "make")
        if exist_ok and not target.path:
            await self._info(path)
        elif exist_ok:
            await self._run(self.client.make_directory, target, parents=True)
        else:
            await self._run(self._make, target, True)

    async def _rmdir(self, path: str) -> None:
        await self._run(self.rmdir, path)

    def rmdir(self, path: str) -> None:
        """Only an empty directory."""
        self.client.remove(self._writable(path, "remove"), only="directory")

    def touch(self, path: str, truncate: bool = True, **options: Any) -> None:
        """An empty file; without `truncate` one that is there gets the present time, and stays as it is."""
        if truncate or not self.exists(path):
            self.pipe_file(path, b"")
        else:
            self.client.set_time(self._writable(path, "touch"))
