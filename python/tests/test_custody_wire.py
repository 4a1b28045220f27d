"""A real server of volumes that are signed here, and somebody in between who lies: it is not believed."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custody_lab import directory, own_volume, with_records
from gdpfs import session, trust
from gdpfs.checkpoints import parse_checkpoint, sign_checkpoint
from gdpfs.client import FILES, Client
from gdpfs.connections import Answer
from gdpfs.errors import NotPermitted, make_error
from gdpfs.filesystem import GdpFileSystem
from gdpfs.keys import VolumeKeys
from gdpfs.limits import WHOLE_FILE_BYTES
from gdpfs.paths import Path as GdpPath
from gdpfs.paths import parse_path
from gdpfs.prepared import decode_prepared
from gdpfs.records import encode_removal
from gdpfs.session import PREPARED
from harness import Server
from prepared_forms import encode_prepared

_numbers = itertools.count(1)


@pytest.fixture
def own_url(server: Server) -> str:
    return own_volume(server, f"wire{next(_numbers)}")


class Wire:
    """What is between this process and the server."""

    def __init__(self) -> None:
        #: What is answered to a request for a route; the second argument is the honest answer. None: that.
        self.answer: Callable[[str, Callable[[], Answer]], Answer] | None = None
        self.signed = 0


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    ask = session.Session.request
    wire = Wire()

    def request(self: Any, method: str, route: str, **options: Any) -> Answer:
        def honest() -> Answer:
            return ask(self, method, route, **options)

        wire.signed += route.endswith("/commits")
        return honest() if wire.answer is None else wire.answer(route, honest)

    monkeypatch.setattr(session.Session, "request", request)
    yield wire
    monkeypatch.undo()


@pytest.mark.parametrize("lie", ["another change", "a replay"])
def test_what_is_refused_is_not_signed_and_what_is_really_prepared_can_be_after_that(
    server: Server, own_url: str, wire: Wire, lie: str
) -> None:
    path = parse_path(f"{own_url}/made")
    client = Client(home=server.admin.home)
    bodies: list[bytes] = []

    def answer(_: str, honest: Callable[[], Answer]) -> Answer:
        given = honest()
        if given.headers.get("content-type") != PREPARED:
            return given
        bodies.append(given.body)
        if len(bodies) == 1:
            return given
        removal = with_records(lambda _: [encode_removal(directory("first", node=1), "admin")])
        other = encode_prepared(removal(decode_prepared(given.body)))
        return Answer(given.status, given.headers, bodies[0] if lie == "a replay" else other)

    wire.answer = answer
    client.make_directory(parse_path(f"gdp://{path.volume}/first"), parents=False)
    count, signed = client.volume(path.volume)["count"], wire.signed
    with pytest.raises(NotPermitted, match=r"cannot sign change|cannot trust checkpoint"):
        client.make_directory(path, parents=False)
    assert (client.volume(path.volume)["count"], wire.signed) == (count, signed)
    wire.answer = None
    # The turn of what was not signed ends after some seconds, of which one test is enough.
    if lie == "another change":
        client.make_directory(path, parents=False)
        assert client.stat(path)["kind"] == "directory"


def test_a_change_that_nobody_has_signed_is_not_believed_to_be_made(
    server: Server, own_url: str, wire: Wire
) -> None:

    def answer(route: str, honest: Callable[[], Answer]) -> Answer:
        if route != "/api/v1/files":
            return honest()
        return Answer(200, {"content-type": session.JSON}, b'{"seq":9,"node":1,"count":1}')

    wire.answer = answer
    with pytest.raises(NotPermitted, match="nobody has signed it"):
        Client(home=server.admin.home).make_directory(
            parse_path(f"{own_url}/believed"), parents=False
        )


@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "answer lost"])
def test_a_server_that_drops_what_was_signed_is_caught_by_the_next_change_and_program(
    server: Server, own_url: str, wire: Wire, is_lost: bool
) -> None:
    client = Client(home=server.admin.home)
    dropped = False

    def answer(route: str, honest: Callable[[], Answer]) -> Answer:
        nonlocal dropped
        if route.endswith("/commits") and is_lost:
            dropped = True
            raise make_error("not_found", "cannot commit: nothing is prepared under that id")
        if route.endswith("/commits") or dropped:
            return Answer(200, {"content-type": session.JSON}, b"{}")
        return honest()

    wire.answer = answer
    client.make_directory(parse_path(f"{own_url}/dropped"), parents=False)
    wire.answer = None
    with pytest.raises(NotPermitted, match="volume trust --reset"):
        Client(home=server.admin.home).stat(parse_path(own_url))
    if not is_lost:
        with pytest.raises(NotPermitted, match=r"records, and \d+ were seen"):
            client.make_directory(parse_path(f"{own_url}/next"), parents=False)


def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(
    server: Server, own_url: str, wire: Wire
) -> None:
    client = Client(home=server.admin.home)
    lost = 0

    def answer(route: str, honest: Callable[[], Answer]) -> Answer:
        nonlocal lost
        given = honest()
        if route.endswith("/commits") and lost == 0:
            lost += 1
            raise make_error("not_found", "cannot commit: nothing is prepared under that id")
        return given

    wire.answer = answer
    before = client.volume(own_url[6:])["count"]
    client.make_directory(parse_path(f"{own_url}/once"), parents=False)
    assert (lost, client.volume(own_url[6:])["count"]) == (1, before + 1)
    client.make_directory(parse_path(f"{own_url}/once/more"), parents=False)


def test_where_nothing_can_be_stored_what_was_signed_is_remembered_by_the_program(
    server: Server, own_url: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, _: bytes) -> bool:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(trust, "_create_whole", refuse)
    monkeypatch.setattr(trust, "TRUST_CHECK_SECONDS", 0)
    client = Client(home=server.admin.home)
    client.make_directory(parse_path(f"{own_url}/made"), parents=False)

    def answer(route: str, honest: Callable[[], Answer]) -> Answer:
        is_commit = route.endswith("/commits")
        return Answer(200, {"content-type": session.JSON}, b"{}") if is_commit else honest()

    wire.answer = answer
    client.make_directory(parse_path(f"{own_url}/dropped"), parents=False)
    wire.answer = None
    with pytest.raises(NotPermitted, match=r"records, and \d+ were seen"):
        client.stat(parse_path(own_url))
    name = client.volume(own_url[6:])["name"]
    with pytest.raises(NotPermitted, match=r"records, and \d+ were seen"):
        client.stat(parse_path(f"gdp://{name}"))


@pytest.mark.parametrize("lie", ["an old base", "a fork"])
def test_no_two_changes_are_signed_of_one_state(
    server: Server, own_url: str, wire: Wire, lie: str
) -> None:
    """What was prepared first comes when another thread has signed already."""
    client = Client(home=server.admin.home)
    first, second = parse_path(f"{own_url}/first"), parse_path(f"{own_url}/second")
    bodies: list[bytes] = []

    def answer(_: str, honest: Callable[[], Answer]) -> Answer:
        given = honest()
        if given.headers.get("content-type") != PREPARED or bodies:
            return given
        bodies.append(given.body)
        client.make_directory(second, parents=False)
        if lie == "an old base":
            return given
        return Answer(given.status, given.headers, forked(server, client, first, given.body))

    wire.answer = answer
    if lie == "an old base":
        client.make_directory(first, parents=False)
        assert wire.signed == 2
    else:
        with pytest.raises(NotPermitted, match="another one was seen before"):
            client.make_directory(first, parents=False)
        assert wire.signed == 1
    names = {entry["name"] for entry in client.entries(parse_path(own_url))}
    assert names == ({"first", "second"} if lie == "an old base" else {"second"})


def forked(server: Server, client: Client, path: GdpPath, body: bytes) -> bytes:
    """The same, on a state that is signed, goes on from the one before, and is none that anybody asked for."""
    prepared = decode_prepared(body)
    newest = prepared.evidence.newest
    checkpoint = parse_checkpoint(newest.note)
    # Then the proof is no more than the new record.
    assert checkpoint.count == 2
    leaf = hashlib.sha256(b"\0another record").digest()
    root = hashlib.sha256(b"\1" + checkpoint.root + leaf).digest()
    key = VolumeKeys(server.admin.home / "keys").writer(
        client.volume(path.volume)["name"], client._trust.trusted(path.volume).writer_key or b""
    )
    assert key is not None
    note = sign_checkpoint(replace(checkpoint, count=3, root=root), key)
    frontier = (3).to_bytes(8, "big") + checkpoint.root + leaf
    evidence = prepared.evidence._replace(newest=newest._replace(note=note, consistency=[leaf]))
    return encode_prepared(prepared._replace(frontier=frontier, evidence=evidence))


def test_a_server_that_would_compute_what_is_signed_here_is_not_asked_to(
    server: Server, own_url: str, wire: Wire
) -> None:
    def answer(route: str, honest: Callable[[], Answer]) -> Answer:
        given = honest()
        if route != FILES or b'"upload"' not in given.body:
            return given
        offered.append(route)
        body = json.dumps({**json.loads(given.body), "unsummed": True}).encode()
        return Answer(given.status, given.headers, body)

    offered: list[str] = []
    wire.answer = answer
    fs = GdpFileSystem(home=server.admin.home, skip_instance_cache=True)
    data = random.Random(11).randbytes(WHOLE_FILE_BYTES + 300_000)
    fs.pipe_file(f"{own_url}/file", data)
    assert offered
    # It would refuse them, and what it says of checksums would be signed.
    version = fs.client.version(parse_path(f"{own_url}/file"))
    assert [chunk.checksum for chunk in version.manifest] == [
        zlib.crc32(data[chunk.offset : chunk.end]) for chunk in version.manifest
    ]
