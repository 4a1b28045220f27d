"""What is at a path is proven, against what was seen of the volume; and a server, or somebody on the way, lies."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gdpfs import proofs, session
from gdpfs.client import Client
from gdpfs.config import Home
from gdpfs.connections import Answer
from gdpfs.errors import Corrupt, GdpfsError, NotADirectory, NotFound, NotPermitted
from gdpfs.filesystem import GdpFileSystem
from gdpfs.limits import WHOLE_FILE_BYTES
from gdpfs.paths import parse_path
from harness import Server
from test_faults import change_profile, copy_home

_numbers = itertools.count(1)
Tamper = Callable[[bytes], bytes]
PATHS = ["", "/tree", "/tree/large", "/tree/link", "/tree/many/file-12", "/tree/empty"]


@pytest.fixture(scope="module")
def filled(server: Server) -> str:
    """A volume with a tree in it; its URL."""
    alias = f"proofs{next(_numbers)}"
    url = server.volume(alias)
    fs = GdpFileSystem(home=server.admin.home)
    fs.pipe({f"{url}/tree/many/file-{index}": bytes(range(index)) for index in range(20)})
    fs.pipe_file(f"{url}/tree/large", random.Random(1).randbytes(700_000))
    fs.makedirs(f"{url}/tree/empty")
    fs.cp(f"{url}/tree/many", f"{url}/tree/moved", recursive=True)
    fs.rm(f"{url}/tree/moved/file-7")
    link = {"kind": "symlink", "path": f"/{alias}/tree/link", "target": "large"}
    fs.client.session.request("POST", "/api/v1/files", json_body=link, changes=True)
    return url


@pytest.fixture
def proving(home: Server) -> GdpFileSystem:
    return GdpFileSystem(prove=True)


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Tamper], None]]:
    """Makes something else of each body of evidence that comes."""
    ask = session.Session.request

    def start(change: Tamper) -> None:
        def request(self: Any, method: str, route: str, **options: Any) -> Answer:
            answer = ask(self, method, route, **options)
            is_proof = route.endswith("/proof")
            return Answer(200, {}, change(answer.body)) if is_proof else answer

        monkeypatch.setattr(session.Session, "request", request)

    yield start
    monkeypatch.undo()


def listed(client: Client, url: str, *, recursive: bool = False) -> list[dict[str, Any]]:
    entries = client.entries(parse_path(url), recursive=recursive)
    return sorted((_facts(entry) for entry in entries), key=lambda entry: str(entry["path"]))


def _facts(entry: dict[str, Any]) -> dict[str, Any]:
    """Its path without what the volume is called."""
    return {**entry, "path": entry["path"].split("/", 2)[2:]}


def test_what_is_proven_is_what_the_server_says_of_everything_in_pages_of_any_size(
    filled: str, fs: GdpFileSystem, proving: GdpFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in PATHS:
        where = parse_path(filled + path)
        assert _facts(proving.client.stat(where)) == _facts(fs.client.stat(where))
        assert proving.info(filled + path) == fs.info(filled + path)
    for limit in (7, 10_000):
        monkeypatch.setattr(proofs, "LIST_PAGE_MAX", limit)
        for path in ["", "/tree", "/tree/many", "/tree/empty"]:
            assert listed(proving.client, filled + path) == listed(fs.client, filled + path)
        truth = listed(fs.client, filled, recursive=True)
        assert len(truth) > 40
        assert listed(proving.client, filled, recursive=True) == truth
        assert proving.find(filled, withdirs=True, detail=True) == fs.find(
            filled, withdirs=True, detail=True
        )
    assert proving.cat_file(f"{filled}/tree/large") == fs.cat_file(f"{filled}/tree/large")
    starts = list(range(0, 700_000, 9000))
    large = [f"{filled}/tree/large"] * len(starts)
    assert proving.cat_ranges(large, starts, 699_999) == fs.cat_ranges(large, starts, 699_999)


def test_that_something_is_not_there_is_proven_too(filled: str, proving: GdpFileSystem) -> None:
    for path in ["/none", "/tree/none/below", "/tree/moved/file-7"]:
        with pytest.raises(FileNotFoundError, match="it does not exist, as is proven"):
            proving.info(filled + path)
        assert not proving.exists(filled + path)
    with pytest.raises(NotADirectory, match="as is proven"):
        list(proving.client.entries(parse_path(f"{filled}/tree/large")))
    with pytest.raises(IsADirectoryError, match="need a file"):
        proving.cat_file(f"{filled}/tree")
    with pytest.raises(GdpfsError, match="a symlink, need a file"):
        proving.cat_file(f"{filled}/tree/link")


def test_nothing_that_is_not_proven_is_used(
    filled: str, proving: GdpFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = session.Session.request

    def request(self: Any, method: str, route: str, **options: Any) -> Answer:
        assert route != "/api/v1/files", "the server's word is not asked for"
        return ask(self, method, route, **options)

    monkeypatch.setattr(session.Session, "request", request)
    assert len(proving.ls(f"{filled}/tree/many")) == 20
    assert proving.cat_file(f"{filled}/tree/many/file-3") == bytes(range(3))
    with proving.open(f"{filled}/tree/large") as file:
        assert len(file.read()) == 700_000


def test_any_flipped_bit_of_a_proof_is_found_or_changes_nothing(
    filled: str, proving: GdpFileSystem, tamper: Callable[[Tamper], None]
) -> None:
    path = parse_path(f"{filled}/tree/many")
    truth = proving.client.stat(path), listed(proving.client, str(path))
    chance = random.Random(2)
    flips = 0

    def flip(body: bytes) -> bytes:
        nonlocal flips
        changed = bytearray(body)
        changed[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        flips += 1
        return bytes(changed)

    tamper(flip)
    refused = 0
    while flips < 150:
        try:
            assert (proving.client.stat(path), listed(proving.client, str(path))) == truth
        except (NotPermitted, Corrupt):
            refused += 1
    assert refused > 100


def test_a_proof_of_something_else_is_refused(
    filled: str, home: Server, proving: GdpFileSystem, tamper: Callable[[Tamper], None]
) -> None:
    other = home.volume(f"proofs{next(_numbers)}")
    GdpFileSystem().pipe_file(f"{other}/tree/large", b"other")
    bodies: list[bytes] = []

    def keep(body: bytes) -> bytes:
        bodies.append(body)
        return body

    tamper(keep)
    proving.info(f"{filled}/tree/many")
    proving.info(f"{other}/tree/large")
    GdpFileSystem().pipe_file(f"{filled}/new/file", b"new")
    for _ in range(2):
        proving.info(f"{filled}/new/file")
    path, volume, _, newest = bodies
    for body, state in [
        (path, "records, and .* were seen before"),
        (volume, "it is of another volume"),
        (newest, "a node is missing|an entry is missing"),
        (b"", "it ends early"),
        (newest + b"\0", "it ends early"),
    ]:
        tamper(lambda _, body=body: body)  # type: ignore[misc]
        with pytest.raises((NotPermitted, Corrupt), match=state):
            proving.info(f"{filled}/tree/large")


def test_a_moment_of_the_past_is_proven(
    fs: GdpFileSystem, volume: str, tamper: Callable[[Tamper], None]
) -> None:
    fs.pipe_file(f"{volume}/file", b"old")
    seq = fs.info(f"{volume}/file")["seq"]
    fs.pipe_file(f"{volume}/file", b"new")
    fs.pipe_file(f"{volume}/later", b"later")
    past = GdpFileSystem(at=seq, prove=True)
    assert past.cat_file(f"{volume}/file") == b"old"
    assert [info["name"] for info in past.ls(volume)] == [f"{volume[6:]}/file"]
    assert not past.exists(f"{volume}/later")
    for moment in ["2999-01-01T00:00:00.5+01:00", "2999-01-01T00:00Z"]:
        now = GdpFileSystem(at=moment, prove=True)
        assert now.cat_file(f"{volume}/file") == b"new"
    bodies: list[bytes] = []
    tamper(lambda body: bodies.append(body) or body)  # type: ignore[func-returns-value]
    fs_now = GdpFileSystem(prove=True)
    assert past.exists(f"{volume}/file")
    assert fs_now.exists(f"{volume}/file")
    old, new = bodies
    tamper(lambda _: old)
    with pytest.raises(NotPermitted, match="it is of the past"):
        fs_now.info(f"{volume}/file")
    tamper(lambda _: new)
    with pytest.raises(NotPermitted, match="it is of another moment"):
        past.info(f"{volume}/file")


def test_what_is_written_is_proven_to_be_there(any_volume: str, proving: GdpFileSystem) -> None:
    url = any_volume
    large = random.Random(3).randbytes(WHOLE_FILE_BYTES + 300_000)
    proving.pipe_file(f"{url}/a/small", b"small")
    proving.pipe_file(f"{url}/a/large", large)
    with proving.open(f"{url}/a/small", "ab") as file:
        file.write(b" and more")
    assert proving.cat_file(f"{url}/a/small") == b"small and more"
    assert proving.cat_file(f"{url}/a/large") == large
    proving.mv(f"{url}/a", f"{url}/b", recursive=True)
    proving.cp(f"{url}/b/small", f"{url}/b/copy")
    proving.rm(f"{url}/b/small")
    assert [info["name"] for info in proving.ls(f"{url}/b")] == [
        f"{url[6:]}/b/copy",
        f"{url[6:]}/b/large",
    ]


def test_a_write_is_not_confirmed_by_the_state_before_it(
    volume: str, proving: GdpFileSystem, tamper: Callable[[Tamper], None]
) -> None:
    proving.pipe_file(f"{volume}/file", b"old")
    bodies: list[bytes] = []
    tamper(lambda body: bodies.append(body) or body)  # type: ignore[func-returns-value]
    for _ in range(2):
        proving.info(f"{volume}/file")
    tamper(lambda _: bodies[1])
    large = random.Random(4).randbytes(WHOLE_FILE_BYTES)
    with pytest.raises(NotPermitted, match="the server does not show the state with it"):
        proving.pipe_file(f"{volume}/file", large)


def test_a_profile_may_say_that_all_must_be_proven(
    filled: str, server: Server, tmp_path: Path, tamper: Callable[[Tamper], None]
) -> None:
    home = copy_home(server, tmp_path)
    change_profile(home, prove=True)
    fs = GdpFileSystem(home=home)
    assert fs.exists(f"{filled}/tree/large")
    tamper(lambda body: body[:-1])
    with pytest.raises(Corrupt, match="it ends early"):
        fs.info(f"{filled}/tree/large")
    assert GdpFileSystem(home=server.admin.home).exists(f"{filled}/tree/large")
    change_profile(home, prove="yes")
    with pytest.raises(GdpfsError, match='"prove" is not true or false'):
        Home(home).profile()


def test_who_sees_a_part_has_that_part_proven_and_no_less_than_before(
    filled: str, home: Server, tmp_path: Path
) -> None:
    reader = home.new_user("partial")
    grants = home.client.session

    def grant(path: str) -> None:
        body = {"subject": "partial", "path": f"{filled[5:]}{path}", "permission": "read"}
        grants.request("POST", "/api/v1/admin/grants", json_body=body, changes=True)

    grant("/tree/many")
    fs = GdpFileSystem(home=reader.home, prove=True)
    truth = GdpFileSystem(home=home.admin.home).ls(f"{filled}/tree/many")
    assert fs.ls(f"{filled}/tree/many") == truth
    assert [info["name"] for info in fs.ls(f"{filled}/tree")] == [f"{filled[6:]}/tree/many"]
    with pytest.raises(NotFound, match="as is proven"):
        fs.info(f"{filled}/tree/many/none")
    assert fs.cat_file(f"{filled}/tree/many/file-5") == bytes(range(5))
    # Somebody once showed this principal the whole.
    name = home.client.volume(filled[6:])["name"]
    (reader.home / "checkpoints" / name / "whole.partial").touch()
    with pytest.raises(NotPermitted, match=re.escape("the server proves a part of it only")):
        fs.info(f"{filled}/tree/many")


def test_to_have_been_shown_the_whole_is_remembered_as_the_command_line_does_it(
    filled: str, server: Server, tmp_path: Path
) -> None:
    home = copy_home(server, tmp_path)
    for note in (home / "checkpoints").glob("*/whole.*"):
        note.unlink()
    fs = GdpFileSystem(home=home, prove=True)
    name = server.client.volume(filled[6:])["name"]
    note = home / "checkpoints" / name / "whole.admin"
    assert fs.exists(filled)
    assert not note.exists()
    assert fs.exists(f"{filled}/tree")
    assert note.read_bytes() == b""
