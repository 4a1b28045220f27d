"""The plugin holds a server to what it has shown before, to the plugin or to another program of the same login."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from gdpfs.checkpoints import parse_checkpoint
from gdpfs.client import Client
from gdpfs.filesystem import GdpFileSystem
from gdpfs.paths import parse_path
from harness import Past, Server

gfile = tf.io.gfile
FILE = "gdp://v/file"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose data is set back and forth, with a file in volume `v`."""
    server = Server(tmp_path_factory.mktemp("trust"))
    server.volume("v")
    GdpFileSystem(home=server.admin.home, skip_instance_cache=True).pipe_file(FILE, b"content")
    yield server
    server.stop()


class Program:
    """One that uses TensorFlow for the first time, each time that `use` is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._sizes = itertools.count(32)

    def use(self, home: Path) -> None:
        # Another environment has another memory: nothing is left of what was looked at.
        self._monkeypatch.setenv("GDPFS_HOME", str(home))
        self._monkeypatch.setenv("GDPFS_MEMORY_SIZE", f"{next(self._sizes)}M")
        with gfile.GFile(FILE, "rb") as file:
            assert file.read() == b"content"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(monkeypatch)


@pytest.fixture
def home(history: Server, tmp_path: Path) -> Path:
    """A login that has seen nothing yet."""
    return new_home(history, tmp_path / "home")


def new_home(history: Server, to: Path) -> Path:
    shutil.copytree(history.admin.home, to, ignore=shutil.ignore_patterns("checkpoints"))
    return to


_directories = itertools.count(1)


def change(history: Server, tmp_path: Path) -> None:
    """By somebody who remembers nothing."""
    number = next(_directories)
    somebody = Client(home=new_home(history, tmp_path / f"somebody-{number}"))
    somebody.make_directory(parse_path(f"gdp://v/{number}"), parents=False)


def counts(home: Path) -> list[int]:
    """Of records, of the checkpoints that are remembered."""
    notes = sorted((home / "checkpoints").glob("*/*.note"))
    assert all(parse_checkpoint(note.read_bytes()).count == int(note.stem) for note in notes)
    return [int(note.stem) for note in notes]


def count_of(history: Server) -> int:
    return int(history.client.volume("v")["count"])


def test_each_program_remembers_the_newest_checkpoint_where_the_others_do(
    history: Server, home: Path, program: Program, tmp_path: Path
) -> None:
    # Logs of different lengths: with one proof or several, of complete trees and others.
    for _ in range(9):
        program.use(home)
        assert counts(home) == [count_of(history)]
        change(history, tmp_path)
    Client(home=home).stat(parse_path(FILE))
    newest = counts(home)
    assert newest == [count_of(history)], "the Python package continues what the plugin has seen"
    program.use(home)
    assert counts(home) == newest


def test_a_server_that_was_set_back_is_refused_until_somebody_allows_it(
    history: Server, home: Path, program: Program, tmp_path: Path
) -> None:
    past = Past(history, tmp_path)
    change(history, tmp_path)
    count = count_of(history)
    program.use(home)
    past.come_back()
    state = rf"it has {count - 1} records, and {count} were seen before"
    with pytest.raises(tf.errors.UnauthenticatedError, match=state) as failure:
        program.use(home)
    assert 'cannot use volume "v"' in failure.value.message
    assert "gdpfs volume trust --reset gdp://v" in failure.value.message
    assert counts(home) == [count], "what is remembered only advances"
    name = str(history.client.volume("v")["name"])
    with pytest.raises(tf.errors.UnauthenticatedError, match=state):
        gfile.exists(f"gdp://{name}/file")
    shutil.rmtree(home / "checkpoints")
    program.use(home)


def test_a_server_that_was_set_back_and_went_on_is_refused(
    history: Server, home: Path, program: Program, tmp_path: Path
) -> None:
    past = Past(history, tmp_path)
    change(history, tmp_path)
    program.use(home)
    past.come_back()
    change(history, tmp_path)
    change(history, tmp_path)
    with pytest.raises(tf.errors.UnauthenticatedError, match="history is not the one that was"):
        program.use(home)


def test_what_several_processes_have_seen_must_be_one_history(
    history: Server, home: Path, program: Program, tmp_path: Path
) -> None:
    program.use(home)
    (older,) = (home / "checkpoints").glob("*/*.note")
    kept = older.read_bytes()
    change(history, tmp_path)
    program.use(home)
    older.write_bytes(kept)
    change(history, tmp_path)
    assert len(counts(home)) == 2
    program.use(home)
    assert counts(home) == [count_of(history)]
    # One that is not of this history.
    lines = kept.decode().split("\n")
    lines[2] = f"A{lines[2][1:]}" if not lines[2].startswith("A") else f"B{lines[2][1:]}"
    older.write_text("\n".join(lines))
    with pytest.raises(tf.errors.UnauthenticatedError, match="history is not the one"):
        program.use(home)


def test_owners_and_writers_may_follow_each_other(
    history: Server, home: Path, program: Program
) -> None:
    for options in ([], ["--owner"], ["--owner"], []):
        program.use(home)
        history.admin("volume", "key", "rotate", *options, "gdp://v")
    program.use(home)
    (note,) = (home / "checkpoints").glob("*/*.note")
    owner = parse_checkpoint(note.read_bytes()).owner
    assert owner is not None
    assert owner[0] == 2
    # An owner of the past cannot be told from another one.
    lines = note.read_text().split("\n")
    place = next(number for number, line in enumerate(lines) if line.startswith("owner 2 "))
    lines[place] = f"owner 2 {lines[2]}"
    note.write_text("\n".join(lines))
    history.admin("mkdir", "gdp://v/next")
    with pytest.raises(tf.errors.UnauthenticatedError, match="owner after rotation 2 is not the"):
        program.use(home)


def test_a_damaged_note_is_an_error_that_says_how_to_start_anew(
    home: Path, program: Program
) -> None:
    program.use(home)
    (note,) = (home / "checkpoints").glob("*/*.note")
    note.write_text("nothing")
    damaged = r"damaged.*volume trust --reset"
    with pytest.raises(tf.errors.FailedPreconditionError, match=damaged):
        program.use(home)
