"""Records that a writer is to sign, compared with those that follow from what was asked for."""

from __future__ import annotations

from typing import NamedTuple

from .errors import GdpfsError, make_error, shown
from .limits import SIGNING_CLOCK_SKEW_SECONDS
from .paths import is_name
from .proven_state import ProvenState
from .records import encode_dentry, encode_removal, time_of_dentry
from .state_map import DIRECTORY, StateEntry

ROOT_NODE = 0
_DIRECTORY_MODE = 0o755
_MODE_MAX = 0o7777


def elsewise(why: str) -> GdpfsError:
    """What the server prepared is not what was asked for."""
    detail = f"cannot sign change: the server prepared another one: {why}"
    return make_error("untrusted", detail, "nothing was signed, and nothing has changed")


class Place(NamedTuple):
    """Where a path leads."""

    parent: int
    #: Empty for the root directory.
    name: str
    entry: StateEntry | None


def new_entry(place: Place, kind: int, mode: int) -> StateEntry:
    """Of a node and a time that the record says."""
    return StateEntry(place.parent, place.name, 0, 0, kind, mode, 0, "")


class RecordCheck:
    """Goes through the records one by one, and follows them in the state. What is not as it must be is `untrusted`."""

    def __init__(
        self, state: ProvenState, records: list[bytes], *, count: int, author: str, now_us: int
    ) -> None:
        """`count`: records of the log before them."""
        self._state = state
        self._records = records
        self._count = count
        self._author = author
        self._now_us = now_us
        self._next = 0

    def resolve(self, path: str, *, parents: bool = False) -> Place:
        """With `parents`, missing directories on the way must be made."""
        if path == "":
            return Place(ROOT_NODE, "", None)
        *above, name = path.split("/")
        parent = ROOT_NODE
        for step in above:
            entry = self._at(parent, step)
            if entry is None and parents:
                made = new_entry(Place(parent, step, None), DIRECTORY, _DIRECTORY_MODE)
                entry = self.expect(made, None, is_new=True, is_now=True)
            if entry is None or entry.kind != DIRECTORY:
                raise elsewise(f"{shown(step)} on the way is no directory")
            parent = entry.node
        return Place(parent, name, self._at(parent, name))

    def existing(self, path: str) -> StateEntry:
        entry = self.resolve(path).entry
        if entry is None:
            raise elsewise(f"nothing is proven to be at {shown(path)}")
        return entry

    def is_empty(self, directory: StateEntry) -> bool:
        return self._state.is_empty(directory.node)

    def expect(
        self, entry: StateEntry, before: StateEntry | None, *, is_new: bool, is_now: bool
    ) -> StateEntry:
        """
        The next record must make this entry; `is_new`: with a node of its own, `is_now`: at about the present time.
        `before` is what it changes, moves or replaces.
        """
        record, seq = self._take(), self._count + self._next
        node = seq if is_new else entry.node
        entry = entry._replace(author=self._author, seq=seq, node=node)
        if is_now:
            entry = entry._replace(mtime_us=self._time_of(record))
        if not 0 <= entry.mode <= _MODE_MAX:
            raise elsewise(f"a mode of {entry.mode:o}")
        if encode_dentry(entry, is_new=is_new) != record:
            raise elsewise(f"record {seq} is not about {shown(entry.name)} as it was asked for")
        self._next += 1
        if before is not None:
            self._state.remove(before)
        self._state.place(entry)
        return entry

    def expect_removal(self, entry: StateEntry) -> None:
        """The next record must remove it."""
        if encode_removal(entry, self._author) != self._take():
            raise elsewise(f"it does not remove {shown(entry.name)}")
        self._next += 1
        self._state.remove(entry)

    def end(self) -> None:
        """Nothing may follow."""
        more = len(self._records) - self._next
        if more > 0:
            raise elsewise(f"{more} more records were added to it")

    def _at(self, parent: int, name: str) -> StateEntry | None:
        if not is_name(name):
            raise elsewise(f"{shown(name)} is no name")
        return self._state.at(parent, name)

    def _take(self) -> bytes:
        if self._next == len(self._records):
            raise elsewise("a record is missing")
        return self._records[self._next]

    def _time_of(self, record: bytes) -> int:
        time_us = time_of_dentry(record)
        if abs(time_us - self._now_us) > SIGNING_CLOCK_SKEW_SECONDS * 1_000_000:
            raise elsewise("the time that it says is not about now")
        return time_us
