"""Paths as people write them, `gdp://<volume>/<path>`, taken literally: `%`, `?` and `#` are characters of names."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import make_error, shown
from .limits import NAME_BYTES_MAX

SCHEME = "gdp://"
_VOLUME_NAME = re.compile(r"[A-Za-z0-9_-]{43}")


class Path(NamedTuple):
    """A path in a volume."""

    #: Alias or name; empty for the list of volumes.
    volume: str
    #: Names joined by `/`; empty for the root.
    path: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.volume}/{self.path}"

    @property
    def parent(self) -> Path:
        return Path(self.volume, self.path.rpartition("/")[0])


def strip_scheme(text: str) -> str:
    """`<volume>/<path>`, without slashes at either end."""
    return text.removeprefix(SCHEME).strip("/")


def parse_path(text: str) -> Path:
    """With or without the scheme. The server checks the names; what is no Unicode cannot be sent there."""
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise make_error("bad_request", f"cannot use path {text!a}: it is not Unicode") from cause
    volume, _, path = strip_scheme(text).partition("/")
    return Path(volume, path)


def require_volume(path: Path, verb: str) -> None:
    if not path.volume:
        raise make_error("usage", f"cannot {verb} {shown(SCHEME)}: need gdp://VOLUME/PATH")


def is_volume_name(text: str) -> bool:
    """Is it the name itself, and no alias? An alias has no more than 32 characters."""
    return _VOLUME_NAME.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """May something in a directory be called that?"""
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        return False
    is_plain = text not in ("", ".", "..") and "/" not in text and "\0" not in text
    return is_plain and length <= NAME_BYTES_MAX
