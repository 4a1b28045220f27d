"""Kept-alive HTTP/1.1 connections over TLS 1.3 with a client certificate; nothing here repeats an exchange."""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from .errors import GdpfsError, make_error, shown
from .forks import ForkSafe
from .limits import (
    CONNECT_SECONDS_MAX,
    CONNECTIONS_MAX,
    IDLE_SECONDS_MAX,
    RESPONSE_BYTES_MAX,
    STALL_SECONDS_MAX,
)

Buffer = bytes | bytearray | memoryview


class Parts(Protocol):
    """The body of a request, one buffer behind the other; gone through again for a repeat."""

    def __iter__(self) -> Iterator[Buffer]: ...

    @property
    def size(self) -> int: ...


def size_of(body: Parts | tuple[Buffer, ...]) -> int:
    return sum(len(part) for part in body) if isinstance(body, tuple) else body.size


@dataclass(frozen=True)
class Exchange:
    """One HTTP request and where its response goes."""

    method: str
    #: Path and query.
    target: str
    headers: Mapping[str, str]
    #: Sent one behind the other.
    body: Parts | tuple[Buffer, ...] = ()
    #: Takes the body of a successful response from the connection. Otherwise it comes as bytes.
    receive: Callable[[http.client.HTTPResponse], None] | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class _Connection(http.client.HTTPConnection):
    default_port = 443
    #: Has it had an exchange?
    is_used = False
    #: How long TCP alone took, with the look-up of the host's name.
    reach_seconds = math.inf

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS_MAX)
        self._context = context

    def connect(self) -> None:
        start = time.monotonic()
        super().connect()
        self.reach_seconds = time.monotonic() - start
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
        self.sock.settimeout(STALL_SECONDS_MAX)


@dataclass
class _Idle:
    connection: _Connection
    since: float = field(default_factory=time.monotonic)


class Connections(ForkSafe):
    """To one server. Exchanges beyond the bound of connections wait for their turn."""

    def __init__(self, url: str) -> None:
        self.url = url
        #: The shortest time that a connection was made in; no busy server makes it longer, as the system does it.
        self.reach_seconds = math.inf
        #: The shortest time in which an exchange was answered.
        self.answer_seconds = math.inf
        parts = urlsplit(url)
        self._address = (str(parts.hostname), parts.port or 443)
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.BoundedSemaphore(CONNECTIONS_MAX)
        # In a child these are the parent's: not to be used, and not to be closed in TLS either.
        self._idle: list[_Idle] = []
        self._generation = object()

    def drop(self) -> None:
        """Connections that are idle, or come back from their exchange, are not used again."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._generation = object()
        for one in idle:
            one.connection.close()

    def exchange(self, exchange: Exchange, context: ssl.SSLContext) -> Answer:
        """
        Whatever the server answers. `unavailable` if no whole answer came, `untrusted` if the server is not the one
        expected.
        """
        with self._turn:
            generation = self._generation
            connection = self._take_idle()
            if connection is not None:
                try:
                    return self._through(connection, exchange, generation)
                except _Stale:
                    # The server closed it meanwhile, and maybe the others: requests may be sent twice.
                    self.drop()
                    generation = self._generation
            return self._through(self._connect(context), exchange, generation)

    def _take_idle(self) -> _Connection | None:
        with self._lock:
            if not self._idle:
                return None
            newest = self._idle[-1]
            if time.monotonic() - newest.since < IDLE_SECONDS_MAX:
                self._idle.pop()
                return newest.connection
        # If the newest is too old, all are.
        self.drop()
        return None

    def _give_back(self, connection: _Connection, generation: object) -> None:
        with self._lock:
            if generation is self._generation:
                self._idle.append(_Idle(connection))
                return
        connection.close()

    def _connect(self, context: ssl.SSLContext) -> _Connection:
        host, port = self._address
        connection = _Connection(host, port, context)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._network_error(error) from error
        self.reach_seconds = min(self.reach_seconds, connection.reach_seconds)
        return connection

    def _through(self, connection: _Connection, exchange: Exchange, generation: object) -> Answer:
        was_used, connection.is_used = connection.is_used, True
        start = time.monotonic()
        try:
            answer, may_stay = _exchange(connection, exchange)
            self.answer_seconds = min(self.answer_seconds, time.monotonic() - start)
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            if isinstance(error, GdpfsError):
                raise
            if was_used and isinstance(error, _SIGNS_OF_STALENESS):
                raise _Stale from error
            raise self._network_error(error) from error
        except BaseException:
            # Such as KeyboardInterrupt: what is left of the response must not be taken for the next one.
            connection.close()
            raise
        if may_stay:
            self._give_back(connection, generation)
        else:
            connection.close()
        return answer

    def _network_error(self, error: Exception) -> GdpfsError:
        url = shown(self.url)
        if isinstance(error, ssl.SSLCertVerificationError):
            detail = f"cannot trust {url}: its certificate is not the expected one"
            return make_error("untrusted", detail, "if the server was set up anew, log in again")
        hint = (
            "is the server running, and is this its address? a profile keeps the one of its login"
        )
        if isinstance(error, TimeoutError):
            return make_error("unavailable", f"cannot reach {url}: it does not answer", hint)
        if isinstance(error, ConnectionRefusedError):
            return make_error("unavailable", f"cannot reach {url}: nothing listens there", hint)
        if isinstance(error, socket.gaierror):
            return make_error("unavailable", f"cannot reach {url}: the host name is unknown", hint)
        state = f"the connection was cut ({type(error).__name__}: {error})"
        return make_error("unavailable", f"cannot reach {url}: {state}")


class _Stale(Exception):
    """A kept connection was closed by the server before it answered."""


_SIGNS_OF_STALENESS = (ConnectionError, http.client.BadStatusLine, ssl.SSLError)


def _exchange(connection: _Connection, exchange: Exchange) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again."""
    sent = _send(connection, exchange)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    is_success = 200 <= response.status < 300
    if is_success and exchange.receive is not None:
        exchange.receive(response)
        body = b""
        # Nothing may be left, or the next answer would begin with it.
        may_stay = response.read(1) == b""
    else:
        body = response.read(RESPONSE_BYTES_MAX + 1)
        if len(body) > RESPONSE_BYTES_MAX:
            detail = f"cannot use response: more than {RESPONSE_BYTES_MAX} bytes"
            raise make_error("corrupt", detail)
        may_stay = response.isclosed()
    return Answer(response.status, headers, body), sent and may_stay and not response.will_close


def _send(connection: _Connection, exchange: Exchange) -> bool:
    """Whether all was sent: a server that refuses a body may answer before it has come."""
    headers = dict(exchange.headers)
    if exchange.method in ("POST", "PATCH"):
        headers["Content-Length"] = str(size_of(exchange.body))
    connection.putrequest(exchange.method, exchange.target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        for part in exchange.body:
            connection.send(part)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True
