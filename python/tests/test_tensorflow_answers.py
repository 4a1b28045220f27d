"""What TensorFlow's reads ask the server for, and what they make of answers that come in pieces or not whole."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from between import Between, Framing, Stream, plain
from harness import Server, wait_until
from plugin_tables import Tables

CHUNKS = "/api/v1/storage/file/chunks"


def in_pieces(stream: Stream, head: list[str], body: bytes) -> bool:
    lines = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode()
    stream.send(lines)
    for start, end in ((0, 1), (1, 15), (15, 17), (17, 40_001), (40_001, len(body))):
        stream.send(body[start:end])
    return True


class CutOnce:
    """The first answer with chunks ends in the middle: it says so, or its connection breaks."""

    def __init__(self, announced: float) -> None:
        #: The part of the body that is announced.
        self._announced = announced
        self._is_cut = False

    def __call__(self, stream: Stream, head: list[str], body: bytes) -> bool:
        if self._is_cut or len(body) < 500_000:
            return plain(stream, head, body)
        self._is_cut = True
        length = int(len(body) * self._announced)
        lines = "\r\n".join([*head, f"Content-Length: {length}", "", ""]).encode()
        stream.send(lines + body[: len(body) // 2])
        return False


@pytest.mark.parametrize(
    "make_framing",
    [lambda: in_pieces, lambda: CutOnce(0.5), lambda: CutOnce(1)],
    ids=["in pieces", "too short", "broken off"],
)
def test_what_is_read_is_right_however_it_comes(
    home: Server,
    volume: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_framing: Callable[[], Framing],
) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "file").write_bytes(content)
    home.admin("cp", tmp_path / "file", f"{volume}/file")
    shutil.copytree(home.admin.home, tmp_path / "home")
    with Between(home, make_framing()) as between:
        between.use_in(tmp_path / "home")
        monkeypatch.setenv("GDPFS_HOME", str(tmp_path / "home"))
        with tf.io.gfile.GFile(f"{volume}/file", "rb") as file:
            assert file.read() == content
        assert any(target.startswith(CHUNKS) for target in between.asked)


class Inlined:
    """Passes answers on, and notes how many bytes of a file came with a manifest; `change` may make others of them."""

    def __init__(self, change: Callable[[bytes], bytes] = lambda body: body) -> None:
        self.lengths: list[int] = []
        self._change = change

    def __call__(self, stream: Stream, head: list[str], body: bytes) -> bool:
        lines = [line.partition(": ") for line in head]
        length = sum(int(value) for name, _, value in lines if name.lower() == "gdpfs-inline")
        if length == 0:
            return plain(stream, head, body)
        self.lengths.append(length)
        return plain(stream, head, self._change(body))


@pytest.fixture
def small_file(home: Server, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local file, which is also `small` in the volume; this process has a login of its own."""
    (tmp_path / "small").write_bytes(os.urandom(10_000))
    home.admin("cp", tmp_path / "small", f"{volume}/small")
    monkeypatch.setenv("GDPFS_HOME", str(shutil.copytree(home.admin.home, tmp_path / "home")))
    return tmp_path / "small"


def forget() -> None:
    """Drops what is cached in memory."""
    Tables().ops.filesystem.contents.flush_caches(None)


def content_of(path: str) -> bytes:
    content = tf.io.read_file(path).numpy()
    assert isinstance(content, bytes)
    return content


def test_a_small_file_comes_with_its_manifest_unless_it_is_held(
    home: Server, volume: str, small_file: Path
) -> None:
    inlined = Inlined()
    with Between(home, inlined) as between:
        between.use_in(small_file.parent / "home")
        assert content_of(f"{volume}/small") == small_file.read_bytes()
        assert inlined.lengths == [10_000]
        assert content_of(f"{volume}/small") == small_file.read_bytes()
        assert inlined.lengths == [10_000]
        forget()
        assert content_of(f"{volume}/small") == small_file.read_bytes()
        assert inlined.lengths == [10_000, 10_000]
        assert not any(target.startswith(CHUNKS) for target in between.asked)
        # What is held is of no use for another version.
        small_file.write_bytes(os.urandom(9_000))
        home.admin("cp", small_file, f"{volume}/small")
        assert content_of(f"{volume}/small") == small_file.read_bytes()
        assert sum(target.startswith(CHUNKS) for target in between.asked) == 1


def test_bytes_that_come_with_a_manifest_and_are_not_the_file_are_asked_for_again(
    home: Server, volume: str, small_file: Path
) -> None:
    inlined = Inlined(lambda body: body[:-1] + bytes([body[-1] ^ 1]))
    with Between(home, inlined) as between:
        between.use_in(small_file.parent / "home")
        assert content_of(f"{volume}/small") == small_file.read_bytes()
        assert inlined.lengths == [10_000]
        assert any(target.startswith(CHUNKS) for target in between.asked)


def test_a_manifest_that_is_shorter_than_what_comes_with_it_is_refused(
    home: Server, volume: str, small_file: Path
) -> None:
    with Between(home, Inlined(lambda _: b"short")) as between:
        between.use_in(small_file.parent / "home")
        with pytest.raises(tf.errors.DataLossError, match="a manifest is malformed"):
            content_of(f"{volume}/small")


@pytest.mark.parametrize(
    "name", [b"../../stolen", b".ssh/stolen.", b"a\0b.........", b"\xff..........."]
)
def test_a_name_that_leads_out_of_its_directory_is_refused(
    home: Server, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: bytes
) -> None:
    (tmp_path / "innocent.txt").write_bytes(b"content")
    home.admin("cp", tmp_path / "innocent.txt", f"{volume}/")
    shutil.copytree(home.admin.home, tmp_path / "home")

    def lie(stream: Stream, head: list[str], body: bytes) -> bool:
        return plain(stream, head, body.replace(b"innocent.txt", name))

    with Between(home, lie) as between:
        between.use_in(tmp_path / "home")
        monkeypatch.setenv("GDPFS_HOME", str(tmp_path / "home"))
        with pytest.raises(tf.errors.DataLossError, match="a listing is malformed"):
            tf.io.gfile.listdir(volume)
        with pytest.raises(tf.errors.DataLossError, match="a listing is malformed"):
            tf.io.gfile.glob(f"{volume}/*")


def records_in(path: str) -> int:
    return sum(1 for _ in tf.data.TFRecordDataset(path))


def test_the_next_file_of_a_row_is_fetched_before_it_is_opened(
    home: Server, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        with tf.io.TFRecordWriter(str(tmp_path / f"part-{number:02}-of-05")) as writer:
            for _ in range(20):
                writer.write(os.urandom(100_000))
    shards = [tmp_path / f"part-{number:02}-of-05" for number in range(5)]
    home.admin("cp", *shards, f"{volume}/")
    shutil.copytree(home.admin.home, tmp_path / "home")
    with Between(home, plain) as between:
        between.use_in(tmp_path / "home")
        monkeypatch.setenv("GDPFS_HOME", str(tmp_path / "home"))

        def is_asked(number: int) -> bool:
            name = f"part-{number:02}-of-05&"
            return any(target.startswith(CHUNKS) and name in target for target in between.asked)

        assert records_in(f"{volume}/part-00-of-05") == 20
        wait_until(lambda: is_asked(1))
        assert not is_asked(2)
        assert records_in(f"{volume}/part-01-of-05") == 20
        wait_until(lambda: is_asked(2))
        assert not is_asked(3)
        # What was fetched is not fetched again.
        assert records_in(f"{volume}/part-02-of-05") == 20
        wait_until(lambda: is_asked(3))
        assert sum(f"{CHUNKS}?" in target and "part-02" in target for target in between.asked) == 1
        assert records_in(f"{volume}/part-03-of-05") == 20
        wait_until(lambda: is_asked(4))
        # There is none behind the last one: nothing comes of it.
        assert records_in(f"{volume}/part-04-of-05") == 20


class HoldReceived:
    """Answers to chunks that were sent come when the test says so."""

    def __init__(self) -> None:
        self.may_come = threading.Event()

    def __call__(self, stream: Stream, head: list[str], body: bytes) -> bool:
        if b'"received"' in body:
            self.may_come.wait()
        return plain(stream, head, body)


def test_a_writer_that_waits_for_the_server_holds_up_nobody_else(
    home: Server, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More than may be on its way at once.
    content = os.urandom(45_000_000)
    gfile = tf.io.gfile
    (tmp_path / "other").write_bytes(b"other")
    home.admin("cp", tmp_path / "other", f"{volume}/other")
    shutil.copytree(home.admin.home, tmp_path / "home")
    hold = HoldReceived()

    def write() -> None:
        # GFile.write would let no other thread of Python run.
        tf.io.write_file(f"{volume}/large", content)

    seen = []

    def look() -> None:
        with gfile.GFile(f"{volume}/other", "rb") as file:
            seen.append(file.read())
        seen.append(gfile.listdir(volume))
        seen.append(gfile.exists(f"{volume}/large"))

    with Between(home, hold) as between:
        between.use_in(tmp_path / "home")
        monkeypatch.setenv("GDPFS_HOME", str(tmp_path / "home"))
        writer = threading.Thread(target=write)
        looker = threading.Thread(target=look)
        try:
            writer.start()
            wait_until(lambda: sum(f"{CHUNKS}?upload" in target for target in between.asked) == 8)
            looker.start()
            looker.join(20)
            seen_meanwhile = list(seen)
        finally:
            hold.may_come.set()
            writer.join()
        looker.join()
        assert seen_meanwhile == [b"other", ["large", "other"], True]
        with gfile.GFile(f"{volume}/large", "rb") as file:
            assert file.read() == content
