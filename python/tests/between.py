"""Something between clients and the server: it passes requests on, and answers in a way of its own."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from harness import Server

#: Writes an answer: its head without what says where the body ends, and the body. False: the connection ends then.
Framing = Callable[["Stream", list[str], bytes], bool]


class Stream:
    """One connection of a client."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def request(self) -> tuple[str, dict[str, str], bytes] | None:
        """The first line of the next request, its headers, and its body."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("Content-Length", 0))
        while len(self._received) < length:
            if not self._more():
                return None
        body, self._received = self._received[:length], self._received[length:]
        return first, headers, body

    def _more(self) -> bool:
        piece = self._connection.recv(65536)
        self._received += piece
        return len(piece) > 0

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)


def plain(stream: Stream, head: list[str], body: bytes) -> bool:
    stream.send("\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body)
    return True


class Between:
    """Listens with the certificate of the server, and speaks to it as the admin. Notes what was asked for."""

    def __init__(self, server: Server, framing: Framing) -> None:
        self.asked: list[str] = []
        self._server = server
        self._framing = framing
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.data / "keys/server.crt", server.data / "keys/server.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Between:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        # A thread that waits in accept() would go on listening.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def use_in(self, home: Path) -> None:
        """Who logs in with that folder comes here from now on."""
        config = json.loads((home / "config.json").read_text())
        config["profiles"]["default"]["url"] = self.url
        (home / "config.json").write_text(json.dumps(config))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        profile = next((self._server.admin.home / "profiles").iterdir())
        context = ssl.create_default_context(cafile=profile / "ca.crt")
        context.load_cert_chain(profile / "client.crt", profile / "client.key")
        host, port = self._server.url.removeprefix("https://").split(":")
        upstream = http.client.HTTPSConnection(host, int(port), context=context)
        try:
            with self._context.wrap_socket(connection, server_side=True) as tls:
                stream = Stream(tls)
                while (request := stream.request()) is not None:
                    first, headers, body = request
                    method, target, _ = first.split(" ")
                    self.asked.append(target)
                    upstream.request(method, target, body, headers)
                    answer = upstream.getresponse()
                    content = answer.read()
                    head = [f"HTTP/1.1 {answer.status} {answer.reason}"] + [
                        f"{name}: {value}"
                        for name, value in answer.getheaders()
                        if name.lower() not in ("content-length", "connection", "keep-alive")
                    ]
                    if not self._framing(stream, head, content):
                        return
        except OSError:
            # The client went away.
            pass
        finally:
            upstream.close()
