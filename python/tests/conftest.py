"""Fixtures: a real server for the session, one volume for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from custody_lab import Offer, Own, own_volume
from gdpfs import signing
from gdpfs.asked import Asked
from gdpfs.client import Client
from gdpfs.filesystem import GdpFileSystem
from gdpfs.prepared import Signable, check_prepared
from harness import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do it no harm."""
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this test's own, to be killed and damaged."""
    started = Server(tmp_path_factory.mktemp("own-server"))
    yield started
    started.stop()


@pytest.fixture
def home(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """This process is the admin of `server`."""
    monkeypatch.setenv("GDPFS_HOME", str(server.admin.home))
    return server


@pytest.fixture
def own_home(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """This process is the admin of `own_server`."""
    monkeypatch.setenv("GDPFS_HOME", str(own_server.admin.home))
    return own_server


@pytest.fixture
def volume(home: Server) -> str:
    """URL of a new empty volume, without a slash at the end."""
    return home.volume(f"test{next(_numbers)}")


@pytest.fixture(params=["fixed", "cdc"])
def any_volume(request: pytest.FixtureRequest, home: Server) -> str:
    """The same, of each way of cutting files."""
    return home.volume(f"test{next(_numbers)}", chunking=request.param)


@pytest.fixture
def fs(home: Server) -> GdpFileSystem:
    return GdpFileSystem()


@pytest.fixture(scope="session")
def signed_volume(server: Server) -> str:
    """URL of a volume whose changes are signed here, with `dir/inner`, `other` and a `file`."""
    url = own_volume(server, "signed")
    fs = GdpFileSystem(home=server.admin.home)
    fs.makedirs(f"{url}/dir/inner")
    fs.makedirs(f"{url}/other")
    fs.pipe_file(f"{url}/file", b"content")
    return url


@pytest.fixture
def own(signed_volume: str, server: Server, monkeypatch: pytest.MonkeyPatch) -> Own:
    """The same, with what the server prepares for it."""
    offers: list[Offer] = []

    def keep(body: bytes, asked: Asked, **options: Any) -> Signable:
        offers.append(Offer(body, asked, options))
        return check_prepared(body, asked, **options)

    monkeypatch.setattr(signing, "check_prepared", keep)
    return Own(signed_volume, Client(home=server.admin.home), offers)
