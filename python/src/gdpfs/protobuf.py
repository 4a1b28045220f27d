"""The wire format of Protocol Buffers, as far as records need it: fields of a message, by their numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: A number, or bytes; those of a fixed length are bytes too.
Value = bytes | int

_VARINT, _BYTES = 0, 2
#: Wire types of a fixed length, and how many bytes that is.
_FIXED_32, _FIXED_64 = 5, 1
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}
_UINT64_END = 2**64


def read_fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """In the order in which they come. `ValueError` for what is no message."""
    try:
        yield from _read_fields(data)
    except IndexError as cause:
        raise ValueError("it ends early") from cause


def _read_fields(data: bytes) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _read_varint(data, at)
        else:
            length = _FIXED.get(kind, len(data))
        if at + length > len(data):
            raise ValueError("it ends early")
        yield tag >> 3, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("it is too long")


class MessageWriter:
    """A message whose fields are given in the order of their numbers. Those that have their default are left out."""

    def __init__(self) -> None:
        self._out = bytearray()

    def number(self, field: int, value: int, *, is_explicit: bool = False) -> None:
        """A negative one as an int64; with `is_explicit` 0 is written too."""
        if value != 0 or is_explicit:
            self._out += _varint(field << 3 | _VARINT) + _varint(value % _UINT64_END)

    def fixed32(self, field: int, value: int) -> None:
        if value != 0:
            self._out += _varint(field << 3 | _FIXED_32) + struct.pack("<I", value)

    def data(self, field: int, value: bytes) -> None:
        if value:
            self._out += _varint(field << 3 | _BYTES) + _varint(len(value)) + value

    def wrapped(self, field: int) -> bytes:
        """What was written, as a field of another message."""
        return _varint(field << 3 | _BYTES) + _varint(len(self._out)) + bytes(self._out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
