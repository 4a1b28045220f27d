"""A server, reached as one principal: requests to its API, repeated where the error table allows it."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from .config import Home, Profile
from .connections import Answer, Buffer, Connections, Exchange, Parts
from .credentials import Credentials, certificate_error, warn
from .errors import GdpfsError, error_of_problem, make_error
from .forks import ForkSafe
from .limits import (
    FIRST_CONTACT_PATIENCE_SECONDS,
    NEAR_ANSWER_SECONDS,
    NEAR_SECONDS,
    RENEW_AT,
    RENEWAL_CHECK_SECONDS,
    RENEWAL_GRACE_SECONDS,
    RETRY_AFTER_SECONDS_MAX,
    RETRY_DELAY_SECONDS_MAX,
    RETRY_DELAY_SECONDS_MIN,
    RETRY_PATIENCE_SECONDS,
)

JSON = "application/json"
MANIFEST = "application/vnd.gdpfs.manifest"
CHUNKS = "application/vnd.gdpfs.chunks"
DIGESTS = "application/vnd.gdpfs.digests"
RECORDS = "application/vnd.gdpfs.records"
EVIDENCE = "application/vnd.gdpfs.evidence"
PREPARED = "application/vnd.gdpfs.prepared"
SIGNED = "application/vnd.gdpfs.signed"
BYTES = "application/octet-stream"


class Session(ForkSafe):
    """Safe for threads, and usable in a child after fork(2)."""

    def __init__(self, home: Home, profile: Profile) -> None:
        self.url = profile.url
        self._credentials = Credentials(home, profile)
        self._connections = Connections(profile.url)
        self._is_known = False
        self._next_check = 0.0
        super().__init__()

    def _begin(self) -> None:
        self._renewing = threading.Lock()

    @property
    def is_near(self) -> bool:
        """Whether to go there and back takes next to no time; False as long as nobody has gone."""
        reached, answered = self._connections.reach_seconds, self._connections.answer_seconds
        return reached < NEAR_SECONDS and answered < NEAR_ANSWER_SECONDS

    def request(
        self,
        method: str,
        route: str,
        *,
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        body: tuple[str, Parts | tuple[Buffer, ...]] | None = None,
        accept: str = JSON,
        if_match: str | None = None,
        if_absent: bool = False,
        inline: int | None = None,
        changes: bool = False,
        request_id: str | None = None,
        receive: Callable[[http.client.HTTPResponse], None] | None = None,
    ) -> Answer:
        """
        The successful answer. Raises what the server answered, or `unavailable` or `untrusted` for the network. With
        `changes` the request has a name, `request_id` or a new one, so that a repeat has no second effect.
        """
        headers = {"Accept": accept}
        if json_body is not None:
            body = (JSON, (json.dumps(json_body).encode(),))
        if body is not None:
            headers["Content-Type"] = body[0]
        if changes:
            headers["Idempotency-Key"] = request_id or new_request_id()
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        if if_absent:
            headers["If-None-Match"] = "*"
        if inline is not None:
            headers["Gdpfs-Inline"] = str(inline)
        exchange = Exchange(
            method, _target(route, query), headers, body[1] if body else (), receive
        )
        return self._with_retries(exchange)

    def json(self, method: str, route: str, **options: Any) -> dict[str, Any]:
        """The same, and the body of the answer."""
        return json_of(self.request(method, route, **options))

    def _with_retries(self, exchange: Exchange) -> Answer:
        first_failure: float | None = None
        retries = 0
        while True:
            try:
                return self._once(exchange)
            except GdpfsError as error:
                if not error.may_retry:
                    raise
                now = time.monotonic()
                first_failure = now if first_failure is None else first_failure
                delay = _delay_of(retries, error)
                patience = (
                    RETRY_PATIENCE_SECONDS if self._is_known else FIRST_CONTACT_PATIENCE_SECONDS
                )
                if now - first_failure + delay > patience:
                    raise _given_up(error, retries + 1, now - first_failure) from error
                retries += 1
                time.sleep(delay)

    def _once(self, exchange: Exchange) -> Answer:
        self.renew_in_time()
        context = self._credentials.context
        answer = self._connections.exchange(exchange, context)
        self._is_known = True
        if 200 <= answer.status < 300:
            return answer
        error = _error_of(answer)
        if error.code == "certificate_invalid" and self._has_other_than(context):
            return self._once(exchange)
        if error.code in ("certificate_invalid", "certificate_required"):
            raise certificate_error(error)
        raise error

    def _has_other_than(self, context: ssl.SSLContext) -> bool:
        """Whether there is another certificate by now, renewed by this process or stored by another."""
        with self._renewing:
            if self._credentials.context is not context:
                return True
            if not self._credentials.load():
                return False
            self._connections.drop()
            return True

    def renew_in_time(self) -> None:
        """Renews the certificate when the last part of its life has begun, and says so if it cannot."""
        if time.monotonic() < self._next_check or not self._renewing.acquire(blocking=False):
            return
        try:
            self._next_check = time.monotonic() + RENEWAL_CHECK_SECONDS
            if self._is_due() and not (self._credentials.load() and not self._is_due()):
                self._renew()
                self._connections.drop()
        except GdpfsError as error:
            warn(f"cannot renew the certificate: {error}")
        finally:
            self._renewing.release()

    def _is_due(self) -> bool:
        start, end = self._credentials.validity
        now = time.time()
        return end - now < (end - start) * RENEW_AT and now < end + RENEWAL_GRACE_SECONDS

    def _renew(self) -> None:
        request = self._credentials.signing_request()
        if request is None:
            when = time.strftime("%Y-%m-%d", time.gmtime(self._credentials.validity.end))
            hint = 'install the package "cryptography" or run any gdpfs command'
            raise make_error("local_io", f"nothing here can make a request; it ends {when}", hint)
        body = json.dumps({"csr": request}).encode()
        headers = {"Accept": JSON, "Content-Type": JSON}
        exchange = Exchange("POST", "/api/v1/certificates", headers, (body,))
        answer = self._connections.exchange(exchange, self._credentials.context)
        if answer.status != 200:
            raise _error_of(answer)
        self._credentials.accept(str(json.loads(answer.body)["certificate"]))


def json_of(answer: Answer) -> dict[str, Any]:
    """The body of an answer; `corrupt` for what is none."""
    try:
        value = json.loads(answer.body)
    except ValueError as cause:
        raise make_error("corrupt", "cannot use response: it is not JSON") from cause
    if not isinstance(value, dict):
        raise make_error("corrupt", "cannot use response: it is not a JSON object")
    return value


def new_request_id() -> str:
    """The name of a changing request."""
    return uuid.uuid4().hex


def _target(route: str, query: Mapping[str, Any] | None) -> str:
    given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
    return f"{route}?{urlencode(given)}" if given else route


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _error_of(answer: Answer) -> GdpfsError:
    error = error_of_problem(answer.status, answer.body)
    after = answer.headers.get("retry-after", "")
    if not after.isdigit():
        return error
    details = {**error.details, "retryAfterSeconds": int(after)}
    return make_error(error.code, error.detail, error.hint, details)


def _delay_of(retries: int, error: GdpfsError) -> float:
    """Seconds; longer each time, and never the same for two clients."""
    backoff = min(RETRY_DELAY_SECONDS_MIN * 2 ** min(retries, 16), RETRY_DELAY_SECONDS_MAX)
    asked = min(float(error.details.get("retryAfterSeconds", 0)), RETRY_AFTER_SECONDS_MAX)
    return float(max(backoff * random.uniform(0.5, 1), asked))


def _given_up(error: GdpfsError, attempts: int, tried: float) -> GdpfsError:
    if attempts == 1:
        return error
    detail = f"{error.detail} ({attempts} attempts in {tried:.0f} s)"
    return make_error(error.code, detail, error.hint, error.details)
