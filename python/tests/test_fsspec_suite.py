"""The whole of fsspec's own abstract suite, over a real server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fsspec.tests import abstract

from gdpfs.filesystem import GdpFileSystem


class GdpFixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, volume: str) -> GdpFileSystem:
        return GdpFileSystem()

    @pytest.fixture
    def fs_path(self, volume: str) -> str:
        return volume.removeprefix("gdp://")

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return True


class TestCopy(abstract.AbstractCopyTests, GdpFixtures):
    pass


class TestGet(abstract.AbstractGetTests, GdpFixtures):
    pass


class TestPut(abstract.AbstractPutTests, GdpFixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, GdpFixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, GdpFixtures):
    pass
