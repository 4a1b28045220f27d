"""
The errors of gdpfs, each with a code of the closed table in docs, and each also the built-in exception that Python
programs expect: what the server says is not there is a FileNotFoundError.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from typing import Any

#: Codes whose request may be sent again as it is, after a pause.
RETRIED = frozenset({"bad_chunk", "busy", "unavailable"})


class GdpfsError(OSError):
    """What went wrong, as `cannot <verb> <object>: <state>`."""

    code: str
    detail: str
    #: What can be done about it, if there is something to say.
    hint: str | None
    #: Further members of the server's problem document.
    details: Mapping[str, Any]

    def __init__(
        self,
        code: str,
        detail: str,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(_ERRNOS.get(code, errno.EIO), detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.details = dict(details or {})

    def __str__(self) -> str:
        return self.detail if self.hint is None else f"{self.detail} ({self.hint})"

    def __reduce__(self) -> tuple[Any, ...]:
        made = (self.code, self.detail, self.hint, dict(self.details))
        return make_error, made, {"filename": self.filename}

    @property
    def may_retry(self) -> bool:
        return self.code in RETRIED


class NotFound(GdpfsError, FileNotFoundError):
    """There is nothing at the path."""


class Exists(GdpfsError, FileExistsError):
    """There is something at the path."""


class IsADirectory(GdpfsError, IsADirectoryError):
    """The path is a directory, need a file."""


class NotADirectory(GdpfsError, NotADirectoryError):
    """The path, or what should be a directory on the way, is none."""


class NotPermitted(GdpfsError, PermissionError):
    """Who we are, or what the volume is, does not allow it."""


class Unavailable(GdpfsError, ConnectionError):
    """The server did not answer in time."""


class Corrupt(GdpfsError):
    """What came is not what was signed for. Never are such bytes handed out."""


class Changed(GdpfsError):
    """The file is another one by now."""


_CLASSES: dict[str, type[GdpfsError]] = {
    "bad_token": NotPermitted,
    "busy": Unavailable,
    "certificate_invalid": NotPermitted,
    "certificate_required": NotPermitted,
    "changed": Changed,
    "corrupt": Corrupt,
    "exists": Exists,
    "forbidden": NotPermitted,
    "is_a_directory": IsADirectory,
    "not_a_directory": NotADirectory,
    "not_found": NotFound,
    "read_only": NotPermitted,
    "trimmed": NotFound,
    "unavailable": Unavailable,
    "untrusted": NotPermitted,
}

_ERRNOS = {
    "bad_range": errno.EINVAL,
    "bad_request": errno.EINVAL,
    "bad_token": errno.EACCES,
    "body_too_large": errno.EFBIG,
    "busy": errno.EAGAIN,
    "certificate_invalid": errno.EACCES,
    "certificate_required": errno.EACCES,
    "changed": errno.ESTALE,
    "exists": errno.EEXIST,
    "forbidden": errno.EACCES,
    "is_a_directory": errno.EISDIR,
    "name_too_long": errno.ENAMETOOLONG,
    "no_space": errno.ENOSPC,
    "not_a_directory": errno.ENOTDIR,
    "not_a_file": errno.EINVAL,
    "not_empty": errno.ENOTEMPTY,
    "not_found": errno.ENOENT,
    "quota_exceeded": errno.EDQUOT,
    "read_only": errno.EROFS,
    "trimmed": errno.ENOENT,
    "unavailable": errno.ECONNREFUSED,
    "untrusted": errno.EACCES,
    "usage": errno.EINVAL,
}


def make_error(
    code: str, detail: str, hint: str | None = None, details: Mapping[str, Any] | None = None
) -> GdpfsError:
    """An error of the class that its code stands for."""
    return _CLASSES.get(code, GdpfsError)(code, detail, hint, details)


def error_of_problem(status: int, body: bytes) -> GdpfsError:
    """
    The error of an answer that is none of success. What is no problem document of gdpfs comes from something between
    us and the server: `unavailable`.
    """
    try:
        problem = json.loads(body)
        code, detail = problem.pop("code"), problem.pop("detail")
        hint = problem.pop("hint", None)
    except (ValueError, KeyError, AttributeError, TypeError):
        state = f"status {status} without a problem document"
        return make_error("unavailable", f"cannot use the server's answer: {state}")
    for member in ("type", "title", "status"):
        problem.pop(member, None)
    return make_error(str(code), str(detail), hint if isinstance(hint, str) else None, problem)


def shown(text: object) -> str:
    """Quoted, for a message."""
    return json.dumps(str(text), ensure_ascii=False)


class naming:  # noqa: N801
    """Errors that the server put in words of its own say which file they are about."""

    def __init__(self, path: object) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, GdpfsError) and error.filename is None:
            error.filename = str(self._path)
