"""What servers prepare for volumes that are signed here, and what they would like to have signed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from gdpfs.asked import Asked, PutFile, SentBytes
from gdpfs.client import Client
from gdpfs.errors import GdpfsError
from gdpfs.formats import chunk_of
from gdpfs.limits import KIB
from gdpfs.paths import Path, parse_path
from gdpfs.prepared import Prepared, Signable, check_prepared, decode_prepared
from gdpfs.state_map import DIRECTORY, StateEntry
from gdpfs.writing import write_whole
from harness import Server
from prepared_forms import encode_prepared

Doctor = Callable[[Prepared], Prepared]
DATA = random.Random(1).randbytes(300 * KIB)
SPLIT = 256 * KIB
FIRST, SECOND = chunk_of(0, DATA[:SPLIT]), chunk_of(SPLIT, DATA[SPLIT:])
OTHER = "prepared another one: record .* is not about"


def own_volume(server: Server, alias: str, chunking: str = "fixed") -> str:
    """A new one whose keys the admin has; its URL."""
    server.admin("volume", "create", alias, "--custody", "client", "--chunking", chunking)
    return f"gdp://{alias}"


class Offer(NamedTuple):
    """What a server has prepared, for what, and what was known then."""

    body: bytes
    asked: Asked
    options: dict[str, Any]

    @property
    def prepared(self) -> Prepared:
        return decode_prepared(self.body)

    def check(self, body: bytes | None = None, asked: Asked | None = None) -> Signable:
        return check_prepared(body or self.body, asked or self.asked, **self.options)

    def refuses(self, doctor: Doctor, why: str) -> None:
        """What `doctor` makes of it is not signed."""
        with pytest.raises(GdpfsError, match=why) as failure:
            self.check(encode_prepared(doctor(self.prepared)))
        assert failure.value.code == "untrusted"

    def is_refused_for(self, asked: Asked, why: str) -> None:
        """It is not signed where something else was asked for."""
        with pytest.raises(GdpfsError, match=why) as failure:
            self.check(asked=asked)
        assert failure.value.code == "untrusted"


class Own(NamedTuple):
    """A volume of the admin's with `dir/inner`, `other` and a `file`."""

    url: str
    client: Client
    offers: list[Offer]

    def path(self, inside: str) -> Path:
        return parse_path(f"{self.url}/{inside}")

    def offered(self, change: Callable[[], Any]) -> Offer:
        """What an honest server prepares for the change, which is made."""
        change()
        return self.offers[-1]

    def mkdir(self, inside: str, *, parents: bool = False) -> Offer:
        return self.offered(lambda: self.client.make_directory(self.path(inside), parents=parents))

    def write(self, inside: str, data: bytes) -> Offer:
        """`data` is still there when it is compared."""
        offer = self.offered(lambda: write_whole(self.client, self.path(inside), data))
        content = SentBytes(len(data), lambda offset, length: data[offset : offset + length])
        return offer._replace(asked=PutFile(inside, content, False))


def with_records(change: Callable[[list[bytes]], list[bytes]]) -> Doctor:
    return lambda prepared: prepared._replace(records=change(prepared.records))


def directory(name: str, **changes: Any) -> StateEntry:
    """What the record for a new directory in the root makes."""
    entry = StateEntry(0, name, 0, 0, DIRECTORY, 0o755, 0, "admin")
    return entry._replace(**changes)
