"""
Volumes that a server must show to go on from what was seen of them before, by this program or another: the same
memory as that of the command line, docs/client-config.md.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from .checkpoints import (
    Checkpoint,
    Proof,
    Proven,
    decode_base64,
    is_signed_by_clients,
    parse_checkpoint,
    verify_continuation,
    verify_proof,
)
from .config import NOT_OURS, Home, Profile
from .errors import GdpfsError, make_error, shown
from .forks import ForkSafe
from .limits import REMEMBERED_CHECKPOINTS_MAX, TRUST_CHECK_SECONDS
from .paths import is_volume_name, unpinned
from .policies import untrusted
from .session import Session

_NOTE = re.compile(r"(0|[1-9][0-9]{0,15})\.note")
_temporaries = itertools.count(1)


class CheckpointStore:
    """
    The newest checkpoints that were seen and verified, by the names of volumes: usually one, more if processes have
    seen some at the same time. Without locks.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, volume: str) -> list[Checkpoint]:
        """In the order of their counts. `local_io` for a file that is damaged."""
        folder = self._directory / volume
        try:
            paths = list(folder.iterdir())
        except FileNotFoundError:
            return []
        found = [self._read_note(path) for path in paths if _NOTE.fullmatch(path.name)]
        seen = sorted((one for one in found if one is not None), key=lambda one: one.count)
        return seen[-REMEMBERED_CHECKPOINTS_MAX:]

    def add(self, volume: str, note: bytes) -> bool:
        """Whether it could be stored. `untrusted` if another one with the same count is known."""
        checkpoint = parse_checkpoint(note)
        folder = self._directory / volume
        path = folder / f"{checkpoint.count}.note"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _create_whole(path, note):
                return True
        except OSError as error:
            # What is mounted read-only keeps what it came with.
            if error.errno in NOT_OURS:
                return False
            raise
        known = self._read_note(path)
        if known is not None and known.root != checkpoint.root:
            raise untrusted(f"another one over {checkpoint.count} records was seen before")
        return True

    def has_seen_whole(self, volume: str, principal: str) -> bool:
        """Was the principal ever shown a proof from the volume's whole tree?"""
        return (self._directory / volume / f"whole.{principal}").exists()

    def see_whole(self, volume: str, principal: str) -> None:
        """From now on that is so, where it can be stored."""
        folder = self._directory / volume
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create_whole(folder / f"whole.{principal}", b"")
        except OSError as error:
            if error.errno not in NOT_OURS:
                raise

    def drop(self, volume: str, checkpoint: Checkpoint) -> None:
        with contextlib.suppress(OSError):
            (self._directory / volume / f"{checkpoint.count}.note").unlink()

    def _read_note(self, path: Path) -> Checkpoint | None:
        """None if somebody has dropped it meanwhile."""
        try:
            return parse_checkpoint(path.read_bytes())
        except FileNotFoundError:
            return None
        except GdpfsError as cause:
            hint = 'if nobody else can have changed it, "gdpfs volume trust --reset" starts anew'
            detail = f"cannot use {shown(path)}: it is damaged"
            raise make_error("local_io", detail, hint) from cause


def _create_whole(path: Path, data: bytes) -> bool:
    """False if it exists already."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{next(_temporaries)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
        return True
    except OSError as error:
        if error.errno == errno.EEXIST:
            return False
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


class Trusted(NamedTuple):
    """A volume that was looked at."""

    name: str
    #: The newest one that the server has shown.
    checkpoint: Checkpoint
    #: Public key of the clients who sign its changes; None: the server does.
    writer_key: bytes | None
    #: Monotonic seconds.
    next_check: float
    #: What has shown the checkpoint; its policy was not looked at if the checkpoint was known.
    proof: Proof


class TrustedVolumes(ForkSafe):
    """
    Those that a client uses. A volume is looked at when it is used first, and again when it is used and was not looked
    at for `TRUST_CHECK_SECONDS`.
    """

    def __init__(self, home: Home, profile: Profile, session: Session) -> None:
        self._home = home
        self._profile = profile
        self._session = session
        self._store = CheckpointStore(home.directory / "checkpoints")
        #: By alias or name.
        self._known: dict[str, Trusted] = {}
        #: Names of volumes of which it is noted that the whole was shown to us.
        self._noted: set[str] = set()
        #: By name: what the policy of a proof says, which was verified.
        self._snapshots: dict[str, tuple[Proof, Mapping[str, int]]] = {}
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def name_of(self, reference: str) -> str:
        """The own name of a volume, see `trusted`."""
        return self.trusted(reference).name

    def trusted(self, reference: str) -> Trusted:
        """
        The volume, given by alias or name. `untrusted` if the alias stood for another one before, or if the volume's
        history is not the one that was seen.
        """
        reference = unpinned(reference)
        known = self._known.get(reference)
        if known is not None and time.monotonic() < known.next_check:
            return known
        with self._lock:
            latest = self._known.get(reference)
            # Another thread may have looked meanwhile.
            if latest is known or latest is None:
                latest = self._look(reference, latest)
                self._known[reference] = latest
            return latest

    def snapshot(self, reference: str, name: str) -> int:
        """The seq that the volume's owner has signed for the name of a snapshot. `not_found` if there is none."""
        trusted = self.trusted(reference)
        if name not in self._snapshots_of(trusted):
            # It may have been named since.
            with self._lock:
                self._known.pop(unpinned(reference), None)
            trusted = self.trusted(reference)
        seq = self._snapshots_of(trusted).get(name)
        if seq is None:
            detail = f"cannot look at snapshot {shown(name)}: the volume has none of that name"
            hint = f'"gdpfs snapshot ls gdp://{unpinned(reference)}" lists them'
            raise make_error("not_found", detail, hint)
        return seq

    def _snapshots_of(self, trusted: Trusted) -> Mapping[str, int]:
        known = self._snapshots.get(trusted.name)
        if known is None or known[0] != trusted.proof:
            snapshots = verify_proof(trusted.name, trusted.proof).snapshots
            known = self._snapshots[trusted.name] = (trusted.proof, snapshots)
        return known[1]

    def advance(self, name: str, checkpoint: Checkpoint) -> None:
        """A newer one that was proven to continue what was seen; the next look stores what is shown then."""
        with self._lock:
            for reference, known in self._known.items():
                if known.name == name and checkpoint.count > known.checkpoint.count:
                    self._known[reference] = known._replace(checkpoint=checkpoint)

    def remember(self, name: str, checkpoint: Checkpoint, note: bytes) -> None:
        """The same of one that was signed here. `note` says it, and is stored."""
        self.advance(name, checkpoint)
        before = self._store.read(name)
        if self._store.add(name, note):
            self._drop_older(name, before, checkpoint)

    def require_continuation(self, name: str, older: Checkpoint, newer: Proven) -> None:
        """Has the server prove that one goes on from the other; `untrusted` if it does not."""
        between = _proof_of(self._ask(name, [older], newer.checkpoint))
        verify_continuation(older, newer, between.consistency)

    def has_seen_whole(self, reference: str) -> bool:
        """Were we ever shown a proof from the volume's whole tree?"""
        return self._store.has_seen_whole(self.name_of(reference), self._profile.principal)

    def note_whole(self, reference: str) -> None:
        """From now on that is so."""
        name = self.name_of(reference)
        if name not in self._noted:
            self._store.see_whole(name, self._profile.principal)
            self._noted.add(name)

    def _look(self, reference: str, known: Trusted | None) -> Trusted:
        name = known.name if known is not None else self._name_known_for(reference)
        seen = [] if name is None else self._seen_of(name)
        volume = self._ask(reference, seen)
        found = str(volume["name"])
        if is_volume_name(reference):
            if found != reference:
                detail = f"cannot use volume {shown(reference)}: the server shows another, {shown(found)}"
                raise make_error("untrusted", detail)
        else:
            self._home.remember_volume(self._profile, reference, found)
        if found != name:
            seen = self._seen_of(found)
            if seen:
                volume = self._ask(found, seen)
        checkpoint, writer_key = self._hold(reference, found, seen, volume)
        next_check = time.monotonic() + TRUST_CHECK_SECONDS
        return Trusted(found, checkpoint, writer_key, next_check, _proof_of(volume))

    def _seen_of(self, name: str) -> list[Checkpoint]:
        """What is stored, and what this process has seen beside that."""
        seen = self._store.read(name)
        for known in list(self._known.values()):
            if known.name == name and known.checkpoint.count > (seen[-1].count if seen else 0):
                seen.append(known.checkpoint)
        return seen

    def _name_known_for(self, reference: str) -> str | None:
        return reference if is_volume_name(reference) else self._profile.volumes.get(reference)

    def _ask(
        self, reference: str, seen: list[Checkpoint], until: Checkpoint | None = None
    ) -> dict[str, Any]:
        query = {"since": seen[-1].count if seen else 0, "until": until and until.count}
        route = f"/api/v1/volumes/{quote(reference, safe='')}"
        return self._session.json("GET", route, query=query)

    def _hold(
        self, reference: str, name: str, seen: list[Checkpoint], volume: dict[str, Any]
    ) -> tuple[Checkpoint, bytes | None]:
        """
        What is shown, which is remembered if it goes on from all that was seen, and whose key signs changes, if that is
        not the server's. `untrusted` if it does not.
        """
        try:
            proof = _proof_of(volume)
            is_of_clients = is_signed_by_clients(name, proof.meta)
            # Whoever stored it has verified it.
            if seen == [parse_checkpoint(proof.note)] and not is_of_clients:
                return seen[0], None
            proven = verify_proof(name, proof)
            checkpoint = proven.checkpoint
            if seen:
                verify_continuation(seen[-1], proven, proof.consistency)
            # Two processes have seen one each: both must have been shown one history.
            for older in seen[:-1]:
                self.require_continuation(name, older, proven)
            if self._store.add(name, proof.note):
                self._drop_older(name, seen, checkpoint)
            return checkpoint, proven.writer_key if is_of_clients else None
        except GdpfsError as cause:
            if cause.code not in ("untrusted", "corrupt"):
                raise
            hint = (
                "if the server was set back on purpose, as by a backup: "
                f"gdpfs volume trust --reset gdp://{reference}"
            )
            detail = f"cannot use volume {shown(reference)}: {cause.detail}"
            raise make_error("untrusted", detail, hint) from cause

    def _drop_older(self, name: str, seen: list[Checkpoint], newest: Checkpoint) -> None:
        for older in seen:
            if older.count < newest.count:
                self._store.drop(name, older)


def _proof_of(volume: dict[str, Any]) -> Proof:
    proof = volume.get("proof")
    if not isinstance(proof, dict) or not isinstance(proof.get("consistency"), list):
        raise untrusted("the server shows no proof of it")
    return Proof(
        note=str(proof.get("checkpoint")).encode(),
        meta=decode_base64(proof.get("meta")),
        policy=decode_base64(proof.get("policy")),
        consistency=[decode_base64(one) for one in proof["consistency"]],
    )
