"""
Ed25519 signatures (RFC 8032), which nothing in Python's standard library makes or verifies. To verify one takes a few
milliseconds, so those which come again and again are remembered, and those that were made here. To sign takes the same
steps for every key and message; how long Python takes for one still depends, a little, on the numbers.
"""

from __future__ import annotations

import functools
import hashlib

from .caches import BoundedCache
from .limits import SIGNATURES_MAX

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)

#: Of a number below the order, in hexadecimal.
_DIGITS = 64
_ALL_ONES = (16**_DIGITS - 1) // 15

#: X, Y, Z and T with x = X/Z, y = Y/Z, x*y = T/Z.
_Point = tuple[int, int, int, int]
_ZERO: _Point = (0, 1, 1, 0)


#: What was found out of a key, a message and a signature.
_KNOWN: BoundedCache[tuple[bytes, bytes, bytes], bool] = BoundedCache(SIGNATURES_MAX, lambda _: 1)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the key has signed the message."""
    asked = (public_key, message, signature)
    known = _KNOWN.get(asked)
    if known is None:
        known = _verify(*asked)
        _KNOWN.put(asked, known)
    return known


def _verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != SIGNATURE_BYTES:
        return False
    key = _decode(public_key)
    s = int.from_bytes(signature[32:], "little")
    if key is None or s >= _ORDER:
        return False
    x, y, z, t = key
    hashed = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(hashed, "little") % _ORDER
    return _encode(_sum_of_products(s, _BASE, k, (_P - x, y, z, _P - t))) == signature[:32]


class PrivateKey:
    """Signs."""

    def __init__(self, seed: bytes) -> None:
        """`seed`: the 32 bytes that RFC 8032 calls the private key."""
        digest = hashlib.sha512(seed).digest()
        clamped = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8)
        self._scalar = clamped | 1 << 254
        self._prefix = digest[32:]
        self.public = _encode(_multiple_of_base(self._scalar))

    def sign(self, message: bytes) -> bytes:
        nonce = int.from_bytes(hashlib.sha512(self._prefix + message).digest(), "little") % _ORDER
        first = _encode(_multiple_of_base(nonce))
        hashed = hashlib.sha512(first + self.public + message).digest()
        s = (nonce + int.from_bytes(hashed, "little") * self._scalar) % _ORDER
        signature = first + s.to_bytes(32, "little")
        # The next change comes with it.
        _KNOWN.put((self.public, message, signature), True)
        return signature


def _multiple_of_base(number: int) -> _Point:
    """
    One addition for each hexadecimal digit, whatever the number is: as digits from 1 to 16, so that none adds nothing.
    """
    rest = (number - _ALL_ONES) % _ORDER
    total = _ZERO
    for multiples in _multiples_of_base():
        total = _add(total, multiples[rest & 15])
        rest >>= 4
    return total


@functools.lru_cache(None)
def _multiples_of_base() -> list[list[_Point]]:
    """For each place of a hexadecimal number what the digits from 1 to 16 stand for."""
    table: list[list[_Point]] = []
    unit = _BASE
    for _ in range(_DIGITS):
        row = [unit]
        while len(row) < 16:
            row.append(_add(row[-1], unit))
        table.append(row)
        unit = row[-1]
    return table


def _add(left: _Point, right: _Point) -> _Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _sum_of_products(s: int, left: _Point, k: int, right: _Point) -> _Point:
    """s * left + k * right, bit by bit of both."""
    both = _add(left, right)
    total = _ZERO
    for bit in range(max(s.bit_length(), k.bit_length()) - 1, -1, -1):
        total = _add(total, total)
        in_s, in_k = s >> bit & 1, k >> bit & 1
        if in_s and in_k:
            total = _add(total, both)
        elif in_s:
            total = _add(total, left)
        elif in_k:
            total = _add(total, right)
    return total


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(KEY_BYTES, "little")


def _decode(data: bytes) -> _Point | None:
    """None for what is no point of the curve."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if len(data) != KEY_BYTES or y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P != 0:
        x = x * _ROOT_OF_MINUS_1 % _P
    if (x * x - square) % _P != 0 or (x == 0 and sign == 1):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_base = _decode((4 * pow(5, -1, _P) % _P).to_bytes(KEY_BYTES, "little"))
assert _base is not None
_BASE = _base
