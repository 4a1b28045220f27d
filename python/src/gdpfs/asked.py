"""Changes that a program asks for, as whoever signs them has to know them. Paths are inside the volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .connections import Buffer
from .formats import Manifest
from .state_map import StateEntry


@dataclass(frozen=True)
class SentLog:
    """A new file whose log was made here."""

    name: bytes
    count: int
    root: bytes
    manifest: Manifest


@dataclass(frozen=True)
class SentBytes:
    """A new file whose log the server makes of the bytes."""

    size: int
    #: So many bytes at an offset.
    read: Callable[[int, int], Buffer]


@dataclass(frozen=True)
class Continued:
    """What goes on behind the content that is there."""

    #: That content's root.
    before: bytes
    #: What is added to the log.
    records: list[bytes]
    #: All of it, afterwards.
    manifest: Manifest


@dataclass(frozen=True)
class MakeDirectory:
    path: str
    #: Missing ones on the way are made too, and it may exist.
    parents: bool


@dataclass(frozen=True)
class PutFile:
    """New content for a path; missing directories on the way are made."""

    path: str
    content: SentLog | SentBytes
    #: Nothing may be there.
    exclusive: bool


@dataclass(frozen=True)
class AppendFile:
    path: str
    content: Continued


@dataclass(frozen=True)
class Rename:
    path: str
    to: str


@dataclass(frozen=True)
class Copy:
    """Of a file or a symbolic link."""

    path: str
    to: str
    #: What it is a copy of, proven, if that is of the past; else what is at the path.
    past: StateEntry | None


@dataclass(frozen=True)
class Remove:
    path: str
    #: A directory goes with everything below it; else only an empty one.
    recursive: bool
    #: `file` or `directory`: of no other kind.
    only: str | None


@dataclass(frozen=True)
class SetTime:
    path: str
    mtime_us: int


Asked = MakeDirectory | PutFile | AppendFile | Rename | Copy | Remove | SetTime
