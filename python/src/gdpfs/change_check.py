"""
The records of a change, by the rules of docs/formats.md: written apart from what makes them in the server, and from the
command line, which does the same.
"""

from __future__ import annotations

from .asked import AppendFile, Asked, Copy, MakeDirectory, PutFile, Remove, Rename, SetTime
from .content_check import ContentCheck, Pin
from .errors import shown
from .record_check import Place, RecordCheck, elsewise, new_entry
from .state_map import DIRECTORY, FILE, StateEntry

_FILE_MODE, _DIRECTORY_MODE = 0o644, 0o755


def check_change(records: RecordCheck, contents: ContentCheck, asked: Asked) -> None:
    """`untrusted` unless the next records are those of the change."""
    if isinstance(asked, MakeDirectory):
        _check_directory(records, asked)
    elif isinstance(asked, PutFile):
        _check_file(records, contents, asked)
    elif isinstance(asked, AppendFile):
        _check_append(records, contents, asked)
    elif isinstance(asked, Rename):
        _check_rename(records, asked)
    elif isinstance(asked, Copy):
        _check_copy(records, asked)
    elif isinstance(asked, Remove):
        _check_remove(records, asked)
    else:
        _check_time(records, asked)


def _check_directory(records: RecordCheck, asked: MakeDirectory) -> None:
    place = records.resolve(asked.path, parents=asked.parents)
    is_there = asked.path == "" or (place.entry is not None and place.entry.kind == DIRECTORY)
    if is_there and asked.parents:
        return
    if is_there or place.entry is not None:
        raise elsewise(f"something is at {shown(asked.path)} already")
    made = new_entry(place, DIRECTORY, _DIRECTORY_MODE)
    records.expect(made, None, is_new=True, is_now=True)


def _check_file(records: RecordCheck, contents: ContentCheck, asked: PutFile) -> None:
    place = _target(records, asked.path, parents=True)
    if asked.exclusive and place.entry is not None:
        raise elsewise("something is there already")
    pin = contents.made(asked.content)
    entry = place.entry
    # The same log once more is the same commit, sent twice.
    if entry is not None and entry.kind == FILE and entry.root == pin.root:
        return
    if entry is not None and entry.kind == FILE:
        records.expect(_pinned(entry, pin), entry, is_new=False, is_now=True)
    else:
        made = _pinned(new_entry(place, FILE, _FILE_MODE), pin)
        records.expect(made, entry, is_new=True, is_now=True)


def _check_append(records: RecordCheck, contents: ContentCheck, asked: AppendFile) -> None:
    entry = records.existing(asked.path)
    if entry.kind != FILE or entry.content != asked.content.before:
        raise elsewise("what is there is not what the change is for")
    pin = contents.continued(asked.content, entry)
    records.expect(_pinned(entry, pin), entry, is_new=False, is_now=True)


def _check_rename(records: RecordCheck, asked: Rename) -> None:
    entry = records.existing(asked.path)
    target = records.resolve(asked.to)
    if target.entry is not None and target.entry.node == entry.node:
        return
    if entry.kind == DIRECTORY and asked.to.startswith(f"{asked.path}/"):
        raise elsewise(f"{shown(asked.path)} would come to lie below itself")
    if target.entry is not None and (target.entry.kind == DIRECTORY) != (entry.kind == DIRECTORY):
        raise elsewise(f"something else is at {shown(asked.to)}")
    if target.entry is not None and target.entry.kind == DIRECTORY:
        _require_empty(records, target.entry)
    moved = entry._replace(parent=target.parent, name=target.name)
    records.expect(moved, entry, is_new=False, is_now=False)


def _check_copy(records: RecordCheck, asked: Copy) -> None:
    source = records.existing(asked.path) if asked.past is None else asked.past
    if source.kind == DIRECTORY:
        raise elsewise(f"{shown(asked.path)} is a directory")
    place = _target(records, asked.to, parents=False)
    copy = source._replace(parent=place.parent, name=place.name)
    is_same_kind = place.entry is not None and place.entry.kind == source.kind
    if place.entry is not None and is_same_kind:
        copy = copy._replace(node=place.entry.node)
    records.expect(copy, place.entry, is_new=not is_same_kind, is_now=False)


def _check_remove(records: RecordCheck, asked: Remove) -> None:
    entry = records.existing(asked.path)
    if asked.only is not None and (entry.kind == DIRECTORY) != (asked.only == "directory"):
        raise elsewise(f"{shown(asked.path)} is no {asked.only}")
    if entry.kind == DIRECTORY and not asked.recursive:
        _require_empty(records, entry)
    records.expect_removal(entry)


def _check_time(records: RecordCheck, asked: SetTime) -> None:
    entry = records.existing(asked.path)
    changed = entry._replace(mtime_us=asked.mtime_us)
    records.expect(changed, entry, is_new=False, is_now=False)


def _target(records: RecordCheck, path: str, *, parents: bool) -> Place:
    """A place for something that is no directory."""
    place = records.resolve(path, parents=parents)
    if path == "" or (place.entry is not None and place.entry.kind == DIRECTORY):
        raise elsewise(f"{shown(path)} is a directory")
    return place


def _require_empty(records: RecordCheck, directory: StateEntry) -> None:
    if not records.is_empty(directory):
        raise elsewise(f"{shown(directory.name)} is not empty")


def _pinned(entry: StateEntry, pin: Pin) -> StateEntry:
    return entry._replace(**pin._asdict())
