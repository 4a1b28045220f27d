"""The reading half of `gdp://` for fsspec."""

from __future__ import annotations

import asyncio
import datetime
import functools
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path as LocalPath
from typing import Any, TypeVar

from fsspec.asyn import AsyncFileSystem, get_loop
from fsspec.callbacks import DEFAULT_CALLBACK

from .client import Client, Moment, moment_of
from .config import home_directory
from .errors import GdpfsError, NotADirectory, make_error
from .forks import ForkSafe
from .paths import SCHEME, parse_path, strip_scheme
from .ranges import read_ranges
from .reading import FileReader

Result = TypeVar("Result")


class _Clients(ForkSafe):
    """Those of this process, by profile and folder of profiles."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str | None, str, bool], Client] = {}
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def get(self, profile: str | None, directory: str, prove: bool) -> Client:
        key = (profile, directory, prove)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = Client(profile, directory, prove=prove)
            return client

    def forget(self) -> None:
        """The next ones begin without anything in their caches."""
        with self._lock:
            self._clients.clear()


CLIENTS = _Clients()


def client_of(
    profile: str | None, home: str | os.PathLike[str] | None, *, prove: bool = False
) -> Client:
    """The one client of this process for a profile."""
    directory = os.fspath(home) if home is not None else str(home_directory(os.environ))
    return CLIENTS.get(profile, directory, prove)


class ReadingFileSystem(AsyncFileSystem):
    """What a program can look at, see `GdpFileSystem`."""

    protocol = "gdp"
    root_marker = ""
    async_impl = True
    cachable = True
    _pid: int
    _loop: asyncio.AbstractEventLoop | None

    def __init__(
        self,
        profile: str | None = None,
        home: str | os.PathLike[str] | None = None,
        at: Moment | None = None,
        prove: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.prove = prove
        self.profile = profile
        self.home = home
        self.at = moment_of(at)

    @property
    def client(self) -> Client:
        return client_of(self.profile, self.home, prove=self.prove)

    @property
    def fsid(self) -> str:
        return f"gdp_{self.client.session.url}"

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        # In a child after fork(2) fsspec's thread is gone: there it gets another one.
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._loop = None if self.asynchronous else get_loop()
        return self._loop

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return strip_scheme(os.fspath(path))

    def unstrip_protocol(self, name: str) -> str:
        return f"{SCHEME}{strip_scheme(name)}"

    async def _run(self, call: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """In a thread: what waits for the network must not hold the event loop."""
        bound = functools.partial(call, *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self.client.calls, bound)

    def _moment(self, options: dict[str, Any]) -> str | None:
        at = options.get("at")
        return self.at if at is None else moment_of(at)

    # What is there

    async def _info(self, path: str, **options: Any) -> dict[str, Any]:
        return await self._run(self._stat, path, self._moment(options))

    def _stat(self, text: str, at: str | None) -> dict[str, Any]:
        path = parse_path(text)
        if not path.volume:
            return {"name": "", "size": 0, "type": "directory"}
        try:
            return _info_of(path.volume, self.client.stat(path, at))
        except NotADirectory as error:
            # What should be a directory on the way is a file.
            raise make_error("not_found", error.detail, error.hint) from error

    async def _exists(self, path: str, **options: Any) -> bool:
        try:
            await self._info(path, **options)
        except FileNotFoundError:
            return False
        return True

    async def _isfile(self, path: str) -> bool:
        return await self._type_of(path) == "file"

    async def _isdir(self, path: str) -> bool:
        return await self._type_of(path) == "directory"

    async def _type_of(self, path: str) -> str | None:
        """Also when the server cannot be reached: that is an error, and no answer."""
        try:
            return str((await self._info(path))["type"])
        except FileNotFoundError:
            return None

    async def _ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        infos = await self._run(self._list, path, self._moment(options))
        return infos if detail else [info["name"] for info in infos]

    def _list(self, text: str, at: str | None) -> list[dict[str, Any]]:
        path = parse_path(text)
        if not path.volume:
            return [
                {"name": volume["alias"], "size": 0, "type": "directory", "volume": volume["name"]}
                for volume in self.client.volumes()
            ]
        try:
            return [_info_of(path.volume, entry) for entry in self.client.entries(path, at=at)]
        except NotADirectory:
            return [self._stat(text, at)]

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **options: Any,
    ) -> Any:
        options.pop("prefix", None)
        path = self._strip_protocol(path)
        if maxdepth is not None or not path:
            deep = {"maxdepth": maxdepth, "withdirs": withdirs, "detail": detail}
            return await super()._find(path, **deep, **options)
        found = await self._run(self._find_all, path, withdirs, self._moment(options))
        return found if detail else list(found)

    def _find_all(self, text: str, withdirs: bool, at: str | None) -> dict[str, Any]:
        """Everything below, in pages rather than directory by directory."""
        path = parse_path(text)
        try:
            info = self._stat(text, at)
        except FileNotFoundError:
            return {}
        if info["type"] != "directory":
            return {text: info}
        found = {text: info} if withdirs else {}
        for entry in self.client.entries(path, recursive=True, at=at):
            if withdirs or entry["kind"] == "file":
                info = _info_of(path.volume, entry)
                found[info["name"]] = info
        return dict(sorted(found.items()))

    def created(self, path: str) -> datetime.datetime:
        """The time that the first version under this node had."""
        node = self.info(path)["node"]
        now = str(parse_path(path).now)
        return self.modified(now, at=node)

    def modified(self, path: str, **options: Any) -> datetime.datetime:
        info = self.info(path, **options)
        return datetime.datetime.fromtimestamp(info["mtime"], tz=datetime.timezone.utc)

    def ukey(self, path: str) -> str:
        """The same for the same content."""
        return self.checksum(path)

    def checksum(self, path: str) -> str:
        """The content root, `sha256:…`; of a directory, which state it has."""
        info = self.info(path)
        return str(info.get("ETag") or f"{info['name']}@{info.get('seq')}")

    # Reading

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **options: Any
    ) -> bytes:
        at = self._moment(options)
        return (await self._run(read_ranges, self.client, parse_path(path), [(start, end)], at))[0]

    async def _cat_ranges(
        self,
        paths: list[str],
        starts: Any,
        ends: Any,
        max_gap: int | None = None,
        batch_size: int | None = None,
        on_error: str = "return",
        **options: Any,
    ) -> list[Any]:
        """Ranges of one file are read together: what several need comes once."""
        if not isinstance(paths, list):
            raise TypeError("paths must be a list")
        bounds = list(zip(_as_list(starts, len(paths)), _as_list(ends, len(paths)), strict=True))
        if len(bounds) != len(paths):
            raise ValueError("as many starts and ends as paths are needed")
        by_path: dict[str, list[int]] = {}
        for index, path in enumerate(paths):
            by_path.setdefault(path, []).append(index)
        results: list[Any] = [None] * len(paths)
        at = self._moment(options)

        async def read(path: str, indexes: list[int]) -> None:
            ranges = [bounds[index] for index in indexes]
            try:
                found: Sequence[Any] = await self._run(
                    read_ranges, self.client, parse_path(path), ranges, at
                )
            except GdpfsError as error:
                if on_error != "return":
                    raise
                found = [error] * len(indexes)
            for index, data in zip(indexes, found, strict=True):
                results[index] = data

        await asyncio.gather(*(read(path, indexes) for path, indexes in by_path.items()))
        return results

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **options: Any
    ) -> None:
        if not hasattr(lpath, "write") and await self._isdir(rpath):
            await self._run(os.makedirs, lpath, exist_ok=True)
            return
        await self._run(self._download, rpath, lpath, callback, self._moment(options))

    def _download(self, rpath: str, lpath: Any, callback: Any, at: str | None) -> None:
        reader = FileReader(self.client, parse_path(rpath), at)
        callback.set_size(reader.size)

        def copy(file: Any) -> None:
            for piece in reader.pieces(0, reader.size):
                file.write(piece)
                callback.relative_update(len(piece))

        if hasattr(lpath, "write"):
            copy(lpath)
            return
        # Whole or not at all.
        target = LocalPath(lpath)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".gdpfs-part-{secrets.token_hex(16)}")
        try:
            with part.open("xb") as file:
                copy(file)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _info_of(volume: str, entry: dict[str, Any]) -> dict[str, Any]:
    """As fsspec wants it. `entry` is an `Entry` of the API."""
    inside = str(entry["path"]).partition("/")[2].partition("/")[2]
    kind = entry["kind"]
    info = {
        "name": f"{volume}/{inside}".rstrip("/"),
        "size": entry["size"],
        "type": kind if kind in ("file", "directory") else "other",
        "mtime": entry["mtimeUs"] / 1e6,
        "mode": entry["mode"],
        "author": entry["author"],
        "node": entry["node"],
        "seq": entry["seq"],
    }
    if "etag" in entry:
        info["ETag"] = entry["etag"]
    if kind == "symlink":
        info.update(islink=True, destination=entry.get("target"))
    return info


def _as_list(bounds: Any, count: int) -> list[Any]:
    return list(bounds) if isinstance(bounds, Iterable) else [bounds] * count
