"""Other processes: forked ones, spawned ones, threads, and objects that travel to them."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from between import Between, Stream, plain
from gdpfs import session
from gdpfs.client import Client
from gdpfs.config import Home
from gdpfs.errors import GdpfsError
from gdpfs.filesystem import GdpFileSystem
from gdpfs.limits import BODY_THREADS, CONNECTIONS_MAX, NEAR_ANSWER_SECONDS
from gdpfs.paths import parse_path
from gdpfs.ranges import read_ranges
from gdpfs.writing import write_whole
from harness import Server
from test_faults import copy_home, expire

MIB = 1024 * 1024


def in_child(action: Any) -> int:
    """Exit status of a forked child that ran it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("is_near", [True, False])
def test_ranges_of_a_server_that_is_near_are_read_by_no_more_threads_than_there_are_processors(
    home: Server, volume: str, monkeypatch: pytest.MonkeyPatch, is_near: bool
) -> None:
    path = parse_path(f"{volume}/file")
    data = random.Random(5).randbytes(33 * MIB)
    client = Client(home=home.admin.home)
    write_whole(client, path, data)
    monkeypatch.setattr(session, "NEAR_SECONDS", math.inf if is_near else 0)
    monkeypatch.setattr(session, "NEAR_ANSWER_SECONDS", math.inf)
    processors = max(2, min(os.cpu_count() or 1, BODY_THREADS))
    assert client.readers_max == (processors if is_near else BODY_THREADS)
    readers: set[int] = set()
    visit = client.receiver.visit

    def note(*args: Any) -> None:
        readers.add(threading.get_ident())
        visit(*args)

    monkeypatch.setattr(client.receiver, "visit", note)
    starts = range(5, len(data), MIB)
    found = read_ranges(client, path, [(start, start + 300_000) for start in starts], None)
    assert found == [data[start : start + 300_000] for start in starts]
    assert 0 < len(readers) <= client.readers_max


def test_a_server_is_not_near_because_something_before_it_is(
    home: Server, volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(stream: Stream, head: list[str], body: bytes) -> bool:
        time.sleep(2 * NEAR_ANSWER_SECONDS)
        return plain(stream, head, body)

    monkeypatch.setattr(session, "NEAR_SECONDS", math.inf)
    own = copy_home(home, tmp_path)
    with Between(home, slowly) as between:
        between.use_in(own)
        client = Client(home=own)
        write_whole(client, parse_path(f"{volume}/file"), b"content")
        assert client.readers_max == BODY_THREADS


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_file_system_and_an_open_file_work_in_a_forked_child_and_in_the_parent_after_it(
    fs: GdpFileSystem, volume: str
) -> None:
    data = random.Random(3).randbytes(20 * MIB)
    fs.pipe_file(f"{volume}/file", data)
    with fs.open(f"{volume}/file") as file:
        # Bodies are under way, connections and threads in use.
        head = file.read(MIB)

        def child() -> None:
            assert file.read() == data[MIB:]
            assert fs.cat_file(f"{volume}/file", 5, 10) == data[5:10]
            fs.pipe_file(f"{volume}/child", b"from the child")
            assert fs.cat_ranges([f"{volume}/file"] * 50, range(50), 100)[49] == data[49:100]

        for _ in range(3):
            file.seek(MIB)
            assert in_child(child) == 0
        assert head + file.read() == data
    assert fs.cat_file(f"{volume}/child") == b"from the child"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_other_threads_read_leaves_the_child_usable(
    fs: GdpFileSystem, volume: str
) -> None:
    fs.pipe_file(f"{volume}/file", bytes(range(256)) * 40_000)
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            assert fs.cat_file(f"{volume}/file", 1000, 1010) == bytes(range(232, 242))
            with fs.open(f"{volume}/file") as file:
                file.read(3 * MIB)

    with ThreadPoolExecutor(4) as threads:
        reading = [threads.submit(read) for _ in range(4)]
        try:
            for _ in range(10):
                assert in_child(lambda: fs.cat_file(f"{volume}/file", 0, 4)) == 0
        finally:
            stop.set()
        for one in reading:
            one.result()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_file_that_is_open_for_writing_is_only_written_by_who_opened_it(
    fs: GdpFileSystem, volume: str
) -> None:
    fs.pipe_file(f"{volume}/file", b"old")
    with fs.open(f"{volume}/file", "wb") as file:
        file.write(b"new")

        def child() -> None:
            with pytest.raises(GdpfsError, match="open it again after the fork"):
                file.write(b"child")
            with pytest.raises(GdpfsError, match="open it again after the fork"):
                file.close()

        assert in_child(child) == 0
        assert fs.cat_file(f"{volume}/file") == b"old"
    assert fs.cat_file(f"{volume}/file") == b"new"


def read_part(fs: GdpFileSystem, path: str, start: int) -> bytes:
    return bytes(fs.cat_file(path, start, start + 100))


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_file_system_travels_to_processes_of_every_kind(
    fs: GdpFileSystem, volume: str, method: str
) -> None:
    data = random.Random(4).randbytes(3 * MIB)
    fs.pipe_file(f"{volume}/file", data)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as processes:
        starts = range(0, 3 * MIB, 300_000)
        parts = processes.map(read_part, [fs] * 11, [f"{volume}/file"] * 11, starts)
        assert list(parts) == [data[start : start + 100] for start in starts]


def test_a_pickled_file_system_is_the_same_one(home: Server) -> None:
    fs = fsspec.filesystem("gdp", home=str(home.admin.home), at=7)
    copy = pickle.loads(pickle.dumps(fs))
    assert copy == fs
    assert copy.at == "7"
    opened = pickle.loads(pickle.dumps(fsspec.open("gdp://v/file", home=str(home.admin.home))))
    assert opened.fs.home == str(home.admin.home)


def test_many_threads_share_one_client_with_bounded_connections(
    fs: GdpFileSystem, volume: str
) -> None:
    data = random.Random(5).randbytes(4 * MIB)
    fs.pipe({f"{volume}/{number}": data for number in range(8)})

    def read(number: int) -> bool:
        with fs.open(f"{volume}/{number % 8}") as file:
            return bool(file.read() == data)

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(read, range(96)))
    assert 0 < len(fs.client.bodies._threads) <= BODY_THREADS
    assert 0 < len(fs.client.session._connections._idle) <= CONNECTIONS_MAX


MEMORY_PROGRAM = r"""
import os, re, sys
from pathlib import Path
from gdpfs.filesystem import GdpFileSystem

def peak():
    # Not ru_maxrss: a new process begins with that of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

fs = GdpFileSystem()
fs.ls("gdp://")
before = peak()
with fs.open(sys.argv[1], "wb") as file:
    for _ in range(75):
        file.write(os.urandom(4 << 20))
written = peak()
with fs.open(sys.argv[1]) as file:
    while file.read(1 << 20):
        pass
ends = range(100, 300 << 20, 314_572)
parts = fs.cat_ranges([sys.argv[1]] * len(ends), [end - 100 for end in ends], ends)
assert sum(map(len, parts)) == 100 * len(ends)
print(written - before, peak() - before)
"""


@pytest.mark.parametrize("chunking", ["fixed", "cdc"])
def test_memory_does_not_grow_with_the_size_of_a_file(home: Server, chunking: str) -> None:
    volume = home.volume(f"memory-{chunking}", chunking=chunking)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, f"{volume}/large"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GDPFS_HOME": str(home.admin.home)},
    )
    growth = [int(number) for number in done.stdout.split()]
    # The file has 300 MiB.
    assert max(growth) < 120 * MIB, growth


RENEWAL_PROGRAM = """
import os, sys, time
from pathlib import Path
from gdpfs.renewal import Renewal

renewal = Renewal(interval_seconds=0.02)
renewal.start()
pid = os.fork()
if pid == 0:
    os.environ["GDPFS_HOME"] = sys.argv[1]
    certificate = Path(sys.argv[2])
    before = certificate.read_text()
    while certificate.read_text() == before:
        time.sleep(0.02)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_forked_child_renews_the_certificate_for_itself(server: Server, tmp_path: Path) -> None:
    home = copy_home(server, tmp_path)
    expire(server, home, days=-5)
    certificate = Home(home).profile().certificate
    before = certificate.read_text()
    # The parent looks at another one.
    program = [sys.executable, "-W", "ignore", "-c", RENEWAL_PROGRAM, str(home), str(certificate)]
    environment = {**os.environ, "GDPFS_HOME": str(server.admin.home)}
    subprocess.run(program, check=True, timeout=60, env=environment)
    assert certificate.read_text() != before
