"""What a gdpfs server offers, as one principal: names, versions of files, and their verified bytes."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, unquote

from .asked import Asked, Copy, MakeDirectory, Remove, Rename, SetTime
from .caches import BoundedCache
from .config import Home
from .connections import Answer
from .errors import make_error, naming, shown
from .forks import ForkSafe
from .formats import NONCE_BYTES, Chunk, Manifest
from .keys import VolumeKeys
from .limits import (
    BODY_THREADS,
    CALL_THREADS,
    CHUNK_CACHE_BYTES,
    INLINE_BYTES,
    LIST_PAGE_MAX,
    MANIFEST_CACHE_BYTES,
    VERSIONS_MAX,
)
from .paths import Path, is_snapshot_name, require_now, require_volume
from .proofs import Proofs, ProvenEntry
from .receiving import ChunkReceiver, Version
from .records import FileLog, new_file_log
from .session import MANIFEST, Session, json_of
from .signing import Changes, Request
from .trust import TrustedVolumes

FILES = "/api/v1/files"
FILE_CHUNKS = "/api/v1/file/chunks"

#: A seq, the name of a snapshot, or an RFC 3339 time, or a time.
Moment = int | str | datetime.datetime


class Client(ForkSafe):
    """Safe for threads, and usable in a child after fork(2). One for each profile is enough for a process."""

    def __init__(
        self,
        profile: str | None = None,
        home: str | os.PathLike[str] | None = None,
        *,
        prove: bool = False,
        chunk_cache_bytes: int = CHUNK_CACHE_BYTES,
    ) -> None:
        """With `prove` what the server says of paths must be proven, whatever the profile says."""
        self._home = Home(os.fspath(home) if home is not None else None)
        self._profile = self._home.profile(profile)
        self.session = Session(self._home, self._profile)
        self._trust = TrustedVolumes(self._home, self._profile, self.session)
        self._prover = Proofs(self.session, self._trust)
        #: If all that the server says of paths must be proven.
        self._proofs = self._prover if prove or self._profile.prove else None
        keys = VolumeKeys(self._home.directory / "keys")
        self._changes = Changes(self.session, self._trust, keys, self._profile.principal)
        self._manifests: BoundedCache[str, Manifest] = BoundedCache(
            MANIFEST_CACHE_BYTES, lambda manifest: manifest.memory_bytes
        )
        self._versions: BoundedCache[Path, Version] = BoundedCache(VERSIONS_MAX, lambda _: 1)
        #: By digest: what is in there is right for ever.
        self.chunks: BoundedCache[bytes, memoryview] = BoundedCache(chunk_cache_bytes, len)
        self.receiver = ChunkReceiver(self.session, self.api_path)
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, ThreadPoolExecutor] = {}

    @property
    def principal(self) -> str:
        return self._profile.principal

    @property
    def bodies(self) -> ThreadPoolExecutor:
        """Threads that move and check bodies of chunks; what runs there waits for nothing else there."""
        return self._pool("bodies", BODY_THREADS)

    @property
    def readers_max(self) -> int:
        """
        How many of them should read at once. Behind a round trip they wait for each other's answers to come; where
        there is none each further one only costs a connection, and waits for the interpreter.
        """
        if not self.session.is_near:
            return BODY_THREADS
        return max(2, min(os.cpu_count() or 1, BODY_THREADS))

    @property
    def calls(self) -> ThreadPoolExecutor:
        """Threads for whole calls."""
        return self._pool("calls", CALL_THREADS)

    def _pool(self, name: str, threads: int) -> ThreadPoolExecutor:
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                pool = ThreadPoolExecutor(threads, thread_name_prefix=f"gdpfs-{name}")
                self._pools[name] = pool
            return pool

    # Names

    def api_path(self, path: Path) -> str:
        """As requests carry it, with the volume's own name, see `TrustedVolumes`, and without what pins it."""
        require_volume(path, "use")
        name = self._trust.name_of(path.volume)
        return f"/{name}/{path.path}" if path.path else f"/{name}"

    def moment(self, path: Path, at: str | None) -> str | None:
        """
        What the server is asked for: the seq that the volume's owner has signed for a name, so no other state can be
        shown under it. `usage` if the path is pinned to another state than that at `at`.
        """
        require_volume(path, "look at")
        asked = self._seq_of(path, at)
        pinned = self._seq_of(path, path.pin)
        if pinned is not None and asked is not None and asked != pinned:
            state = f"it is the state after record {pinned}, and that at {shown(at)} is asked for"
            raise make_error("usage", f"cannot look at {shown(path)}: {state}")
        return asked if pinned is None else pinned

    def _seq_of(self, path: Path, at: str | None) -> str | None:
        if at is None or not is_snapshot_name(at):
            return at
        return str(self._trust.snapshot(path.volume, at))

    def volumes(self) -> list[dict[str, Any]]:
        """Those that we may read, as `Volume` of the API."""
        return list(self.session.json("GET", "/api/v1/volumes")["volumes"])

    def volume(self, volume: str) -> dict[str, Any]:
        """By alias or name, as `Volume` of the API."""
        return self.session.json("GET", f"/api/v1/volumes/{quote(volume, safe='')}")

    def stat(self, path: Path, at: str | None = None) -> dict[str, Any]:
        """An `Entry` of the API."""
        at = self.moment(path, at)
        if self._proofs is not None:
            return self._proofs.look(path, at).entry
        return self._said_of(path, at)

    def _said_of(self, path: Path, at: str | None) -> dict[str, Any]:
        """The server's word."""
        with naming(path):
            return self.session.json("GET", FILES, query={"path": self.api_path(path), "at": at})

    def entries(
        self, path: Path, *, recursive: bool = False, at: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Each an `Entry` of the API, all of one state; `not_a_directory` for anything else."""
        at = self.moment(path, at)
        if self._proofs is not None:
            yield from self._proofs.entries(path, recursive=recursive, at=at)
            return
        query = {
            "path": self.api_path(path),
            "list": "recursive" if recursive else "children",
            "limit": LIST_PAGE_MAX,
            "at": at,
        }
        while True:
            with naming(path):
                page = self.session.json("GET", FILES, query=query)
            yield from page["entries"]
            if "cursor" not in page:
                return
            query.update(cursor=page["cursor"], at=page["seq"])

    # Changes

    def change(self, path: Path, asked: Asked, request: Request) -> Answer:
        """
        Makes the change that `request` asks for, which is `asked`. In a volume with custody `client` it is signed here:
        `read_only` if the writer key is not here, `untrusted` if the server prepares something else.
        """
        require_volume(path, "change")
        require_now(path, "change")
        with naming(path):
            return self._changes.make(path.volume, asked, request)

    def open_upload(self, path: Path, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        """An `Upload` of the API. What it brings is nowhere until a change names it."""
        require_now(path, "write")
        json_body = {**body, "path": self.api_path(path)}
        request = Request("POST", FILES, options={"json_body": json_body, **options})
        with naming(path):
            upload = json_of(self._changes.pass_on(path.volume, request))
        if self._trust.trusted(path.volume).writer_key is not None:
            # Who signs says nothing that it has not computed.
            upload.pop("unsummed", None)
        return upload

    def make_directory(self, path: Path, *, parents: bool) -> None:
        """With `parents` missing ones are made too, and it may exist."""
        body = {"kind": "directory", "path": self.api_path(path), "parents": parents}
        request = Request("POST", FILES, options={"json_body": body})
        self.change(path, MakeDirectory(path.path, parents), request)

    def remove(self, path: Path, *, recursive: bool = False, only: str | None = None) -> None:
        """`only` is `file` or `directory`. With everything below it, atomically, if `recursive`."""
        query = {"path": self.api_path(path), "recursive": recursive or None, "only": only}
        asked = Remove(path.path, recursive=recursive, only=only)
        self.change(path, asked, Request("DELETE", FILES, query))

    def rename(self, path: Path, to: Path) -> None:
        """A file that is there is replaced. One change, whatever is below."""
        body = {"op": "rename", "to": self._inside(path, to)}
        self._patch(path, Rename(path.path, to.path), body)

    def copy(self, path: Path, to: Path, *, at: str | None = None) -> None:
        """A second name for the same content, in the same volume; no bytes move."""
        at = self.moment(path, at)
        path = path.now
        body = {"op": "copy", "to": self._inside(path, to)}
        if at is None:
            self._patch(path, Copy(path.path, to.path, None), body)
            return
        past = None
        if self._trust.trusted(path.volume).writer_key is not None:
            past = self._prover.look(path, at)
            # A time may mean another state when the server comes to it.
            at = str(past.seq)
        asked = Copy(path.path, to.path, past and past.leaf)
        self._patch(path, asked, {**body, "at": at})

    def set_time(self, path: Path) -> None:
        """The time of its last change becomes the present one."""
        now_us = time.time_ns() // 1000
        self._patch(path, SetTime(path.path, now_us), {"op": "set", "mtimeUs": now_us})

    def _patch(self, path: Path, asked: Asked, body: dict[str, Any]) -> None:
        query = {"path": self.api_path(path)}
        self.change(path, asked, Request("PATCH", FILES, query, {"json_body": body}))

    def _inside(self, path: Path, to: Path) -> str:
        """The path of the API of `to`, which must be in the same volume."""
        require_volume(to, "change")
        require_now(to, "change")
        if self._trust.name_of(to.volume) == self._trust.name_of(path.volume):
            return self.api_path(to)
        state = f"it is in another volume than {shown(path)}"
        raise make_error("bad_request", f"cannot change {shown(to)}: {state}")

    # Versions of files

    def version(self, path: Path, at: str | None = None) -> Version:
        """The file as it is now, or was then; it can be read for as long as the volume keeps its history."""
        at = self.moment(path, at)
        if self._proofs is None:
            version = self._version_said(path, at, None, inline=INLINE_BYTES)
            if at is None:
                self._versions.put(path, Version(path, version.manifest, None))
            return version
        return self._version_proven(path, self._proofs.look(path, at))

    def _version_proven(self, path: Path, proven: ProvenEntry) -> Version:
        etag = proven.entry.get("etag")
        if etag is None:
            kind = proven.entry["kind"]
            code = "is_a_directory" if kind == "directory" else "not_a_file"
            raise make_error(code, f"cannot read {shown(path)}: a {kind}, need a file")
        manifest = self._manifests.get(etag)
        if manifest is None:
            return self._version_said(path, str(proven.seq), etag, inline=INLINE_BYTES)
        return Version(path, manifest, str(proven.seq))

    def _version_said(
        self, path: Path, at: str | None, etag: str | None, *, inline: int | None = None
    ) -> Version:
        """
        That with the content root `etag`, if it is known; else it is the server's word which one that is. The bytes of
        a file that is one chunk of at most `inline` come along.
        """
        query: dict[str, Any] = {"path": self.api_path(path), "at": at}
        manifest: Manifest | None = None
        pages = []
        data = memoryview(b"")
        cursor: str | None = None
        while manifest is None:
            with naming(path):
                answer = self.session.request(
                    "GET", FILE_CHUNKS, query=query, accept=MANIFEST, if_match=etag, inline=inline
                )
            entries, data = _split(answer)
            pages.append(entries)
            if etag is None:
                etag = answer.headers["etag"].strip('"')
                # Further pages are of the same state.
                query["at"] = answer.headers["gdpfs-seq"]
                manifest = self._manifests.get(etag)
            before, cursor = cursor, answer.headers.get("gdpfs-cursor")
            if cursor is not None and (cursor == before or not entries):
                detail = f"cannot read the manifest of {shown(path)}: it does not advance"
                raise make_error("corrupt", detail)
            if cursor is None and manifest is None:
                size = int(answer.headers["gdpfs-size"])
                manifest = self._checked_manifest(path, b"".join(pages), size, etag)
            query["cursor"] = unquote(cursor or "")
        self._keep_inline(manifest, data)
        return Version(path, manifest, str(query["at"]))

    def _keep_inline(self, manifest: Manifest, data: memoryview) -> None:
        """For whoever reads it next. What is not the file's is left out: it is asked for, and looked at closely."""
        if len(data) > 0 and len(manifest) == 1:
            digest = manifest[0].digest
            if hashlib.sha256(data).digest() == digest:
                self.chunks.put(digest, data)

    def _checked_manifest(self, path: Path, entries: bytes, size: int, etag: str) -> Manifest:
        manifest = Manifest(entries, size)
        if manifest.root != etag:
            state = f"its root is {manifest.root}, need {etag}"
            raise make_error("corrupt", f"cannot trust the manifest of {shown(path)}: {state}")
        self._manifests.put(etag, manifest)
        return manifest

    def version_written(self, path: Path, seq: str) -> Version:
        """What a change of our own has made of the path. `seq` is what the server says of it."""
        proven = self._change_proven(path, seq)
        if proven is not None:
            return self._version_proven(path, proven)
        return self._version_said(path, seq, None)

    def etag_written(self, path: Path, seq: str) -> str | None:
        """The content root of the same."""
        proven = self._change_proven(path, seq)
        entry = self._said_of(path, seq) if proven is None else proven.entry
        return entry.get("etag")

    def _change_proven(self, path: Path, seq: str) -> ProvenEntry | None:
        """
        What is there now, if it is what the change has made; None if nothing need be proven, or if others have changed
        it meanwhile: what was there inside of a commit nobody can prove.
        """
        if self._proofs is None:
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            proven = self._proofs.look(path)
            if proven.entry["seq"] <= int(seq) <= proven.seq:
                return proven
            if proven.seq < int(seq):
                state = "the server does not show the state with it"
                raise make_error("untrusted", f"cannot confirm {shown(path)}: {state}")
        return None

    def known_version(self, path: Path) -> Version | None:
        """What the file was when it was last looked at, not pinned: to be read only if it still is that."""
        return self._versions.get(path)

    def forget_version(self, path: Path) -> None:
        self._versions.drop(path)

    # Chunks

    def fetch(self, version: Version, chunks: Sequence[Chunk]) -> list[memoryview]:
        """See `ChunkReceiver`."""
        return self.receiver.fetch(version, chunks)

    def fetch_later(self, version: Version, chunks: Sequence[Chunk]) -> Future[list[memoryview]]:
        return self.bodies.submit(self.fetch, version, chunks)


def _split(answer: Answer) -> tuple[bytes, memoryview]:
    """The entries of a manifest, and what of the file came with them."""
    count = int(answer.headers.get("gdpfs-inline", 0))
    place = len(answer.body) - count
    return answer.body[:place], memoryview(answer.body)[place:]


def moment_of(at: Moment | None) -> str | None:
    """As the API takes it."""
    if isinstance(at, datetime.datetime):
        aware = at if at.tzinfo is not None else at.astimezone()
        return aware.isoformat()
    return None if at is None else str(at)


def file_log_of(chunks: list[Chunk], *, size: int, chunk_size: int) -> FileLog:
    """A new log, which no other has the name of."""
    return new_file_log(
        chunks,
        size=size,
        chunk_size=chunk_size,
        created_ms=int(time.time() * 1000),
        nonce=secrets.token_bytes(NONCE_BYTES),
    )
