"""The profiles that `gdpfs login` made: docs/client-config.md says what the files are."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import GdpfsError, make_error, shown
from .file_lock import file_lock

_VERSION = 1
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What a folder answers that is not ours to write.
NOT_OURS = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Profile:
    """A login: where the server is, how it is recognized, and who we are there."""

    name: str
    #: `https://host:port`
    url: str
    principal: str
    #: PEM files. The only authority trusted for this server; the certificate; its key.
    ca: Path
    certificate: Path
    key: Path
    #: Names of volumes by the aliases that they were first seen under.
    volumes: Mapping[str, str]
    #: Must the server prove what it says of paths?
    prove: bool


class Home:
    """A folder of profiles."""

    def __init__(self, directory: Path | str | None = None) -> None:
        """Absent: `$GDPFS_HOME`, else `gdpfs` in the XDG configuration directory."""
        self.directory = Path(directory) if directory is not None else home_directory(os.environ)
        self._path = self.directory / "config.json"

    def profile(self, name: str | None = None) -> Profile:
        """The named profile, or that of `$GDPFS_PROFILE`, or the current one."""
        config = self._read()
        chosen, entry = self._choose(config, name or os.environ.get("GDPFS_PROFILE") or None)
        return Profile(
            name=chosen,
            url=entry["url"],
            principal=entry["principal"],
            ca=self.directory / entry["ca"],
            certificate=self.directory / entry["certificate"],
            key=self.directory / entry["key"],
            volumes=dict(entry["volumes"]),
            prove=entry.get("prove", False),
        )

    def remember_volume(self, profile: Profile, alias: str, name: str) -> None:
        """
        Notes which volume the alias stands for; `untrusted` if it was another one. Where the folder cannot be
        written, such as a secret mounted into a pod, it only checks.
        """

        def change(config: dict[str, Any]) -> dict[str, Any]:
            _, entry = self._choose(config, profile.name)
            known = entry["volumes"].setdefault(alias, name)
            if known != name:
                raise make_error(
                    "untrusted",
                    f"cannot use volume {shown(alias)}: the server has another volume there now",
                    f"if it was made anew on purpose: gdpfs volume trust --reset gdp://{alias}",
                )
            return config

        config = self._read()
        before = self._choose(config, profile.name)[1]["volumes"].get(alias)
        change(config)
        if before is None:
            try:
                self._update(change)
            except OSError as error:
                if isinstance(error, GdpfsError) or error.errno not in NOT_OURS:
                    raise

    def replace_certificate(
        self, profile: Profile, certificate: str, *, is_newer: Callable[[str], bool]
    ) -> None:
        """Writes it in the place of the profile's, unless that is valid for longer by now."""
        with self._lock():
            now = self.profile(profile.name)
            if now.key == profile.key and is_newer(now.certificate.read_text()):
                _write_private(now.certificate, certificate)

    def _choose(self, config: dict[str, Any], wanted: str | None) -> tuple[str, dict[str, Any]]:
        profiles = config["profiles"]
        name = wanted if wanted is not None else config.get("current")
        if name is None or not profiles:
            raise make_error(
                "certificate_required",
                f"cannot reach a server: nobody has logged in yet, {shown(self._path)} has no profile",
                'run "gdpfs login URL TOKEN" with the token that an admin of the server gave you, '
                "or point GDPFS_HOME to a folder where that was done",
            )
        if name not in profiles:
            hint = f"the profiles are: {', '.join(profiles)}"
            raise make_error("not_found", f"cannot use profile {shown(name)}: there is none", hint)
        return name, profiles[name]

    def _read(self) -> dict[str, Any]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {"version": _VERSION, "profiles": {}}
        return self._parse(text)

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            config = json.loads(text)
        except ValueError as cause:
            raise self._unreadable("it is not JSON") from cause
        if not isinstance(config, dict) or not isinstance(config.get("profiles"), dict):
            raise self._unreadable('"profiles" is not an object')
        if config.get("version") != _VERSION:
            raise self._unreadable(f"its version is {config.get('version')}, need {_VERSION}")
        for name, entry in config["profiles"].items():
            fault = _fault_of_entry(name, entry)
            if fault is not None:
                raise self._unreadable(f"profile {shown(name)}: {fault}")
        return config

    def _unreadable(self, state: str) -> GdpfsError:
        return make_error(
            "local_io",
            f"cannot use {shown(self._path)}: {state}",
            'correct the file, or move it away and run "gdpfs login" again',
        )

    def _lock(self) -> AbstractContextManager[None]:
        return file_lock(self._path.with_name(f"{self._path.name}.lock"))

    def _update(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        with self._lock():
            text = json.dumps(change(self._read()), indent=2, ensure_ascii=False)
            _write_private(self._path, f"{text}\n")


def home_directory(environment: Mapping[str, str]) -> Path:
    """`$GDPFS_HOME`, else `gdpfs` in the XDG configuration directory."""
    explicit = environment.get("GDPFS_HOME")
    if explicit:
        return Path(explicit)
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "gdpfs"


def _fault_of_entry(name: str, entry: object) -> str | None:
    if not _PROFILE_NAME.fullmatch(name):
        return "its name is not allowed"
    if not isinstance(entry, dict):
        return "it is not an object"
    for member in ("url", "principal", "ca", "certificate", "key"):
        if not isinstance(entry.get(member), str):
            return f'"{member}" is not a string'
    if not _is_server_url(entry["url"]):
        return '"url" is not "https://host:port"'
    if not isinstance(entry.get("prove", False), bool):
        return '"prove" is not true or false'
    volumes = entry.get("volumes")
    if not isinstance(volumes, dict) or not all(isinstance(v, str) for v in volumes.values()):
        return '"volumes" is not an object of strings'
    return None


def _is_server_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        has_port = url.port is None or url.port > 0
    except ValueError:
        return False
    return has_port and url.scheme == "https" and bool(url.hostname) and not (url.path or url.query)


def _write_private(path: Path, text: str) -> None:
    """Replaces a small file whole or not at all, durable on return."""
    temporary = path.with_name(f"{path.name}.tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
