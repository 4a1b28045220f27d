"""Writing of files: whole or not at all, and appended to."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zlib
from typing import Any

import pytest

from gdpfs import connections
from gdpfs.filesystem import GdpFileSystem
from gdpfs.limits import (
    CHUNK_BYTES_DEFAULT,
    CHUNK_BYTES_MAX,
    CONFLICT_RETRIES_MAX,
    WHOLE_FILE_BYTES,
)
from gdpfs.paths import parse_path
from harness import Server


def test_an_append_adds_behind_what_is_there_and_makes_the_file_if_need_be(
    home: Server, fs: GdpFileSystem, any_volume: str
) -> None:
    path = f"{any_volume}/logs/log"
    chance = random.Random(6)
    content = b""
    for size in [5, 0, 100, 256 * 1024, 3, WHOLE_FILE_BYTES + 9, 700_000]:
        data = chance.randbytes(size)
        with fs.open(path, "ab") as file:
            assert file.tell() == len(content)
            file.write(data)
        content += data
        assert not content or fs.cat_file(path) == content
    home.admin("verify", any_volume)


def test_an_append_sends_its_tail_and_the_chunk_that_it_fills_and_keeps_the_log(
    home: Server, fs: GdpFileSystem, any_volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{any_volume}/log"
    fs.pipe_file(path, random.Random(7).randbytes(20_000_000))
    log = fs.client.stat(parse_path(path))["log"]
    sent: list[int] = []
    send = connections._send

    def count(connection: Any, exchange: connections.Exchange) -> bool:
        sent.append(connections.size_of(exchange.body))
        return send(connection, exchange)

    monkeypatch.setattr(connections, "_send", count)
    for number in range(3):
        sent.clear()
        with fs.open(path, "ab") as file:
            file.write(b"x" * 1000)
        # A chunk, the record of it, and what the requests say.
        assert 1000 <= sum(sent) < CHUNK_BYTES_MAX // 4 + 1000 * (number + 4), sent
    entry = fs.client.stat(parse_path(path))
    assert (entry["size"], entry["log"]) == (20_003_000, log)
    assert "good" in home.admin("verify", any_volume)


def test_what_the_volume_has_is_not_sent_again(
    fs: GdpFileSystem, volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = random.Random(8).randbytes(13_000_000)
    fs.pipe_file(f"{volume}/file", data)
    sent = 0
    send = connections._send

    def count(connection: Any, exchange: connections.Exchange) -> bool:
        nonlocal sent
        sent += connections.size_of(exchange.body)
        return send(connection, exchange)

    monkeypatch.setattr(connections, "_send", count)
    fs.pipe_file(f"{volume}/again", data)
    # Digests and records.
    assert sent < 50_000
    assert fs.checksum(f"{volume}/again") == fs.checksum(f"{volume}/file")


def test_bodies_of_which_the_volume_has_a_part_are_stored_with_right_checksums(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    data = bytearray(random.Random(12).randbytes(3 * WHOLE_FILE_BYTES))
    fs.pipe_file(f"{volume}/file", bytes(data))
    # Every other chunk is another one: what is sent and what is not lie beside each other.
    for offset in range(0, len(data), 2 * CHUNK_BYTES_DEFAULT):
        data[offset] ^= 1
    fs.pipe_file(f"{volume}/other", bytes(data))
    version = fs.client.version(parse_path(f"{volume}/other"))
    assert [chunk.checksum for chunk in version.manifest] == [
        zlib.crc32(data[chunk.offset : chunk.end]) for chunk in version.manifest
    ]
    assert fs.cat_file(f"{volume}/other") == data
    assert "good" in home.admin("verify", volume)


def test_appends_of_several_processes_all_arrive_whole(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    # An append is tried again as often as others were faster, but not more than CONFLICT_RETRIES_MAX times.
    appends = (CONFLICT_RETRIES_MAX - 1) // 2
    program = (
        "import sys, gdpfs.filesystem\n"
        "fs = gdpfs.filesystem.GdpFileSystem()\n"
        f"for number in range({appends}):\n"
        "    with fs.open(sys.argv[1], 'ab') as file: file.write(sys.argv[2].encode() * 1000)\n"
    )
    environment = {**os.environ, "GDPFS_HOME": str(home.admin.home)}
    workers = [
        subprocess.Popen([sys.executable, "-c", program, f"{volume}/log", name], env=environment)
        for name in "abc"
    ]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    content = fs.cat_file(f"{volume}/log").decode()
    parts = [content[start : start + 1000] for start in range(0, len(content), 1000)]
    assert sorted(parts) == sorted(name * 1000 for name in "abc" for _ in range(appends))


def test_a_flush_of_an_append_is_seen_by_others_before_the_file_is_closed(
    fs: GdpFileSystem, volume: str
) -> None:
    with fs.open(f"{volume}/log", "a") as file:
        file.write("line\n")
        file.flush()
        assert fs.cat_file(f"{volume}/log") == b"line\n"


def test_a_new_content_is_there_when_the_file_is_closed_and_not_before(
    fs: GdpFileSystem, any_volume: str
) -> None:
    path = f"{any_volume}/file"
    fs.pipe_file(path, b"old")
    with fs.open(path, "wb") as file:
        file.write(os.urandom(3 * WHOLE_FILE_BYTES))
        assert fs.cat_file(path) == b"old"
    assert fs.size(path) == 3 * WHOLE_FILE_BYTES


def test_a_writer_that_fails_or_is_killed_leaves_the_old_content(
    home: Server, fs: GdpFileSystem, any_volume: str
) -> None:
    path = f"{any_volume}/file"
    fs.pipe_file(path, b"old")
    with pytest.raises(RuntimeError), fs.open(path, "wb") as file:
        file.write(b"half of it")
        raise RuntimeError
    assert fs.cat_file(path) == b"old"
    program = (
        "import os, sys, gdpfs.filesystem\n"
        "file = gdpfs.filesystem.GdpFileSystem().open(sys.argv[1], 'wb')\n"
        "file.write(bytes(30 << 20))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "GDPFS_HOME": str(home.admin.home)}
    done = subprocess.run([sys.executable, "-c", program, path], env=environment, check=False)
    assert done.returncode == -9
    assert fs.cat_file(path) == b"old"


def test_a_transaction_writes_all_its_files_or_none(fs: GdpFileSystem, volume: str) -> None:
    with fs.transaction:
        for name in "ab":
            with fs.open(f"{volume}/{name}", "wb") as file:
                file.write(name.encode())
        assert fs.ls(volume) == []
    assert fs.cat(f"{volume}/*") == {f"{volume[6:]}/a": b"a", f"{volume[6:]}/b": b"b"}
    with pytest.raises(RuntimeError), fs.transaction:
        with fs.open(f"{volume}/c", "wb") as file:
            file.write(b"c")
        raise RuntimeError
    assert not fs.exists(f"{volume}/c")
