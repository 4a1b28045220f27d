"""Changes of volumes with custody `client`: prepared by the server, checked and signed here, and then made."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from .asked import Asked
from .checkpoints import Checkpoint, Proven, sign_checkpoint
from .connections import Answer
from .ed25519 import PrivateKey
from .errors import GdpfsError, make_error, shown
from .forks import ForkSafe
from .keys import VolumeKeys
from .limits import SIGNING_ATTEMPTS_MAX, SIGNING_CHANGES_MAX
from .policies import untrusted
from .prepared import Signable, check_prepared
from .session import PREPARED, SIGNED, Session, new_request_id
from .trust import Trusted, TrustedVolumes


class Request(NamedTuple):
    """A request that changes something, as `Session.request` takes it."""

    method: str
    route: str
    query: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}


class Changes(ForkSafe):
    """
    Makes changes in the volumes of one server: those of which it has the keys itself, and those whose writer key is
    here.
    """

    def __init__(
        self, session: Session, trust: TrustedVolumes, keys: VolumeKeys, author: str
    ) -> None:
        """`author` is the principal."""
        self._session = session
        self._trust = trust
        self._keys = keys
        self._author = author
        #: By names of volumes.
        self._signers: dict[str, _VolumeSigner] = {}
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # Those that wait for others at the server must leave a connection for the signature that they wait for.
        self._turns = threading.BoundedSemaphore(SIGNING_CHANGES_MAX)

    def make(self, volume: str, asked: Asked, request: Request) -> Answer:
        """
        Makes the change that `request` asks for, which is `asked`. `volume` is an alias or a name. `read_only` if the
        writer key should be here and is not, `untrusted` if the server prepares something else.
        """
        trusted = self._trust.trusted(volume)
        if trusted.writer_key is None:
            return self._send(request)
        with self._turns:
            return self._signer(trusted).change(volume, trusted, asked, request)

    def pass_on(self, volume: str, request: Request) -> Answer:
        """A request that is answered without a signature, but only to those who could give one."""
        trusted = self._trust.trusted(volume)
        if trusted.writer_key is None:
            return self._send(request)
        self._signer(trusted).require_key(volume, trusted.writer_key)
        query = {**request.query, "prepare": trusted.checkpoint.count}
        return self._send(request._replace(query=query))

    def _send(self, request: Request) -> Answer:
        return self._session.request(
            request.method, request.route, query=request.query, changes=True, **request.options
        )

    def _signer(self, trusted: Trusted) -> _VolumeSigner:
        with self._lock:
            signer = self._signers.get(trusted.name)
            if signer is None:
                signer = _VolumeSigner(
                    self._session, self._trust, self._keys, self._author, trusted
                )
                self._signers[trusted.name] = signer
            return signer


class _VolumeSigner(ForkSafe):
    """Of one volume. Safe for threads; what it has seen of the volume only advances."""

    def __init__(
        self,
        session: Session,
        trust: TrustedVolumes,
        keys: VolumeKeys,
        author: str,
        trusted: Trusted,
    ) -> None:
        self._session = session
        self._trust = trust
        self._keys = keys
        self._author = author
        self._name = trusted.name
        self._seen = trusted.checkpoint
        self._key: PrivateKey | None = None
        super().__init__()

    def _begin(self) -> None:
        #: Held from a signature until it is known what became of it: no two are given over the same state.
        self._signing = threading.Lock()

    def require_key(self, reference: str, public: bytes) -> PrivateKey:
        """The private half. `read_only` if it is not here."""
        key = self._key
        if key is None or key.public != public:
            key = self._key = self._keys.writer(self._name, public)
        if key is None:
            detail = (
                f"cannot change volume {shown(reference)}: its writer key is not on this machine"
            )
            url = f"gdp://{reference}"
            hint = (
                f'have who has it run "gdpfs volume key export {url} FILE", '
                f'and here "gdpfs volume key import {url} FILE"'
            )
            raise make_error("read_only", detail, hint)
        return key

    def change(self, reference: str, trusted: Trusted, asked: Asked, request: Request) -> Answer:
        """See `Changes.make`."""
        assert trusted.writer_key is not None
        self.require_key(reference, trusted.writer_key)
        self._see(trusted.checkpoint)
        request_id = new_request_id()
        seen = self._seen
        prepared: bytes | None = None
        signed: tuple[Signable, bytes] | None = None
        for _ in range(SIGNING_ATTEMPTS_MAX):
            if prepared is None:
                seen = self._seen
                answer = self._session.request(
                    request.method,
                    request.route,
                    query={**request.query, "prepare": seen.count},
                    request_id=request_id,
                    changes=True,
                    **request.options,
                )
                if not _is_prepared(answer):
                    # An answer was lost, and what was signed last is what was made: the server is held to that.
                    with self._signing:
                        self._remember(signed)
                    return answer
                prepared = answer.body
            signable = self._check(prepared, asked, seen)
            prepared = None
            with self._signing:
                if not self._is_newest(seen, signable.base):
                    continue
                signed = signable, self._sign(reference, signable)
                made = self._send(*signed)
                if made is None:
                    continue
                if not _is_prepared(made):
                    self._remember(signed)
                    return made
            # Others were first: it is prepared again, on what they have made.
            prepared = made.body
        state = f"others were first, {SIGNING_ATTEMPTS_MAX} times"
        raise make_error("busy", f"cannot change volume {shown(reference)}: {state}")

    def _see(self, checkpoint: Checkpoint) -> None:
        """What was shown of the volume, and goes on from what was signed here."""
        with self._signing:
            if checkpoint.count > self._seen.count:
                self._seen = checkpoint

    def _check(self, body: bytes, asked: Asked, seen: Checkpoint) -> Signable:
        now_us = time.time_ns() // 1000
        return check_prepared(
            body, asked, volume=self._name, seen=seen, author=self._author, now_us=now_us
        )

    def _is_newest(self, asked: Checkpoint, base: Proven) -> bool:
        """
        Is it not older than what was seen, also since the change was asked for? `untrusted` if it is another history.
        """
        seen, known = self._seen, base.checkpoint
        # A second signature over what goes on from the same place would be a second history.
        if known.count < seen.count:
            return False
        if seen is asked:
            return True
        if known.count > seen.count:
            self._trust.require_continuation(self._name, seen, base)
        elif known.root != seen.root:
            raise untrusted("another one was seen before")
        return True

    def _sign(self, reference: str, signable: Signable) -> bytes:
        """The note; empty if there is nothing to say."""
        key = self.require_key(reference, signable.base.writer_key)
        return b"" if signable.next is None else sign_checkpoint(signable.next, key)

    def _send(self, signable: Signable, note: bytes) -> Answer | None:
        """None if nothing is prepared under that id any more."""
        route = f"/api/v1/volumes/{self._name}/commits"
        try:
            return self._session.request("POST", route, body=(SIGNED, (signable.id, note)))
        except GdpfsError as error:
            if error.code == "not_found":
                return None
            raise

    def _remember(self, signed: tuple[Signable, bytes] | None) -> None:
        """It is made: from now on the server must go on from there."""
        if signed is None:
            state = "the server says that the change is made, and nobody has signed it"
            raise make_error("untrusted", f"cannot trust the answer: {state}")
        (_, _, made), note = signed
        if made is not None and made.count > self._seen.count:
            self._seen = made
            self._trust.remember(self._name, made, note)


def _is_prepared(answer: Answer) -> bool:
    return answer.headers.get("content-type") == PREPARED
