"""tf.io.gfile over gdp://: all its functions, as a program calls them."""

from __future__ import annotations

import itertools
import os

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from gdpfs.filesystem import GdpFileSystem
from gdpfs.paths import parse_path
from harness import Server
from plugin_tables import OK, Tables

gfile = tf.io.gfile


def write(path: str, content: str) -> None:
    with gfile.GFile(path, "w") as file:
        file.write(content)


def read(path: str) -> str:
    with gfile.GFile(path, "r") as file:
        text: str = file.read()
        return text


def test_a_file_is_written_read_appended_and_found(volume: str) -> None:
    path = f"{volume}/note.txt"
    assert not gfile.exists(path)
    write(path, "one\ntwo\n")
    assert gfile.exists(path)
    assert not gfile.isdir(path)
    assert gfile.stat(path).length == 8
    with gfile.GFile(path, "a") as file:
        file.write("three\n")
    with gfile.GFile(path) as file:
        assert list(file) == ["one\n", "two\n", "three\n"]
        file.seek(4)
        assert file.readline() == "two\n"
        assert file.tell() == 8
        assert file.size() == 14
        file.seek(0)
        assert file.readlines() == ["one\n", "two\n", "three\n"]


def test_names_of_any_letters_are_kept(volume: str) -> None:
    for name in ("ü ß", "100%", "a?b", "a#b", "a*b", "a\\b", "日本", "x" * 255):
        write(f"{volume}/{name}", name)
        assert read(f"{volume}/{name}") == name
    assert len(gfile.listdir(volume)) == 8
    assert gfile.glob(f"{volume}/??") == [f"{volume}/日本"]
    assert gfile.glob(f"{volume}/a\\*b") == [f"{volume}/a*b"]
    assert sorted(gfile.glob(f"{volume}/a[!?*]b")) == [f"{volume}/a#b", f"{volume}/a\\b"]


def test_directories_are_made_listed_walked_and_removed(volume: str) -> None:
    gfile.mkdir(f"{volume}/a")
    gfile.mkdir(f"{volume}/a")
    gfile.makedirs(f"{volume}/a/b/c")
    gfile.makedirs(f"{volume}/a/b/c/")
    gfile.makedirs(volume)
    write(f"{volume}/a/x", "x")
    write(f"{volume}/a/b/y", "y")
    assert sorted(gfile.listdir(f"{volume}/a")) == ["b", "x"]
    walked = [(top, sorted(dirs), sorted(files)) for top, dirs, files in gfile.walk(f"{volume}/a")]
    assert walked == [
        (f"{volume}/a", ["b"], ["x"]),
        (f"{volume}/a/b", ["c"], ["y"]),
        (f"{volume}/a/b/c", [], []),
    ]
    assert sorted(gfile.glob(f"{volume}/*/*")) == [f"{volume}/a/b", f"{volume}/a/x"]
    with pytest.raises(tf.errors.NotFoundError):
        gfile.listdir(f"{volume}/nothing")
    gfile.rmtree(f"{volume}/a")
    assert gfile.listdir(volume) == []


def test_files_are_copied_renamed_and_removed(volume: str) -> None:
    write(f"{volume}/a", "a")
    write(f"{volume}/b", "b")
    with pytest.raises(tf.errors.AlreadyExistsError):
        gfile.copy(f"{volume}/a", f"{volume}/b")
    gfile.copy(f"{volume}/a", f"{volume}/b", overwrite=True)
    assert read(f"{volume}/b") == "a"
    write(f"{volume}/a", "new")
    gfile.rename(f"{volume}/a", f"{volume}/b", overwrite=True)
    assert read(f"{volume}/b") == "new"
    gfile.remove(f"{volume}/b")
    with pytest.raises(tf.errors.NotFoundError):
        gfile.remove(f"{volume}/b")


def test_a_directory_is_renamed_with_what_is_in_it(volume: str) -> None:
    gfile.makedirs(f"{volume}/a/b")
    write(f"{volume}/a/b/x", "x")
    gfile.rename(f"{volume}/a", f"{volume}/z")
    assert read(f"{volume}/z/b/x") == "x"
    assert not gfile.exists(f"{volume}/a")


def test_a_copy_goes_from_one_volume_to_another(home: Server, volume: str) -> None:
    home.volume("other-one")
    content = os.urandom(3_000_000)
    with gfile.GFile(f"{volume}/a", "wb") as file:
        file.write(content)
    gfile.copy(f"{volume}/a", "gdp://other-one/b")
    with gfile.GFile("gdp://other-one/b", "rb") as file:
        assert file.read() == content
    with pytest.raises(tf.errors.InvalidArgumentError, match="copy it, then remove it"):
        gfile.rename(f"{volume}/a", "gdp://other-one/c")
    assert not gfile.exists("gdp://other-one/a"), "volumes have nothing in common"


def test_the_volumes_are_what_is_in_the_root_of_all(volume: str) -> None:
    assert gfile.isdir("gdp://")
    assert volume.removeprefix("gdp://") in gfile.listdir("gdp://")


@pytest.mark.parametrize("size", [0, 1, 262_144, 1_048_577, 9_000_000])
def test_content_of_any_size_comes_back_and_verifies(
    home: Server, any_volume: str, size: int
) -> None:
    content = os.urandom(size)
    path = f"{any_volume}/file"
    with gfile.GFile(path, "wb") as file:
        for start in range(0, max(1, size), 700_001):
            file.write(content[start : start + 700_001])
    with gfile.GFile(path, "rb") as file:
        assert file.read() == content
        for start in (0, size // 3, max(0, size - 10)):
            file.seek(start)
            assert file.read(1000) == content[start : start + 1000]
    assert "good" in home.admin("verify", any_volume)


def test_a_file_has_the_chunks_that_an_upload_of_the_command_line_has(
    home: Server, tmp_path: os.PathLike[str]
) -> None:
    home.volume("same-chunks", chunking="cdc")
    content = os.urandom(5_000_000)
    local = os.path.join(tmp_path, "file")  # noqa: PTH118
    with open(local, "wb") as file:  # noqa: PTH123
        file.write(content)
    home.admin("cp", local, "gdp://same-chunks/by-cli")
    with gfile.GFile("gdp://same-chunks/by-tensorflow", "wb") as file:
        file.write(content[:3_000_001])
        file.flush()
        file.write(content[3_000_001:])
    etags = {
        line.split()[-1]
        for name in ("by-cli", "by-tensorflow")
        for line in home.admin("stat", f"gdp://same-chunks/{name}").splitlines()
        if "etag" in line.lower() or "content" in line.lower()
    }
    assert len(etags) == 1, etags


def test_others_see_a_new_file_at_its_first_flush_and_an_old_one_change_at_close(
    home: Server, volume: str
) -> None:
    path = f"{volume}/new"
    with gfile.GFile(path, "w") as file:
        file.write("half")
        assert gfile.exists(path), "this process sees what it writes"
        assert home.admin("ls", volume) == ""
        file.flush()
        assert home.admin("cat", path) == "half"
        file.write(" whole")
    assert home.admin("cat", path) == "half whole"
    with gfile.GFile(path, "w") as file:
        file.write("another")
        file.flush()
        assert home.admin("cat", path) == "half whole"
    assert home.admin("cat", path) == "another"


def test_what_is_read_stays_the_same_when_the_file_is_replaced_or_removed(volume: str) -> None:
    # Each is read ahead by several threads, which find out at the same time that it is gone.
    files = {f"{volume}/file-{number}": os.urandom(10_000_000) for number in range(8)}
    for path, old in files.items():
        with gfile.GFile(path, "wb") as file:
            file.write(old)
    # What was written is in memory.
    Tables().ops.filesystem.contents.flush_caches(None)
    readers = {path: gfile.GFile(path, "rb") for path in files}
    heads = {path: reader.read(1000) for path, reader in readers.items()}
    for path in files:
        with gfile.GFile(path, "wb") as file:
            file.write(b"short")
        gfile.remove(path)
    for path, old in files.items():
        assert heads[path] + readers[path].read(len(old)) == old


def entry(home: Server, path: str) -> dict[str, object]:
    """What the server says of a file."""
    found: dict[str, object] = home.client.session.json(
        "GET", "/api/v1/files", query={"path": home.client.api_path(parse_path(path))}
    )
    return found


def test_what_is_added_between_flushes_is_added_to_the_log_of_the_file(
    home: Server, any_volume: str, fs: GdpFileSystem
) -> None:
    path = f"{any_volume}/events"
    tables = Tables()
    sizes = (3_000_000, 100, 2_000_000, 1, 70_000, 300, 900_000)
    written = b""
    added = []
    logs = set()
    for name, part in (("new_writable_file", sizes[:4]), ("new_appendable_file", sizes[4:])):
        _, file = tables.open(name, path)
        for size in part:
            piece = os.urandom(size)
            written += piece
            assert tables.append(file, piece).code == OK
            assert tables.on_writer("sync", file).code == OK
            found = entry(home, path)
            logs.add(found["log"])
            added.append(found["logCount"])
            # By a client that has none of it in memory.
            assert fs.cat_file(path) == written
        assert tables.close(file).code == OK
    assert fs.cat_file(path) == written
    assert len(logs) == 1
    small = [after - before for before, after in itertools.pairwise(added)]
    # One for the piece, and one more if a chunk ends in it.
    assert max(small[0], small[2], small[4]) <= 2
