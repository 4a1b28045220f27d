"""What proves what is at a path, or in a directory, to whoever has seen a checkpoint of the volume: docs/formats.md."""

from __future__ import annotations

import datetime
import re
from typing import Any, NamedTuple

from .checkpoints import (
    Checkpoint,
    Proof,
    Proven,
    View,
    verify_continuation,
    verify_proof,
    verify_view,
)
from .errors import GdpfsError, make_error, shown
from .formats import DIGEST_BYTES, text_of_digest
from .limits import (
    CHECKPOINT_BYTES_MAX,
    EVIDENCE_PARTS_MAX,
    LOG_PROOF_HASHES_MAX,
    NAME_BYTES_MAX,
    RECORD_BYTES_MAX,
)
from .policies import created_ms_of
from .state_map import (
    DIRECTORY,
    FILE,
    SYMLINK,
    Bytes,
    StateEntry,
    StateProof,
    directory_range,
    unproven,
)

_KINDS = {FILE: "file", DIRECTORY: "directory", SYMLINK: "symlink"}
#: Of the root directory, of which no dentry speaks.
_ROOT_MODE = 0o755
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class Evidence(NamedTuple):
    """Nothing of it is checked yet."""

    #: Of the newest checkpoint.
    newest: Proof
    nodes: list[bytes]
    entries: list[bytes]
    #: Last name of the page that was listed; empty if it goes to the end.
    last: str
    #: For a reader of a part of the tree; empty if there is none.
    view: bytes
    #: Of the checkpoint of an earlier state, with its way to the newest.
    past: Proof | None


def decode_evidence(body: bytes) -> Evidence:
    """`corrupt` for anything but the whole of one."""
    fields = Bytes(body, "evidence")
    note = fields.sized(4, CHECKPOINT_BYTES_MAX)
    meta = fields.sized(4, RECORD_BYTES_MAX)
    policy = fields.sized(4, RECORD_BYTES_MAX)
    newest = Proof(note, meta, policy, _hashes(fields))
    nodes, entries = (
        [fields.sized(4, 2 * RECORD_BYTES_MAX) for _ in range(fields.count(EVIDENCE_PARTS_MAX))]
        for _ in range(2)
    )
    last = fields.text(4, NAME_BYTES_MAX)
    view, past = b"", None
    if fields.left:
        view = fields.sized(4, CHECKPOINT_BYTES_MAX)
        note = fields.sized(4, CHECKPOINT_BYTES_MAX)
        policy = fields.sized(4, RECORD_BYTES_MAX)
        way = _hashes(fields)
        past = Proof(note, meta, policy, way) if note else None
    if fields.left:
        raise fields.malformed("there is more behind it")
    return Evidence(newest, nodes, entries, last, view, past)


def _hashes(fields: Bytes) -> list[bytes]:
    return [fields.take(DIGEST_BYTES) for _ in range(fields.count(LOG_PROOF_HASHES_MAX))]


class Place(NamedTuple):
    """What a path leads to."""

    #: Inside the volume.
    path: str
    node: int
    #: An `Entry` of the API.
    entry: dict[str, Any]
    #: The same as the map has it; None for the root directory.
    leaf: StateEntry | None


class ProvenTree:
    """The part of a volume's tree that one body of evidence shows."""

    def __init__(
        self, volume: str, seen: Checkpoint, body: bytes, *, reference: str, at: str | None
    ) -> None:
        """
        `volume` is its name and `reference` what the caller calls it; `seen` was verified before. `untrusted` or
        `corrupt` unless the evidence is about the moment, and goes on from `seen`.
        """
        evidence = decode_evidence(body)
        self._reference = reference
        newest = verify_proof(volume, evidence.newest)
        verify_continuation(seen, newest, evidence.newest.consistency)
        self.newest = newest.checkpoint
        self._checkpoint = _checkpoint_of(volume, newest, evidence, at)
        state = self._checkpoint.state
        self._view: View | None = None
        if evidence.view:
            # Whoever signs now has signed it, also of a past state.
            self._view = verify_view(volume, evidence.newest, self._checkpoint, evidence.view)
            state = self._view.state
        if state is None:
            raise unproven(
                "its checkpoint says nothing of the state: nothing was changed in it yet"
            )
        self._created_us = created_ms_of(evidence.newest.meta) * 1000
        self._proof = StateProof(state, evidence.nodes, evidence.entries)
        self._last = evidence.last

    @property
    def is_part(self) -> bool:
        """Is it the part that a reader may see, by the word of the writer?"""
        return self._view is not None

    @property
    def seq(self) -> int:
        """Of the state."""
        return self._checkpoint.count - 1

    def walk(self, path: str) -> Place:
        """Each step of the way is proven, also that it ends: then `not_found` or `not_a_directory`."""
        place = Place("", 0, self._root(), None)
        for name in path.split("/") if path else []:
            if place.entry["kind"] != "directory":
                state = f"{shown(place.path)} is not a directory"
                raise self._refusal("not_a_directory", path, state)
            leaf = self._proof.entry(place.node, name)
            if leaf is None:
                self._require_view(place.node, whole=True)
                raise self._refusal("not_found", path, "it does not exist")
            walked = f"{place.path}/{name}".lstrip("/")
            place = Place(walked, leaf.node, self._json(walked, leaf), leaf)
        return place

    def list(self, place: Place, after: str) -> tuple[list[dict[str, Any]], str]:
        """What is in the directory behind the name, and the name behind which the next page begins, or nothing."""
        if place.entry["kind"] != "directory":
            state = f"it is a {place.entry['kind']}"
            raise self._refusal("not_a_directory", place.path, state)
        self._require_view(place.node, whole=False)
        entries = self._proof.entries(directory_range(place.node, after, self._last))
        if self._last and (not entries or entries[-1].name != self._last):
            raise unproven("the page does not end where it says")
        return [
            self._json(f"{place.path}/{entry.name}".lstrip("/"), entry) for entry in entries
        ], self._last

    def _require_view(self, directory: int, *, whole: bool) -> None:
        """What is not in a part of the map may be there all the same, unless the writer says that it is not."""
        view = self._view
        if view is None or (view.directory == directory and (view.is_whole or not whole)):
            return
        raise unproven("the part of the tree that is shown says nothing of it")

    def _root(self) -> dict[str, Any]:
        return {
            "path": f"/{self._reference}",
            "name": "",
            "kind": "directory",
            "node": 0,
            "seq": 0,
            "size": 0,
            "mode": _ROOT_MODE,
            "mtimeUs": self._created_us,
            "author": "",
        }

    def _json(self, path: str, entry: StateEntry) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "path": f"/{self._reference}/{path}",
            "name": entry.name,
            "kind": _KINDS[entry.kind],
            "node": entry.node,
            "seq": entry.seq,
            "size": entry.size,
            "mode": entry.mode,
            "mtimeUs": entry.mtime_us,
            "author": entry.author,
        }
        if entry.kind == FILE:
            facts.update(
                etag=text_of_digest(entry.content),
                root=text_of_digest(entry.root),
                log=text_of_digest(entry.log),
                logCount=entry.log_count,
            )
        if entry.kind == SYMLINK:
            facts["target"] = entry.target
        return facts

    def _refusal(self, code: str, path: str, state: str) -> GdpfsError:
        text = f"gdp://{self._reference}/{path}"
        return make_error(code, f"cannot find {shown(text)}: {state}, as is proven")


def _checkpoint_of(volume: str, newest: Proven, evidence: Evidence, at: str | None) -> Checkpoint:
    """Of the state that the evidence is about: the newest one, or one that it continues."""
    known, past = newest.checkpoint, evidence.past
    if at is None:
        if past is not None:
            raise unproven("it is of the past")
        return known
    if past is not None:
        known = verify_proof(volume, past).checkpoint
        verify_continuation(known, newest, past.consistency)
    if at.isdecimal() and known.count == int(at) + 1:
        return known
    if not at.isdecimal() and known.time_ms <= _milliseconds_of(at):
        return known
    raise unproven("it is of another moment")


def _milliseconds_of(at: str) -> int:
    """Since the Unix epoch."""
    parts = _RFC_3339.fullmatch(at)
    if parts is None:
        raise make_error("usage", f"cannot use moment {shown(at)}: need a seq or an RFC 3339 time")
    day, clock, fraction, offset = parts.groups()
    zone = "+00:00" if offset in "Zz" else offset
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock}{zone}")
    except ValueError as cause:
        raise make_error("usage", f"cannot use moment {shown(at)}: there is none") from cause
    return int(moment.timestamp()) * 1000 + int((fraction or "").ljust(3, "0")[:3])
