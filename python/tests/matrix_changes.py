"""Cases of test_tensorflow_matrix.py: files and directories are made, moved and removed."""

from __future__ import annotations

from collections.abc import Callable

from matrix_lab import CONTENT, Lab, case, expect, on
from plugin_tables import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    Outcome,
)


@case("TranslateName")
def _(lab: Lab) -> None:
    # The case of the suite drops the authority. It names the volume, so it stays.
    translate = lab.tables.translate_name
    for uri, clean in {
        "gdp://": "gdp://",
        "gdp://v": "gdp://v",
        "gdp://v/": "gdp://v",
        "gdp://v//": "gdp://v",
        "gdp://v/a_file": "gdp://v/a_file",
        "gdp://v/a_dir/a_file": "gdp://v/a_dir/a_file",
        "gdp://v/./a_file": "gdp://v/a_file",
        "gdp://v/a/convoluted/../path/./to/.//.///a/file": "gdp://v/a/path/to/a/file",
        "gdp://v/../../w/x": "gdp://v/w/x",
    }.items():
        assert translate(uri) == clean


expect("CreateFile", lambda lab: lab.new_file("a_file"), OK)
expect("CreateFileNonExisting", lambda lab: lab.new_file("dir_not_found/a_file"), NOT_FOUND)
expect("CreateFileExistingDir", lambda lab: lab.new_file("a"), FAILED_PRECONDITION, given="a/")
expect("CreateFilePathIsInvalid", lambda lab: lab.new_file("a/b"), FAILED_PRECONDITION, given="a")

expect("AppendFile", lambda lab: lab.append_to("a_file"), OK)
expect("AppendFileNonExisting", lambda lab: lab.append_to("dir_not_found/a_file"), NOT_FOUND)
expect("AppendFileExistingDir", lambda lab: lab.append_to("a"), FAILED_PRECONDITION, given="a/")
expect("AppendFileCreateThenAppend", lambda lab: lab.append_to("a"), OK, given="a")
expect("AppendFilePathIsInvalid", lambda lab: lab.append_to("a/b"), FAILED_PRECONDITION, given="a")


def read(name: str) -> Callable[[Lab], Outcome]:
    return lambda lab: lab.tables.read(lab.at(name))


expect("ReadFile", read("a_file"), NOT_FOUND)
expect("ReadFileNonExisting", read("dir_not_found/a_file"), NOT_FOUND)
expect("ReadFileExistingDir", read("a"), FAILED_PRECONDITION, given="a/")
expect("ReadFileCreateThenRead", read("a"), OK, given="a")
expect("ReadFilePathIsInvalid", read("a/b"), FAILED_PRECONDITION, given="a")


def region(name: str) -> Callable[[Lab], Outcome]:
    return lambda lab: lab.tables.region(lab.at(name))


expect("CreateMemoryRegion", region("a_file"), NOT_FOUND)
expect("CreateMemoryRegionNonExisting", region("dir_not_found/a_file"), NOT_FOUND)
expect("CreateMemoryRegionExistingDir", region("a"), FAILED_PRECONDITION, given="a/")
expect("CreateMemoryRegionFromEmptyFile", region("a"), INVALID_ARGUMENT, given="a")
expect("CreateMemoryRegionFromFilePathIsInvalid", region("a/b"), FAILED_PRECONDITION, given="a")


@case("CreateMemoryRegionFromFile")
def _(lab: Lab) -> None:
    lab.new_file("a_file", CONTENT)
    outcome = lab.tables.region(lab.at("a_file"))
    assert (outcome.code, outcome.value) == (OK, CONTENT + b"\0")


expect("CreateDir", on("create_dir", "a_dir"), OK)
expect("CreateDirNoParent", on("create_dir", "dir_not_found/a_dir"), NOT_FOUND)
expect("CreateDirWhichIsFile", on("create_dir", "a"), ALREADY_EXISTS, given="a")
expect("CreateDirTwice", on("create_dir", "a"), ALREADY_EXISTS, given="a/")
expect("CreateDirPathIsInvalid", on("create_dir", "a/b"), FAILED_PRECONDITION, given="a")


@case("RecursivelyCreateDir")
def _(lab: Lab) -> None:
    assert lab.code("recursively_create_dir", "a/b/c") == OK
    assert [lab.exists(name) for name in ("a", "a/b", "a/b/c")] == [OK] * 3


@case("RecursivelyCreateDirInATree")
def _(lab: Lab) -> None:
    assert lab.code("recursively_create_dir", "a/b/c/d") == OK
    assert lab.code("recursively_create_dir", "a/b/c/e") == OK
    assert [lab.exists(name) for name in ("a/b/c/d", "a/b/c/e")] == [OK] * 2


MAKE = "recursively_create_dir"
expect("RecursivelyCreateDirWhichIsFile", on(MAKE, "a"), FAILED_PRECONDITION, given="a")
expect("RecursivelyCreateDirTwice", on(MAKE, "a/b"), OK, given="a/ a/b/")
expect("RecursivelyCreateDirPathIsInvalid", on(MAKE, "a/b"), FAILED_PRECONDITION, given="a")
expect("RecursivelyCreateDirFromNestedDir", on(MAKE, "a/b/c"), OK, given="a/ a/b/")
expect("RecursivelyCreateDirFromNestedFile", on(MAKE, "a/b/c"), FAILED_PRECONDITION, given="a/ a/b")


@case("DeleteFile")
def _(lab: Lab) -> None:
    lab.new_file("a_file")
    assert lab.code("delete_file", "a_file") == OK
    assert lab.exists("a_file") == NOT_FOUND


@case("DeleteFileFromDirectory")
def _(lab: Lab) -> None:
    lab.directory("a")
    lab.new_file("a/b")
    assert lab.code("delete_file", "a/b") == OK
    assert (lab.exists("a/b"), lab.exists("a")) == (NOT_FOUND, OK)


expect("DeleteFileDoesNotExist", on("delete_file", "a_file"), NOT_FOUND)
expect("DeleteFileWhichIsDirectory", on("delete_file", "a"), FAILED_PRECONDITION, given="a/")
expect("DeleteFilePathIsInvalid", on("delete_file", "a/b"), FAILED_PRECONDITION, given="a")

expect("DeleteDirectory", on("delete_dir", "a"), OK, given="a/")
expect("DeleteDirectoryFromDirectory", on("delete_dir", "a/b"), OK, given="a/ a/b/")
expect("DeleteDirectoryDoesNotExist", on("delete_dir", "a"), NOT_FOUND)
expect("DeleteDirectoryNotEmpty", on("delete_dir", "a"), FAILED_PRECONDITION, given="a/ a/b")
expect("DeleteDirectoryWhichIsFile", on("delete_dir", "a"), FAILED_PRECONDITION, given="a")
expect("DeleteDirectoryPathIsInvalid", on("delete_dir", "a/b"), FAILED_PRECONDITION, given="a")


def removal(
    name: str, given: str, target: str, code: int, left: tuple[int, int], *, stays: str = ""
) -> None:
    @case(name)
    def _(lab: Lab) -> None:
        for entry in given.split():
            if entry.endswith("/"):
                lab.directory(entry.rstrip("/"))
            else:
                lab.new_file(entry)
        outcome = lab.tables.delete_recursively(lab.at(target))
        assert (outcome.code, outcome.value) == (code, left), outcome.message
        if code == OK:
            assert lab.exists(target) == NOT_FOUND
        if stays:
            assert lab.exists(stays) == OK


removal("DeleteRecursivelyEmpty", "a/", "a", OK, (0, 0))
removal("DeleteRecursivelyNotEmpty", "a/ a/b/ a/c a/b/d", "a", OK, (0, 0))
removal("DeleteRecursivelyDoesNotExist", "", "a", NOT_FOUND, (0, 1))
removal("DeleteRecursivelyAFile", "a", "a", OK, (0, 0))
removal("DeleteRecursivelyPathIsInvalid", "a", "a/b", FAILED_PRECONDITION, (0, 1))
removal("DeleteRecursivelyANestedDir", "a/ a/b/", "a/b", OK, (0, 0), stays="a")
removal("DeleteRecursivelyANestedFile", "a/ a/b", "a/b", OK, (0, 0), stays="a")


@case("RenameFile")
def _(lab: Lab) -> None:
    lab.new_file("a")
    assert lab.code("rename_file", "a", "b") == OK
    assert (lab.exists("a"), lab.exists("b")) == (NOT_FOUND, OK)


@case("RenameFileOverwrite")
def _(lab: Lab) -> None:
    # The suite never makes the target; here it is there, with another content.
    lab.new_file("a", CONTENT)
    lab.new_file("b", b"something else")
    assert lab.code("rename_file", "a", "b") == OK
    assert (lab.exists("a"), lab.size("b")) == (NOT_FOUND, len(CONTENT))


RENAME = "rename_file"
expect("RenameFileSourceNotFound", on(RENAME, "a", "b"), NOT_FOUND)
expect("RenameFileDestinationParentNotFound", on(RENAME, "a", "dir_nf/b"), NOT_FOUND, given="a")


@case("RenameFileSourceIsDirectory")
def _(lab: Lab) -> None:
    # The suite wants FAILED_PRECONDITION. Volumes rename directories as one change.
    lab.directory("a")
    lab.new_file("a/x", CONTENT)
    assert lab.code("rename_file", "a", "b") == OK
    assert (lab.exists("a/x"), lab.size("b/x")) == (NOT_FOUND, len(CONTENT))


expect("RenameFileTargetIsDirectory", on(RENAME, "a", "b"), FAILED_PRECONDITION, given="a b/")
expect("RenameFileSourcePathIsInvalid", on(RENAME, "a/x", "b"), FAILED_PRECONDITION, given="a")
expect("RenameFileTargetPathIsInvalid", on(RENAME, "a", "b/x"), FAILED_PRECONDITION, given="a b")


@case("RenameFileCompareContents")
def _(lab: Lab) -> None:
    lab.new_file("a", CONTENT)
    assert lab.code("rename_file", "a", "b") == OK
    assert lab.size("b") == len(CONTENT)


@case("CopyFile")
def _(lab: Lab) -> None:
    lab.new_file("a")
    assert lab.code("copy_file", "a", "b") == OK
    assert (lab.exists("a"), lab.exists("b")) == (OK, OK)


@case("CopyFileOverwrite")
def _(lab: Lab) -> None:
    lab.new_file("a", CONTENT)
    lab.new_file("b", b"something else")
    assert lab.code("copy_file", "a", "b") == OK
    assert (lab.size("a"), lab.size("b")) == (len(CONTENT), len(CONTENT))


COPY = "copy_file"
expect("CopyFileSourceNotFound", on(COPY, "a", "b"), NOT_FOUND)
expect("CopyFileSourceIsDirectory", on(COPY, "a", "b"), FAILED_PRECONDITION, given="a/")
expect("CopyFileTargetIsDirectory", on(COPY, "a", "b"), FAILED_PRECONDITION, given="a b/")
expect("CopyFileSourcePathIsInvalid", on(COPY, "a/x", "b"), FAILED_PRECONDITION, given="a")
expect("CopyFileTargetPathIsInvalid", on(COPY, "a", "b/x"), FAILED_PRECONDITION, given="a b")


@case("CopyFileCompareContents")
def _(lab: Lab) -> None:
    lab.new_file("a", CONTENT)
    assert lab.code("copy_file", "a", "b") == OK
    assert (lab.size("a"), lab.size("b")) == (len(CONTENT), len(CONTENT))
