"""Servers that have their clients sign other records, or other contents, than they asked for: `untrusted`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from custody_lab import (
    DATA,
    FIRST,
    OTHER,
    SECOND,
    SPLIT,
    Doctor,
    Offer,
    Own,
    directory,
    with_records,
)
from gdpfs.asked import AppendFile, Copy, MakeDirectory, PutFile, Remove, Rename, SentBytes, SetTime
from gdpfs.content_check import LogPart
from gdpfs.filesystem import GdpFileSystem
from gdpfs.formats import Chunk, Manifest, MerkleTree, chunk_of, digest_of_text
from gdpfs.records import (
    encode_dentry,
    encode_fchunk,
    encode_meta,
    encode_removal,
    log_name,
    time_of_dentry,
)
from gdpfs.state_map import FILE, SYMLINK, StateEntry


def test_another_name_place_kind_mode_author_or_time_than_asked_for_is_not_signed(own: Own) -> None:
    offer = own.mkdir("made")

    def made(name: str, *, is_new: bool = True, **changes: Any) -> Doctor:
        (record,) = offer.prepared.records
        entry = directory(name, mtime_us=time_of_dentry(record))._replace(**changes)
        return with_records(lambda _: [encode_dentry(entry, is_new=is_new)])

    assert made("made")(offer.prepared) == offer.prepared
    for doctor, why in [
        (made("mode"), OTHER),
        (made("made", parent=1), OTHER),
        (made("made", node=1, is_new=False), OTHER),
        (made("made", mode=0o777), OTHER),
        (made("made", author="somebody"), OTHER),
        (made("made", kind=SYMLINK, target="/etc/passwd"), OTHER),
        (made("made", mtime_us=5), "the time that it says is not about now"),
        (made("made", mtime_us=-5), "the time that it says is not about now"),
        (with_records(lambda _: [b""]), "cannot read record"),
        (with_records(lambda _: [b"\x1a\xff"]), "cannot read record"),
        (with_records(lambda _: [encode_fchunk(FIRST)]), "cannot read record"),
    ]:
        offer.refuses(doctor, why)
    offer.is_refused_for(MakeDirectory("other name", parents=False), OTHER)
    offer.is_refused_for(MakeDirectory("made/below", parents=False), "on the way is no directory")
    for name in ("..", ".", "", "a\0", "\udcff", "é" * 128):
        path = f"{name}/x" if name in ("", "..") else name
        offer.is_refused_for(MakeDirectory(path, parents=False), "is no name")


def test_a_record_more_or_less_and_other_orders_are_not_signed(own: Own) -> None:
    offer = own.mkdir("one/two", parents=True)
    more = encode_removal(directory("other", node=3), "admin")
    for change, why in [
        (lambda records: [*records, more], "1 more records were added to it"),
        (lambda records: [more, *records], OTHER + "|is not about now"),
        (lambda records: records[:1], "a record is missing"),
        (lambda _: [], "a record is missing"),
        (lambda records: records[::-1], OTHER),
    ]:
        offer.refuses(with_records(change), why)
    offer.is_refused_for(MakeDirectory("one", parents=True), "1 more records were added")
    offer.is_refused_for(MakeDirectory("one/two/three", parents=True), "a record is missing")


def test_the_content_of_a_file_is_held_to_the_bytes_that_were_sent(own: Own) -> None:
    offer = own.write("dir/file", DATA)
    (part,) = offer.prepared.parts
    size = len(DATA)

    def log(*chunks: Chunk) -> Doctor:
        """Another log of the same name."""
        records = [part.records[0], *map(encode_fchunk, chunks)]
        return lambda prepared: prepared._replace(parts=[part._replace(records=records)])

    assert log(FIRST, SECOND)(offer.prepared) == offer.prepared
    for doctor, why in [
        (log(FIRST), f"a file has {SPLIT} bytes, need {size}"),
        (log(FIRST, SECOND, Chunk(size + 1, 0, 0, b"")), f"a file has {size + 1} bytes"),
        (log(SECOND, FIRST), f"a file has {SPLIT} bytes, need {size}"),
        (log(FIRST._replace(digest=SECOND.digest), SECOND), "a chunk at 0 is not of the bytes"),
        (log(FIRST._replace(checksum=1), SECOND), "a chunk at 0 is not of the bytes"),
        # Holes read as zeros.
        (log(SECOND), "the bytes at 0 are left out"),
        (log(FIRST, Chunk(size, 0, 0, b"")), f"the bytes at {SPLIT} are left out"),
        (log(Chunk(size, 0, 0, b"")), "the bytes at 0 are left out"),
        (log(FIRST, SECOND._replace(offset=SPLIT - 1)), "a chunk at .*, inside of another"),
        (lambda prepared: prepared._replace(parts=[]), "a file log is missing"),
        (lambda prepared: prepared._replace(parts=[part, part]), "file logs that nothing names"),
        (lambda prepared: prepared._replace(parts=[part._replace(name=bytes(32))]), "another name"),
        (lambda prepared: prepared._replace(parts=[part._replace(first_seq=1)]), "is not new"),
        (lambda prepared: prepared._replace(parts=[no_log(part)]), "its chunk size is"),
    ]:
        offer.refuses(doctor, why)
    other = SentBytes(size, lambda offset, length: DATA[::-1][offset : offset + length])
    offer.is_refused_for(PutFile("dir/file", other, False), "is not of the bytes that were sent")
    changes: list[dict[str, Any]] = [
        {"log": bytes(32)},
        {"root": bytes(32)},
        {"content": bytes(32)},
        {"size": 4},
        {"log_count": 1},
    ]
    honest = entry_of(own, offer)
    for change in changes:
        record = encode_dentry(honest._replace(**change), is_new=True)
        offer.refuses(with_records(lambda _, record=record: [record]), OTHER)  # type: ignore[misc]


def no_log(part: LogPart) -> LogPart:
    """Its first record is none of a file log, and named all the same."""
    meta = encode_meta(nonce=bytes(16), created_ms=1, chunk_size=0)
    return part._replace(name=log_name(meta), records=[meta, *part.records[1:]])


def entry_of(own: Own, offer: Offer) -> StateEntry:
    """What the record of the new file `dir/file` makes."""
    (record,), (part,) = offer.prepared.records, offer.prepared.parts
    parent = own.client.stat(own.path("dir"))["node"]
    tree = MerkleTree()
    for one in part.records:
        tree.add(one)
    entry = StateEntry(parent, "file", 0, 0, FILE, 0o644, time_of_dentry(record), "admin")
    entry = entry._replace(
        size=len(DATA),
        log=log_name(part.records[0]),
        log_count=len(part.records),
        root=tree.root(),
        content=digest_of_text(Manifest.of([FIRST, SECOND], len(DATA)).root),
    )
    assert encode_dentry(entry, is_new=True) == record
    return entry


def test_zeros_that_are_left_out_are_the_bytes_that_were_sent(own: Own) -> None:
    data = DATA[:SPLIT] + bytes(len(DATA) - SPLIT)
    offer = own.write("hole", data)
    (part,) = offer.prepared.parts
    end = encode_fchunk(Chunk(len(data), 0, 0, b""))
    holed = part._replace(records=[*part.records[:2], end])
    offer.refuses(lambda prepared: prepared._replace(parts=[holed]), OTHER)


def test_an_append_goes_on_from_what_the_file_is_and_with_what_was_sent(own: Own) -> None:
    def append(path: str) -> Offer:
        def change() -> None:
            with GdpFileSystem(home=own.client._home.directory).open(path, "ab") as file:
                file.write(b"more")

        return own.offered(change)

    # Large enough for the next bytes to be a chunk of their own.
    own.write("log", bytes(SPLIT))
    append(f"{own.url}/log")
    own.client.copy(own.path("log"), own.path("branch"))
    first = append(f"{own.url}/log")
    (part,) = first.prepared.parts
    assert part.first_seq > 0
    own.mkdir("between")
    branched = append(f"{own.url}/branch")
    (new,) = branched.prepared.parts
    assert new.first_seq == 0
    less = encode_fchunk(chunk_of(SPLIT, b"lessless"))

    def of(part: Any, **changes: Any) -> Doctor:
        return lambda prepared: prepared._replace(parts=[part._replace(**changes)])

    tree = MerkleTree()
    for _ in range(part.first_seq):
        tree.add(b"other")
    frontier = part.first_seq.to_bytes(8, "big") + b"".join(tree._hashes)
    for doctor, why in [
        (of(part, records=[less]), "a file goes on with something else"),
        (of(part, records=[*part.records, less]), "a file goes on with something else"),
        (of(part, first_seq=part.first_seq + 1), "a file does not go on from what it was"),
        (of(part, frontier=frontier), "a file does not go on from what it was"),
        (of(part, frontier=part.frontier[:-1]), "cannot decode Merkle frontier"),
        (of(part, name=bytes(32)), "a file does not go on from what it was"),
        (of(part, first_seq=0), "a file log has another name"),
    ]:
        first.refuses(doctor, why)
    branched.refuses(of(new, records=[*new.records[:-1], less]), "has another content")
    assert isinstance(first.asked, AppendFile)
    assert isinstance(branched.asked, AppendFile)
    changed = replace(first.asked.content, before=bytes(32))
    first.is_refused_for(AppendFile("log", changed), "what is there is not what the change is for")
    first.is_refused_for(AppendFile("branch", first.asked.content), "cannot trust|is not about")
    first.is_refused_for(AppendFile("file", first.asked.content), "cannot trust|is not what")


def test_removal_renaming_or_copying_of_something_else_is_not_signed(own: Own) -> None:
    client, path = own.client, own.path
    for name in ("x", "y", "full/x", "empty", "tree/below"):
        own.mkdir(name, parents=True)
    own.write("x/file", b"one")
    own.write("y/file", b"two")
    elsewhere = OTHER + "|cannot trust what the server says is there"
    copied = own.offered(lambda: client.copy(path("x/file"), path("x/copy")))
    copied.is_refused_for(Copy("y/file", "x/copy", None), elsewhere)
    copied.is_refused_for(Copy("x/file", "x/other", None), elsewhere)
    copied.is_refused_for(Rename("x/file", "x/copy"), OTHER)
    copied.is_refused_for(Copy("x", "x/copy", None), "is a directory")
    moved = own.offered(lambda: client.rename(path("x/file"), path("x/moved")))
    moved.is_refused_for(Rename("y/file", "x/moved"), elsewhere)
    moved.is_refused_for(Rename("x/file", "y/moved"), elsewhere)
    moved.is_refused_for(Rename("x/file", "file"), elsewhere)
    moved.is_refused_for(Copy("x/file", "x/moved", None), OTHER)
    moved.is_refused_for(Rename("x/file", "x"), "something else is at")
    moved.is_refused_for(Rename("x", "x/moved"), "would come to lie below itself")
    timed = own.offered(lambda: client.set_time(path("y/file")))
    timed.is_refused_for(SetTime("y/file", 5), OTHER)
    removed = own.offered(lambda: client.remove(path("full"), recursive=True))
    removed.is_refused_for(Remove("empty", recursive=True, only=None), elsewhere)
    removed.is_refused_for(Remove("full", recursive=False, only=None), "cannot trust|is not empty")
    removed.is_refused_for(Remove("full", recursive=True, only="file"), "is no file")
    removed.is_refused_for(Remove("full/x", recursive=True, only=None), elsewhere)
    emptied = own.offered(lambda: client.remove(path("empty")))
    emptied.is_refused_for(Remove("empty", recursive=False, only="file"), "is no file")
    file = own.offered(lambda: client.remove(path("y/file")))
    file.is_refused_for(Remove("y/file", recursive=False, only="directory"), "is no directory")
    replaced = own.write("x/copy", b"new")
    assert isinstance(replaced.asked, PutFile)
    exclusive = PutFile("x/copy", replaced.asked.content, True)
    replaced.is_refused_for(exclusive, "something is there already")
    replaced.is_refused_for(PutFile("x/moved", replaced.asked.content, False), elsewhere)


def test_a_directory_that_is_said_to_be_empty_must_be_proven_to_be(own: Own) -> None:
    """The evidence for the removal of an empty directory, where it is not."""
    own.mkdir("half/full", parents=True)
    own.mkdir("none")
    honest = own.offered(lambda: own.client.remove(own.path("none"), only="directory"))
    evidence = honest.prepared.evidence
    node = own.client.stat(own.path("half"))["node"]
    whole = own.offered(lambda: own.client.remove(own.path("half"), recursive=True))
    removal = encode_removal(directory("half", node=node), "admin")
    assert whole.prepared.records == [removal]
    # What proves it for the other one proves nothing for this one.
    whole = whole._replace(asked=Remove("half", recursive=False, only=None))
    both = whole.prepared.evidence
    whole.refuses(
        lambda now: now._replace(
            evidence=both._replace(nodes=[*both.nodes, *evidence.nodes], entries=both.entries)
        ),
        "cannot trust what the server says is there|is not empty",
    )
