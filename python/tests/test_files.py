"""Reading and writing of files through fsspec."""

from __future__ import annotations

import asyncio
import os
import pickle
import random
import time
from pathlib import Path
from typing import Any

import fsspec
import pytest

from gdpfs import connections
from gdpfs.file_lookup import CLIENTS
from gdpfs.filesystem import GdpFileSystem
from gdpfs.limits import BODY_BYTES, INLINE_BYTES, READ_STEP_BYTES, WHOLE_FILE_BYTES
from harness import Server

MIB = 1024 * 1024
#: One chunk, several, one more than is held, streamed.
SIZES = [0, 1, 256 * 1024, BODY_BYTES + 1, WHOLE_FILE_BYTES, 2 * WHOLE_FILE_BYTES + 12345]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read_and_is_what_the_command_line_sees(
    home: Server, fs: GdpFileSystem, any_volume: str, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    with fs.open(f"{any_volume}/new/file", "wb") as file:
        for start in range(0, size, 3 * MIB):
            file.write(data[start : start + 3 * MIB])
    with fs.open(f"{any_volume}/new/file") as file:
        assert file.read() == data
    assert fs.size(f"{any_volume}/new/file") == size
    home.admin("verify", any_volume)


@pytest.mark.parametrize("size", SIZES)
def test_put_and_get_move_files_of_any_size(
    tmp_path: Path, fs: GdpFileSystem, any_volume: str, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    (tmp_path / "source").write_bytes(data)
    fs.put(str(tmp_path / "source"), f"{any_volume}/file")
    fs.get(f"{any_volume}/file", str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_any_sequence_of_reads_gets_the_bytes_that_a_local_file_has(
    fs: GdpFileSystem, volume: str
) -> None:
    chance = random.Random(4)
    data = chance.randbytes(READ_STEP_BYTES + 5 * MIB + 77)
    fs.pipe_file(f"{volume}/file", data)
    with fs.open(f"{volume}/file") as file:
        position = 0
        for _ in range(300):
            if chance.random() < 0.4:
                position = chance.randrange(len(data) + 10)
                file.seek(position)
            length = chance.choice([0, 1, 100, 8192, 70_000, MIB, 6 * MIB])
            wanted = data[position : position + length]
            if chance.random() < 0.5:
                assert file.read(length) == wanted
            else:
                target = bytearray(length)
                assert file.readinto(target) == len(wanted)
                assert target[: len(wanted)] == wanted
            position += len(wanted)
            assert file.tell() == max(position, file.tell() if not wanted else 0)
            position = file.tell()


@pytest.mark.parametrize("cache_type", ["none", "readahead", "bytes", "blockcache", "background"])
def test_the_caches_of_fsspec_can_be_put_before_it(
    fs: GdpFileSystem, volume: str, cache_type: str
) -> None:
    data = random.Random(7).randbytes(3 * MIB)
    fs.pipe_file(f"{volume}/file", data)
    with fs.open(f"{volume}/file", cache_type=cache_type, block_size=100_000) as file:
        file.seek(MIB)
        assert file.read(10) == data[MIB : MIB + 10]
        target = bytearray(2 * MIB)
        assert file.readinto(target) == 2 * MIB - 10
        assert target[:-10] == data[MIB + 10 :]


def test_files_are_read_through_the_local_caches_of_fsspec(
    tmp_path: Path, fs: GdpFileSystem, volume: str
) -> None:
    for chain in ("simplecache", "filecache"):
        fs.pipe_file(f"{volume}/file", chain.encode())
        options = {"cache_storage": str(tmp_path / chain), "check_files": True}
        known = options if chain == "filecache" else {"cache_storage": str(tmp_path / chain)}
        with fsspec.open(f"{chain}::{volume}/file", **{chain: known}) as file:
            assert file.read() == chain.encode()
    fs.pipe_file(f"{volume}/file", b"newer")
    with fsspec.open(f"filecache::{volume}/file", filecache=options) as file:
        assert file.read() == b"newer"


def test_lines_come_as_they_were_written(fs: GdpFileSystem, volume: str) -> None:
    lines = [b"x" * (number % 300) + b"\n" for number in range(5000)] + [b"the last"]
    fs.pipe_file(f"{volume}/lines", b"".join(lines))
    with fs.open(f"{volume}/lines") as file:
        assert [file.readline() for _ in lines] == lines
        assert file.readline() == b""
    with fs.open(f"{volume}/lines", "r") as text:
        assert [line.encode() for line in text] == lines


def test_holes_read_as_zeros(home: Server, tmp_path: Path, fs: GdpFileSystem, volume: str) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.seek(3 * MIB)
        file.write(b"island")
        file.truncate(9 * MIB + 5)
    home.admin("cp", path, f"{volume}/sparse")
    data = path.read_bytes()
    with fs.open(f"{volume}/sparse") as file:
        assert file.read() == data
    assert fs.cat_file(f"{volume}/sparse", 2 * MIB, 4 * MIB) == data[2 * MIB : 4 * MIB]
    assert fs.cat_file(f"{volume}/sparse", start=-10) == bytes(10)


def test_cat_ranges_gives_each_range_its_bytes_or_its_error(fs: GdpFileSystem, volume: str) -> None:
    chance = random.Random(5)
    files = {f"{volume}/{name}": chance.randbytes(3 * MIB) for name in "abc"}
    fs.pipe(files)
    paths = [chance.choice(list(files)) for _ in range(200)]
    starts = [chance.randrange(3 * MIB) for _ in paths]
    ends = [start + 64 * 1024 for start in starts]
    assert fs.cat_ranges(paths, starts, ends) == [
        files[path][start:end] for path, start, end in zip(paths, starts, ends, strict=True)
    ]
    found = fs.cat_ranges([f"{volume}/a", f"{volume}/none"], 0, 4)
    assert found[0] == files[f"{volume}/a"][:4]
    assert isinstance(found[1], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([f"{volume}/a", f"{volume}/none"], 0, 4, on_error="raise")


@pytest.mark.parametrize("size", [1000, BODY_BYTES + 1, 5 * WHOLE_FILE_BYTES])
@pytest.mark.parametrize("what", ["replaced", "removed", "renamed away"])
def test_an_open_file_is_read_as_it_was_whatever_becomes_of_its_path(
    fs: GdpFileSystem, volume: str, size: int, what: str
) -> None:
    data = random.Random(size).randbytes(size)
    fs.pipe_file(f"{volume}/dir/file", data)
    with fs.open(f"{volume}/dir/file") as file:
        head = file.read(10)
        if what == "replaced":
            fs.pipe_file(f"{volume}/dir/file", os.urandom(size))
        elif what == "removed":
            fs.rm(f"{volume}/dir", recursive=True)
        else:
            fs.mv(f"{volume}/dir", f"{volume}/other")
            fs.pipe_file(f"{volume}/dir/file", os.urandom(size))
        assert head + file.read() == data


@pytest.mark.parametrize("size", [3, BODY_BYTES + 1])
def test_a_file_that_is_replaced_between_open_and_first_read_is_the_old_one(
    fs: GdpFileSystem, volume: str, size: int
) -> None:
    fs.pipe_file(f"{volume}/file", b"o" * size)
    with fs.open(f"{volume}/file") as file:
        fs.pipe_file(f"{volume}/file", b"n" * 2 * size)
        assert file.read() == b"o" * size


def test_reads_by_path_see_the_newest_content_each_time(fs: GdpFileSystem, volume: str) -> None:
    for number in range(10):
        content = f"content {number}".encode()
        fs.pipe_file(f"{volume}/file", content)
        assert fs.cat_file(f"{volume}/file") == content
        assert fs.cat_file(f"{volume}/file", 2, 5) == content[2:5]
    fs.rm(f"{volume}/file")
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{volume}/file")


def test_the_past_can_be_read_and_not_written(fs: GdpFileSystem, volume: str) -> None:
    fs.pipe_file(f"{volume}/file", b"one")
    seq = fs.info(f"{volume}/file")["seq"]
    fs.pipe_file(f"{volume}/file", b"two")
    fs.pipe_file(f"{volume}/later", b"")
    past = GdpFileSystem(at=seq)
    assert past.cat_file(f"{volume}/file") == b"one"
    assert past.ls(volume, detail=False) == [f"{volume[6:]}/file"]
    with fs.open(f"{volume}/file", at=seq) as file:
        assert file.read() == b"one"
    with fsspec.open(f"{volume}/file", at=seq) as file:
        assert file.read() == b"one"
    with pytest.raises(PermissionError, match="without at="):
        past.pipe_file(f"{volume}/file", b"three")


def test_a_copy_moves_no_bytes_and_has_the_same_checksum(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    fs.pipe_file(f"{volume}/file", os.urandom(2 * MIB))
    stored = sum(path.stat().st_size for path in (home.data / "store").rglob("*.open"))
    fs.cp(f"{volume}/file", f"{volume}/deep/copy")
    after = sum(path.stat().st_size for path in (home.data / "store").rglob("*.open"))
    assert after - stored < 100_000
    assert fs.checksum(f"{volume}/file") == fs.checksum(f"{volume}/deep/copy")
    assert fs.checksum(f"{volume}/file").startswith("sha256:")


def test_a_copy_to_another_volume_has_the_same_bytes(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    data = os.urandom(WHOLE_FILE_BYTES + 3)
    fs.pipe_file(f"{volume}/file", data)
    other = home.volume(f"{volume[6:]}-other")
    fs.cp(f"{volume}/file", f"{other}/file")
    fs.mv(f"{volume}/file", f"{other}/moved")
    assert fs.cat_file(f"{other}/file") == data
    assert fs.cat_file(f"{other}/moved") == data
    assert not fs.exists(f"{volume}/file")


def test_a_directory_moves_with_all_that_is_below_it(fs: GdpFileSystem, volume: str) -> None:
    fs.pipe({f"{volume}/a/b/{number}": b"%d" % number for number in range(5)})
    fs.mv(f"{volume}/a", f"{volume}/new/place")
    assert fs.find(f"{volume}/new") == [f"{volume[6:]}/new/place/b/{n}" for n in range(5)]
    fs.makedirs(f"{volume}/there")
    fs.mv(f"{volume}/new/place", f"{volume}/there")
    assert fs.isdir(f"{volume}/there/place/b")
    fs.pipe_file(f"{volume}/x", b"x")
    fs.mv(f"{volume}/x", f"{volume}/there/place/b/0")
    assert fs.cat_file(f"{volume}/there/place/b/0") == b"x"


def test_listings_say_what_is_there(fs: GdpFileSystem, volume: str) -> None:
    name = volume[6:]
    fs.pipe({f"{volume}/a/one": b"1", f"{volume}/a/b/two": b"22", f"{volume}/f": b""})
    assert [(i["name"], i["type"], i["size"]) for i in fs.ls(f"{volume}/a")] == [
        (f"{name}/a/b", "directory", 0),
        (f"{name}/a/one", "file", 1),
    ]
    assert fs.ls(f"{volume}/a/one", detail=False) == [f"{name}/a/one"]
    assert fs.find(volume) == [f"{name}/a/b/two", f"{name}/a/one", f"{name}/f"]
    assert fs.find(volume, maxdepth=1) == [f"{name}/f"]
    assert fs.find(volume, withdirs=True)[:3] == [name, f"{name}/a", f"{name}/a/b"]
    assert fs.glob(f"{volume}/*/one") == [f"{name}/a/one"]
    assert fs.glob(f"{volume}/**/two") == [f"{name}/a/b/two"]
    assert f"{name}" in fs.ls("gdp://", detail=False)
    assert fs.du(volume) == 3
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{volume}/none")
    now = time.time()
    assert abs(fs.modified(f"{volume}/f").timestamp() - now) < 3600
    assert fs.created(f"{volume}/f") <= fs.modified(f"{volume}/f")


def test_names_are_taken_literally(home: Server, fs: GdpFileSystem, volume: str) -> None:
    for name in ["a%20b", "a b", "grün", "q&a=1+1", "#1", "100%"]:
        fs.pipe_file(f"{volume}/{name}", name.encode())
        assert fs.cat_file(f"{volume}/{name}") == name.encode()
        assert home.admin("cat", f"{volume}/{name}") == name


@pytest.mark.parametrize("size", [3, INLINE_BYTES, INLINE_BYTES + 1])
def test_a_small_file_comes_in_one_request(
    fs: GdpFileSystem, volume: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # No two have a chunk of the same content, which would be known by then.
    contents = {name: name.encode() + bytes(size - 2) + name.encode() for name in "abc"}
    fs.pipe({f"{volume}/{name}": content for name, content in contents.items()})
    CLIENTS.forget()
    targets: set[str] = set()
    exchange = connections._exchange

    def note(connection: Any, asked: connections.Exchange) -> Any:
        # Not the volume's, which is looked at once a minute.
        if "chunks" in asked.target:
            targets.add(asked.target)
        return exchange(connection, asked)

    monkeypatch.setattr(connections, "_exchange", note)
    requests = 1 if size <= INLINE_BYTES else 2
    assert fs.cat_file(f"{volume}/a") == contents["a"]
    assert len(targets) == requests, targets
    with fs.open(f"{volume}/b") as file:
        assert file.read() == contents["b"]
        assert len(targets) == 2 * requests, targets
    assert fs.cat([f"{volume}/c"]) == {f"{volume[6:]}/c": contents["c"]}


def test_directories_are_made_and_removed_as_programs_expect(
    fs: GdpFileSystem, volume: str
) -> None:
    fs.mkdir(f"{volume}/a/b")
    with pytest.raises(FileExistsError):
        fs.mkdir(f"{volume}/a/b")
    with pytest.raises(FileExistsError):
        fs.makedirs(f"{volume}/a/b")
    fs.makedirs(f"{volume}/a/b", exist_ok=True)
    fs.makedirs(volume, exist_ok=True)
    with pytest.raises(OSError, match="not empty"):
        fs.rmdir(f"{volume}/a")
    fs.rmdir(f"{volume}/a/b")
    fs.touch(f"{volume}/a/f")
    with pytest.raises(NotADirectoryError):
        fs.rmdir(f"{volume}/a/f")
    with pytest.raises(IsADirectoryError):
        fs.open(f"{volume}/a", "wb")
    with pytest.raises(IsADirectoryError):
        fs.open(f"{volume}/a")
    with pytest.raises(NotADirectoryError):
        fs.pipe_file(f"{volume}/a/f/below", b"")
    fs.rm(f"{volume}/a", recursive=True)
    assert not fs.exists(f"{volume}/a")


def test_the_coroutines_work_in_a_loop_of_the_program(home: Server, volume: str) -> None:
    async def program() -> list[bytes]:
        fs = GdpFileSystem(asynchronous=True)
        names = [f"{volume}/{number}" for number in range(40)]
        await asyncio.gather(*(fs._pipe_file(name, name.encode()) for name in names))
        assert len(await fs._ls(volume)) == 40
        async with await fs.open_async(f"{volume}/streamed", "wb") as file:
            for _ in range(3):
                await file.write(bytes(5 * MIB))
        async with await fs.open_async(f"{volume}/streamed") as file:
            assert await file.read(10 * MIB) == bytes(10 * MIB)
            assert len(await file.read()) == 5 * MIB
        with pytest.raises(FileNotFoundError):
            await fs.open_async(f"{volume}/nothing")
        return list(await asyncio.gather(*(fs._cat_file(name) for name in names)))

    assert asyncio.run(program()) == [f"{volume}/{number}".encode() for number in range(40)]


def test_a_pickled_open_file_goes_on_in_its_version(fs: GdpFileSystem, volume: str) -> None:
    fs.pipe_file(f"{volume}/file", b"0123456789")
    with fs.open(f"{volume}/file") as file:
        file.read(3)
        fs.pipe_file(f"{volume}/file", b"another one")
        assert pickle.loads(pickle.dumps(file)).read() == b"3456789"
    with fs.open(f"{volume}/file", "wb") as file, pytest.raises(TypeError, match="for writing"):
        pickle.dumps(file)
