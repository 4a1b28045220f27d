"""Names, modes and settings that few programs use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gdpfs.errors import GdpfsError
from gdpfs.filesystem import GdpFileSystem

#: As long as a name may be, in the fewest characters; what other programs take for a pattern, or the end of a line.
ODD_NAMES = [
    "\U0001f600" * 63,
    "a\nb",
    "\x7f\t",
    "a\\b",
    "*",
    "[x]",
    "?",
    "~",
    "-rf",
    " a ",
    "e\u0301",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_names_like_others(
    tmp_path: Path, fs: GdpFileSystem, volume: str, name: str
) -> None:
    path = f"{volume}/odd/{name}"
    fs.pipe_file(path, b"1")
    with fs.open(path, "ab") as file:
        file.write(b"2")
    assert fs.ls(f"{volume}/odd", detail=False) == [path.removeprefix("gdp://")]
    fs.get_file(path, str(tmp_path / name))
    assert (tmp_path / name).read_bytes() == fs.cat_file(path) == b"12"
    fs.put_file(str(tmp_path / name), f"{volume}/again/{name}")
    fs.cp_file(path, f"{volume}/copy/{name}")
    fs.rm_file(path)
    names = [f"{volume}/{place}/{name}".removeprefix("gdp://") for place in ("again", "copy")]
    assert fs.find(volume) == names


def test_a_path_that_is_no_unicode_is_refused_in_words_that_can_be_printed(
    fs: GdpFileSystem, volume: str
) -> None:
    with pytest.raises(GdpfsError, match="not Unicode") as caught:
        fs.pipe_file(f"{volume}/{os.fsdecode(bytes([0xFF]))}", b"")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("mode", ["r+b", "r+", "w+b", "a+", "x+b", "z", ""])
def test_modes_that_would_change_a_part_of_a_file_are_refused(
    fs: GdpFileSystem, volume: str, mode: str
) -> None:
    fs.pipe_file(f"{volume}/file", b"content")
    with pytest.raises(GdpfsError, match="need rb, wb, xb or ab"):
        fs.open(f"{volume}/file", mode)
    assert fs.cat_file(f"{volume}/file") == b"content"


def test_a_file_that_is_got_has_the_permissions_that_programs_give_new_files(
    tmp_path: Path, fs: GdpFileSystem, volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs.pipe_file(f"{volume}/file", b"")
    before = os.umask(0o027)
    try:
        # It is the process's: to look at it by setting it would let other threads make files for everybody.
        monkeypatch.delattr(os, "umask")
        fs.get_file(f"{volume}/file", str(tmp_path / "file"))
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
