"""A server is held to what it has shown before, to this program or another: the memory is that of the command line."""

from __future__ import annotations

import base64
import hashlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gdpfs.checkpoints import parse_checkpoint
from gdpfs.client import Client
from gdpfs.errors import GdpfsError, NotPermitted
from gdpfs.filesystem import GdpFileSystem
from gdpfs.paths import parse_path
from harness import Past, Server

PATH = parse_path("gdp://v/file")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data is set back and forth."""
    server = Server(tmp_path_factory.mktemp("trust"))
    server.volume("v")
    yield server
    server.stop()


@pytest.fixture
def client(history: Server) -> Client:
    """One that has seen the newest state, and nothing else has."""
    shutil.rmtree(history.admin.home / "checkpoints", ignore_errors=True)
    client = Client(home=history.admin.home)
    client.stat(parse_path("gdp://v"))
    return client


def write(history: Server, name: str) -> None:
    """By somebody who remembers nothing here, and nothing from before."""
    home = history.admin.home.with_name("somebody")
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(history.admin.home, home, ignore=shutil.ignore_patterns("checkpoints"))
    path = parse_path(f"gdp://v/{name}-{random.random()}")
    Client(home=home).make_directory(path, parents=False)


def notes(history: Server) -> list[Path]:
    return sorted((history.admin.home / "checkpoints").glob("*/*"))


def count_of(history: Server) -> int:
    return int(history.client.volume("v")["count"])


def test_the_newest_checkpoint_is_remembered_as_the_command_line_does_it(
    history: Server, client: Client
) -> None:
    (first,) = notes(history)
    assert parse_checkpoint(first.read_bytes()).count == int(first.stem)
    assert f"{first.stem} records" in history.admin("volume", "trust", "gdp://v")
    history.admin("mkdir", "gdp://v/by-the-command-line")
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    (last,) = notes(history)
    assert int(last.stem) == count_of(history)
    # Nothing is asked twice of what is known.
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    assert notes(history) == [last]


def test_a_server_that_was_set_back_is_refused_until_somebody_allows_it(
    history: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Past(history, tmp_path)
    write(history, "newer")
    count = count_of(history)
    # A program that goes on looks again, now and then.
    monkeypatch.setattr("gdpfs.trust.TRUST_CHECK_SECONDS", 0)
    client = Client(home=history.admin.home)
    client.stat(parse_path("gdp://v"))
    past.come_back()
    before = notes(history)
    state = rf"it has {count - 1} records, and {count} were seen before"
    fresh = GdpFileSystem(home=history.admin.home, skip_instance_cache=True)
    for use in (lambda: client.stat(PATH), lambda: Client(home=history.admin.home).stat(PATH)):
        with pytest.raises(NotPermitted, match=rf'cannot use volume "v": .*{state}') as caught:
            use()
        assert caught.value.code == "untrusted"
        assert "gdpfs volume trust --reset gdp://v" in str(caught.value)
    with pytest.raises(PermissionError, match=state):
        fresh.client.version(PATH)
    assert notes(history) == before, "what is remembered only advances"
    history.admin("volume", "trust", "--reset", "gdp://v")
    Client(home=history.admin.home).stat(parse_path("gdp://v"))


def test_a_server_that_was_set_back_and_went_on_is_refused(
    history: Server, client: Client, tmp_path: Path
) -> None:
    past = Past(history, tmp_path)
    write(history, "one")
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    kept = history.admin.home / "checkpoints"
    kept.rename(tmp_path / "kept")
    past.come_back()
    write(history, "another")
    write(history, "more")
    shutil.rmtree(kept, ignore_errors=True)
    (tmp_path / "kept").rename(kept)
    with pytest.raises(NotPermitted, match="history is not the one that was seen before"):
        Client(home=history.admin.home).stat(parse_path("gdp://v"))


def test_what_several_processes_have_seen_must_be_one_history(
    history: Server, client: Client, tmp_path: Path
) -> None:
    (older,) = notes(history)
    kept = older.read_bytes()
    write(history, "next")
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    older.write_bytes(kept)
    write(history, "last")
    assert len(notes(history)) == 2
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    (last,) = notes(history)
    assert int(last.stem) == count_of(history)
    # One that is not of this history.
    lines = kept.decode().split("\n")
    lines[2] = base64.b64encode(hashlib.sha256(b"another").digest()).decode()
    older.write_text("\n".join(lines))
    with pytest.raises(NotPermitted, match="history is not the one"):
        Client(home=history.admin.home).stat(parse_path("gdp://v"))


def test_a_damaged_note_is_an_error_that_says_how_to_start_anew(
    history: Server, client: Client
) -> None:
    (note,) = notes(history)
    note.write_text("nothing")
    with pytest.raises(GdpfsError, match=r"damaged.*volume trust --reset") as caught:
        Client(home=history.admin.home).stat(parse_path("gdp://v"))
    assert caught.value.code == "local_io"


def test_a_checkpoint_that_the_writer_has_not_signed_is_refused(
    history: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(history.admin.home / "checkpoints")
    monkeypatch.setattr("gdpfs.checkpoints.ed25519.verify", lambda *_: False)
    with pytest.raises(NotPermitted, match='cannot use volume "v": cannot trust checkpoint'):
        Client(home=history.admin.home).stat(parse_path("gdp://v"))
    assert notes(history) == []


def test_where_nothing_can_be_stored_what_is_there_still_counts(
    history: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = notes(history)
    # Whoever runs the tests may be allowed to write everywhere: so it is refused here.
    monkeypatch.setattr("gdpfs.trust._create_whole", refuse)
    write(history, "unseen")
    Client(home=history.admin.home).stat(parse_path("gdp://v"))
    assert notes(history) == before


def refuse(*_: object) -> bool:
    raise PermissionError(13, "Permission denied")
