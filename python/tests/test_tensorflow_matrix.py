"""The 104 cases of TensorFlow's own modular_filesystem_test.cc, over gdp://.

Its cases leave writers open while they look at the files; so do these. Where our answer is another,
the case says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import matrix_changes  # noqa: F401
from matrix_lab import CASES, CONTENT, Lab, case, expect, on
from plugin_tables import (
    FAILED_PRECONDITION,
    NOT_FOUND,
    OK,
    OUT_OF_RANGE,
    Outcome,
    Tables,
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


@pytest.fixture
def lab(tables: Tables, volume: str) -> Iterator[Lab]:
    made = Lab(tables, volume)
    yield made
    made.close_all()


EXISTS = "path_exists"
expect("FileExists", on(EXISTS, "a"), OK, given="a")
expect("FileExistsButIsDirectory", on(EXISTS, "a"), OK, given="a/")
expect("FileExistsNotFound", on(EXISTS, "a"), NOT_FOUND)
expect("FileExistsPathIsInvalid", on(EXISTS, "a/b"), FAILED_PRECONDITION, given="a")


@case("FilesExist")
def _(lab: Lab) -> None:
    lab.new_file("a")
    lab.directory("b")
    paths = [lab.at("a"), lab.at("b")]
    assert lab.tables.paths_exist(*paths) == (True, [OK, OK])
    assert lab.tables.paths_exist(*paths, with_codes=False) == (True, [])


@case("FilesExistAllFailureModes")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    lab.directory("a_dir")
    paths = map(lab.at, ("a_dir", "a_file", "a_file/x", "missing"))
    assert lab.tables.paths_exist(*paths) == (False, [OK, OK, FAILED_PRECONDITION, NOT_FOUND])
    assert lab.tables.paths_exist(lab.at("missing"), with_codes=False) == (False, [])


@case("FilesExistNoFiles")
def _(lab: Lab) -> None:
    assert lab.tables.paths_exist() == (True, [])


def stat_case(name: str, given: Callable[[Lab], Any], length: int, is_directory: bool) -> None:
    @case(name)
    def _(lab: Lab) -> None:
        given(lab)
        outcome = lab.tables.stat(lab.at("a"))
        assert outcome.code == OK, outcome.message
        found = outcome.value
        assert (found.length, found.is_directory) == (length, is_directory)
        assert found.mtime_nsec > 0


stat_case("StatEmptyFile", lambda lab: lab.new_file("a"), 0, False)
stat_case("StatNonEmptyFile", lambda lab: lab.new_file("a", CONTENT), len(CONTENT), False)
stat_case("StatDirectory", lambda lab: lab.directory("a"), 0, True)


def stat(name: str) -> Callable[[Lab], Outcome]:
    return lambda lab: lab.tables.stat(lab.at(name))


expect("StatNotFound", stat("a"), NOT_FOUND)
expect("StatPathIsInvalid", stat("a/b"), FAILED_PRECONDITION, given="a")

expect("IsDirectory", on("is_directory", "a"), OK, given="a/")
expect("IsDirectoryFile", on("is_directory", "a"), FAILED_PRECONDITION, given="a")
expect("IsDirectoryNotFound", on("is_directory", "a"), NOT_FOUND)
expect("IsDirectoryPathIsInvalid", on("is_directory", "a/b"), FAILED_PRECONDITION, given="a")


@case("GetFileSizeEmptyFile")
def _(lab: Lab) -> None:
    lab.new_file("a")
    assert lab.size("a") == 0


@case("GetFileSizeNonEmptyFile")
def _(lab: Lab) -> None:
    lab.new_file("a", CONTENT)
    assert lab.size("a") == len(CONTENT)


SIZE = "get_file_size"
expect("GetFileSizeDirectory", on(SIZE, "a"), FAILED_PRECONDITION, given="a/")
expect("GetFileSizeNotFound", on(SIZE, "a"), NOT_FOUND)
expect("GetFileSizePathIsInvalid", on(SIZE, "a/b"), FAILED_PRECONDITION, given="a")


def children(name: str) -> Callable[[Lab], Outcome]:
    return lambda lab: lab.tables.names("get_children", lab.at(name))


@case("GetChildren")
def _(lab: Lab) -> None:
    for name in ("file1", "file2"):
        lab.new_file(name)
    for name in ("dir1", "dir2"):
        lab.directory(name)
    lab.new_file("dir1/below")
    found = children("")(lab)
    assert (found.code, sorted(found.value)) == (OK, ["dir1", "dir2", "file1", "file2"])


@case("GetChildrenEmpty")
def _(lab: Lab) -> None:
    found = children("")(lab)
    assert (found.code, found.value) == (OK, [])


expect("GetChildrenOfFile", children("a"), FAILED_PRECONDITION, given="a")
expect("GetChildrenPathNotFound", children("a"), NOT_FOUND)
expect("GetChildrenPathIsInvalid", children("a/b"), FAILED_PRECONDITION, given="a")


def matching(lab: Lab, pattern: str) -> list[str]:
    found = lab.tables.names("get_matching_paths", pattern)
    assert found.code == OK, found.message
    value: list[str] = sorted(found.value)
    return value


@case("GetMatchingPaths")
def _(lab: Lab) -> None:
    for name in ("a_file", "b_file"):
        lab.new_file(name)
    for name in ("a_dir", "b_dir"):
        lab.directory(name)
    assert matching(lab, f"{lab.root}//a*") == [lab.at("a_dir"), lab.at("a_file")]


@case("GetMatchingPathsEmptyFileSystem")
def _(lab: Lab) -> None:
    assert matching(lab, f"{lab.root}/a*") == []


@case("GetMatchingPathsEmptyPattern")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    assert matching(lab, lab.root) == [lab.root]


@case("GetMatchingPathsLiteralMatch")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    assert matching(lab, lab.at("a_file")) == [lab.at("a_file")]


@case("GetMatchingPathsNoMatch")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    assert matching(lab, lab.at("x?y*")) == []


@case("AppendAndTell")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    handle = lab.open_files[0]
    assert lab.tables.on_writer("tell", handle).value == 0
    assert lab.tables.append(handle, CONTENT).code == OK
    assert lab.tables.on_writer("tell", handle).value == len(CONTENT)


@case("Close")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    assert lab.tables.close(lab.open_files.pop()).code == OK


def read_back(lab: Lab, name: str, offset: int, length: int) -> Outcome:
    outcome, handle = lab.tables.open("new_random_access_file", lab.at(name))
    assert outcome.code == OK, outcome.message
    result = lab.tables.read_at(handle, offset, length)
    lab.tables.ops.reader.contents.cleanup(handle)
    return result


@case("RoundTrip")
def _(lab: Lab) -> None:
    lab.new_file("a_file", CONTENT)
    assert lab.tables.close(lab.open_files.pop()).code == OK
    found = read_back(lab, "a_file", 0, len(CONTENT))
    assert (found.code, found.value) == (OK, CONTENT)


@case("RoundTripWithAppendableFile")
def _(lab: Lab) -> None:
    lab.new_file("a_file", CONTENT)
    assert lab.tables.close(lab.open_files.pop()).code == OK
    lab.append_to("a_file")
    assert lab.tables.append(lab.open_files[0], b"more").code == OK
    assert lab.tables.close(lab.open_files.pop()).code == OK
    whole = read_back(lab, "a_file", 0, 8)
    assert (whole.code, whole.value) == (OK, CONTENT + b"more")
    half = read_back(lab, "a_file", len(CONTENT), 4)
    assert (half.code, half.value) == (OK, b"more")


@case("ReadOutOfRange")
def _(lab: Lab) -> None:
    lab.new_file("a_file", CONTENT)
    assert lab.tables.close(lab.open_files.pop()).code == OK
    found = read_back(lab, "a_file", 0, len(CONTENT) + 1)
    assert (found.code, found.value) == (OUT_OF_RANGE, CONTENT)


def test_the_matrix_has_all_cases_of_the_suite() -> None:
    assert len(CASES) == 104


@pytest.mark.parametrize("name", CASES)
def test_modular_filesystem(lab: Lab, name: str) -> None:
    CASES[name](lab)
