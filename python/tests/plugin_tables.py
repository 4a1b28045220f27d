"""The plugin's tables of C functions, called as TensorFlow calls them, with exact codes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_bool,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from gdpfs.tensorflow import PLUGIN

OK = 0
INVALID_ARGUMENT = 3
NOT_FOUND = 5
ALREADY_EXISTS = 6
FAILED_PRECONDITION = 9
OUT_OF_RANGE = 11
UNAUTHENTICATED = 16

Status = c_void_p
Handle = POINTER(c_void_p)


class Statistics(Structure):
    _fields_: ClassVar = [("length", c_int64), ("mtime_nsec", c_int64), ("is_directory", c_bool)]


Texts = POINTER(c_void_p)
ON_PATH = CFUNCTYPE(None, Handle, c_char_p, Status)
ON_TWO_PATHS = CFUNCTYPE(None, Handle, c_char_p, c_char_p, Status)
OPEN = CFUNCTYPE(None, Handle, c_char_p, Handle, Status)
LIST = CFUNCTYPE(c_int, Handle, c_char_p, POINTER(Texts), Status)


class FilesystemOps(Structure):
    _fields_: ClassVar = [
        ("init", CFUNCTYPE(None, Handle, Status)),
        ("cleanup", CFUNCTYPE(None, Handle)),
        ("new_random_access_file", OPEN),
        ("new_writable_file", OPEN),
        ("new_appendable_file", OPEN),
        ("new_read_only_memory_region_from_file", OPEN),
        ("create_dir", ON_PATH),
        ("recursively_create_dir", ON_PATH),
        ("delete_file", ON_PATH),
        ("delete_dir", ON_PATH),
        (
            "delete_recursively",
            CFUNCTYPE(None, Handle, c_char_p, POINTER(c_uint64), POINTER(c_uint64), Status),
        ),
        ("rename_file", ON_TWO_PATHS),
        ("copy_file", ON_TWO_PATHS),
        ("path_exists", ON_PATH),
        ("paths_exist", CFUNCTYPE(c_bool, Handle, POINTER(c_char_p), c_int, POINTER(Status))),
        ("stat", CFUNCTYPE(None, Handle, c_char_p, POINTER(Statistics), Status)),
        ("is_directory", CFUNCTYPE(c_bool, Handle, c_char_p, Status)),
        ("get_file_size", CFUNCTYPE(c_int64, Handle, c_char_p, Status)),
        ("translate_name", CFUNCTYPE(c_void_p, Handle, c_char_p)),
        ("get_children", LIST),
        ("get_matching_paths", LIST),
        ("flush_caches", CFUNCTYPE(None, Handle)),
        ("transactions_and_configuration", c_void_p * 11),
    ]


class ReaderOps(Structure):
    _fields_: ClassVar = [
        ("cleanup", CFUNCTYPE(None, Handle)),
        ("read", CFUNCTYPE(c_int64, Handle, c_uint64, c_size_t, c_void_p, Status)),
    ]


ON_FILE = CFUNCTYPE(None, Handle, Status)


class WriterOps(Structure):
    _fields_: ClassVar = [
        ("cleanup", CFUNCTYPE(None, Handle)),
        ("append", CFUNCTYPE(None, Handle, c_char_p, c_size_t, Status)),
        ("tell", CFUNCTYPE(c_int64, Handle, Status)),
        ("flush", ON_FILE),
        ("sync", ON_FILE),
        ("close", ON_FILE),
    ]


class RegionOps(Structure):
    _fields_: ClassVar = [
        ("cleanup", CFUNCTYPE(None, Handle)),
        ("data", CFUNCTYPE(c_void_p, Handle)),
        ("length", CFUNCTYPE(c_uint64, Handle)),
    ]


class PluginOps(Structure):
    _fields_: ClassVar = [
        ("scheme", c_char_p),
        *[("filesystem_" + n, t) for n, t in [("abi", c_int), ("api", c_int), ("size", c_size_t)]],
        ("filesystem", POINTER(FilesystemOps)),
        *[("reader_" + n, t) for n, t in [("abi", c_int), ("api", c_int), ("size", c_size_t)]],
        ("reader", POINTER(ReaderOps)),
        *[("writer_" + n, t) for n, t in [("abi", c_int), ("api", c_int), ("size", c_size_t)]],
        ("writer", POINTER(WriterOps)),
        *[("region_" + n, t) for n, t in [("abi", c_int), ("api", c_int), ("size", c_size_t)]],
        ("region", POINTER(RegionOps)),
    ]


class PluginInfo(Structure):
    _fields_: ClassVar = [
        ("num_schemes", c_size_t),
        ("ops", POINTER(PluginOps)),
        ("allocate", CFUNCTYPE(c_void_p, c_size_t)),
        ("free", CFUNCTYPE(None, c_void_p)),
    ]


@dataclass
class Outcome:
    """What an operation said: its code, its message and its value."""

    code: int
    message: str
    value: Any = None


class Tables:
    """The file system of the plugin, without TensorFlow's core in between."""

    def __init__(self) -> None:
        library = Path(tf.sysconfig.get_lib()) / "libtensorflow_framework.so.2"
        self._core = ctypes.CDLL(str(library))
        self._core.TF_NewStatus.restype = c_void_p
        self._core.TF_Message.restype = c_char_p
        for name in ("TF_DeleteStatus", "TF_GetCode", "TF_Message"):
            getattr(self._core, name).argtypes = [c_void_p]
        self._info = PluginInfo()
        ctypes.CDLL(str(PLUGIN)).TF_InitPlugin(byref(self._info))
        assert self._info.num_schemes == 1
        self.ops = self._info.ops[0]
        self._fs = byref(c_void_p())

    @contextmanager
    def _status(self) -> Iterator[c_void_p]:
        status = c_void_p(self._core.TF_NewStatus())
        yield status
        self._core.TF_DeleteStatus(status)

    def _outcome(self, status: c_void_p, value: Any = None) -> Outcome:
        message = self._core.TF_Message(status).decode()
        return Outcome(self._core.TF_GetCode(status), message, value)

    def _encode(self, path: str) -> bytes:
        """As TensorFlow does: paths are translated before an operation sees them."""
        return self.translate_name(path).encode()

    def call(self, name: str, *paths: str) -> Outcome:
        """An operation whose only arguments are paths."""
        operation = getattr(self.ops.filesystem.contents, name)
        with self._status() as status:
            value = operation(self._fs, *map(self._encode, paths), status)
            return self._outcome(status, value)

    def translate_name(self, uri: str) -> str:
        text = self.ops.filesystem.contents.translate_name(self._fs, uri.encode())
        value = ctypes.string_at(text).decode()
        self._info.free(text)
        return value

    def stat(self, path: str) -> Outcome:
        found = Statistics()
        with self._status() as status:
            stat = self.ops.filesystem.contents.stat
            stat(self._fs, self._encode(path), byref(found), status)
            return self._outcome(status, found)

    def delete_recursively(self, path: str) -> Outcome:
        """Its value: files and directories that are still there."""
        files, directories = c_uint64(99), c_uint64(99)
        with self._status() as status:
            self.ops.filesystem.contents.delete_recursively(
                self._fs, self._encode(path), byref(files), byref(directories), status
            )
            return self._outcome(status, (files.value, directories.value))

    def paths_exist(self, *paths: str, with_codes: bool = True) -> tuple[bool, list[int]]:
        texts = (c_char_p * max(1, len(paths)))(*map(self._encode, paths))
        count = len(paths)
        statuses = (c_void_p * max(1, count))(*[self._core.TF_NewStatus() for _ in paths])
        given = statuses if with_codes else None
        result = self.ops.filesystem.contents.paths_exist(self._fs, texts, count, given)
        codes = [self._core.TF_GetCode(statuses[i]) for i in range(count)] if with_codes else []
        for index in range(count):
            self._core.TF_DeleteStatus(statuses[index])
        return result, codes

    def names(self, name: str, path: str) -> Outcome:
        """`get_children` or `get_matching_paths`, whose pattern is not translated."""
        entries = Texts()
        encoded = path.encode() if name == "get_matching_paths" else self._encode(path)
        with self._status() as status:
            count = getattr(self.ops.filesystem.contents, name)(
                self._fs, encoded, byref(entries), status
            )
            outcome = self._outcome(status)
        if count >= 0:
            outcome.value = [ctypes.string_at(entries[i]).decode() for i in range(count)]
            for index in range(count):
                self._info.free(entries[index])
            self._info.free(ctypes.cast(entries, c_void_p))
        return outcome

    def open(self, name: str, path: str) -> tuple[Outcome, c_void_p]:
        """Opens a file; the handle that its own operations take."""
        handle = c_void_p()
        with self._status() as status:
            operation = getattr(self.ops.filesystem.contents, name)
            operation(self._fs, self._encode(path), byref(handle), status)
            return self._outcome(status), handle

    def read(self, path: str) -> Outcome:
        """Opens a file for reading and closes it."""
        outcome, handle = self.open("new_random_access_file", path)
        if outcome.code == OK:
            self.ops.reader.contents.cleanup(byref(handle))
        return outcome

    def read_at(self, handle: c_void_p, offset: int, length: int) -> Outcome:
        """Its value: the bytes, None if there are none because of an error."""
        buffer = ctypes.create_string_buffer(max(1, length))
        with self._status() as status:
            count = self.ops.reader.contents.read(byref(handle), offset, length, buffer, status)
            return self._outcome(status, buffer.raw[:count] if count >= 0 else None)

    def on_writer(self, name: str, handle: c_void_p, *arguments: Any) -> Outcome:
        with self._status() as status:
            operation = getattr(self.ops.writer.contents, name)
            return self._outcome(status, operation(byref(handle), *arguments, status))

    def append(self, handle: c_void_p, content: bytes) -> Outcome:
        return self.on_writer("append", handle, content, len(content))

    def close(self, handle: c_void_p) -> Outcome:
        outcome = self.on_writer("close", handle)
        self.cleanup(handle)
        return outcome

    def cleanup(self, handle: c_void_p) -> None:
        self.ops.writer.contents.cleanup(byref(handle))

    def region(self, path: str) -> Outcome:
        """Its value: what a memory region holds, and the byte behind it."""
        outcome, handle = self.open("new_read_only_memory_region_from_file", path)
        if outcome.code == OK:
            ops = self.ops.region.contents
            length = ops.length(byref(handle))
            outcome.value = ctypes.string_at(ops.data(byref(handle)), length + 1)
            ops.cleanup(byref(handle))
        return outcome
