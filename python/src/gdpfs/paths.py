"""
Paths as people write them, `gdp://<volume>/<path>`, taken literally: `%`, `?` and `#` are characters of names. Behind
the volume may stand `@` and a snapshot's name or a seq: `gdp://vision@v1.0/train`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import make_error, shown
from .limits import NAME_BYTES_MAX, SNAPSHOT_NAME_LENGTH_MAX

SCHEME = "gdp://"
_VOLUME_NAME = re.compile(r"[A-Za-z0-9_-]{43}")
_SNAPSHOT_NAME = re.compile(rf"[a-z][a-z0-9._-]{{0,{SNAPSHOT_NAME_LENGTH_MAX - 1}}}")
_SEQ = re.compile(r"[0-9]{1,16}")


class Path(NamedTuple):
    """A path in a volume."""

    #: Alias or name, and what pins it; empty for the list of volumes.
    volume: str
    #: Names joined by `/`; empty for the root.
    path: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.volume}/{self.path}"

    @property
    def parent(self) -> Path:
        return Path(self.volume, self.path.rpartition("/")[0])

    @property
    def pin(self) -> str | None:
        """The name of a snapshot, or a seq, if the path is one in that state."""
        return self.volume.partition("@")[2] or None

    @property
    def now(self) -> Path:
        """The same, not pinned."""
        return Path(unpinned(self.volume), self.path)


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
    _, at, pin = volume.partition("@")
    if at and not is_snapshot_name(pin) and _SEQ.fullmatch(pin) is None:
        state = 'behind "@" is neither the name of a snapshot nor a seq'
        raise make_error("bad_request", f"cannot use path {shown(text)}: {state}")
    return Path(volume, path)


def unpinned(volume: str) -> str:
    """Alias or name alone."""
    return volume.partition("@")[0]


def is_snapshot_name(text: str) -> bool:
    return _SNAPSHOT_NAME.fullmatch(text) is not None


def require_volume(path: Path, verb: str) -> None:
    if not path.volume:
        raise make_error("usage", f"cannot {verb} {shown(SCHEME)}: need gdp://VOLUME/PATH")


def require_now(path: Path, verb: str) -> None:
    """A path of the past cannot be changed."""
    if path.pin is not None:
        state = f"it is a state of the past, need {shown(path.now)}"
        raise make_error("read_only", f"cannot {verb} {shown(path)}: {state}")


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
