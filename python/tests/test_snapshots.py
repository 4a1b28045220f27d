"""Paths in named states of a volume: always the same, whatever happens in it and whoever signs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pandas as pd
import pytest

from custody_lab import own_volume
from gdpfs.errors import GdpfsError
from gdpfs.filesystem import GdpFileSystem
from gdpfs.limits import MIB
from harness import Server

_made: dict[str, str] = {}
LARGE = bytes(range(256)) * 4096 * 3


@pytest.fixture(params=["server", "client"])
def pinned(request: pytest.FixtureRequest, home: Server) -> str:
    """URL of the snapshot `v1.0` of a volume of each custody, which has changed since."""
    custody = request.param
    if custody not in _made:
        make: Callable[[str], str]
        make = home.volume if custody == "server" else lambda alias: own_volume(home, alias)
        url = make(f"snap-{custody}")
        fs = GdpFileSystem()
        fs.pipe_file(f"{url}/train/a", b"one")
        fs.pipe_file(f"{url}/train/sub/large", LARGE)
        pd.DataFrame({"value": [1, 2]}).to_csv(f"{url}/table.csv", index=False)
        home.admin("snapshot", "create", url, "v1.0")
        fs.pipe_file(f"{url}/train/a", b"two")
        fs.rm(f"{url}/train/sub", recursive=True)
        fs.pipe_file(f"{url}/train/later", b"later")
        fs.rm(f"{url}/table.csv")
        _made[custody] = url
    return f"{_made[custody]}@v1.0"


@pytest.mark.parametrize("prove", [False, True])
def test_what_is_pinned_is_what_it_was(pinned: str, prove: bool, tmp_path: Path) -> None:
    fs = GdpFileSystem(prove=prove)
    root = pinned.removeprefix("gdp://")
    assert fs.ls(f"{pinned}/train", detail=False) == [f"{root}/train/a", f"{root}/train/sub"]
    large = f"{root}/train/sub/large"
    assert fs.find(f"{pinned}/train") == [f"{root}/train/a", large]
    assert fs.glob(f"{pinned}/train/*/la*") == [large]
    assert fs.cat_file(f"{pinned}/train/a") == b"one"
    assert fs.cat_file(large, MIB, MIB + 5) == LARGE[MIB : MIB + 5]
    assert fs.cat_ranges([large, f"{pinned}/train/a"], [5, 0], [9, 2]) == [LARGE[5:9], b"on"]
    with fs.open(large) as file:
        assert file.read() == LARGE
    fs.get(f"{pinned}/train", str(tmp_path / "train"), recursive=True)
    assert (tmp_path / "train" / "sub" / "large").read_bytes() == LARGE
    assert not fs.exists(f"{pinned}/train/later")
    assert fs.isfile(f"{pinned}/train/a")
    # Without it, it is what it is now.
    now = pinned.removesuffix("@v1.0")
    assert fs.cat_file(f"{now}/train/a") == b"two"
    assert GdpFileSystem(at="v1.0", prove=prove).cat_file(f"{now}/train/a") == b"one"
    assert fs.cat_file(f"{now}/train/a", at="v1.0") == b"one"


def test_pandas_and_fsspec_read_it(pinned: str) -> None:
    assert list(pd.read_csv(f"{pinned}/table.csv")["value"]) == [1, 2]
    with fsspec.open(f"{pinned}/train/a") as file:
        assert file.read() == b"one"
    fs, path = fsspec.url_to_fs(f"{pinned}/train/a")
    assert fs.size(path) == 3


def test_it_can_be_copied_from_and_not_changed(pinned: str) -> None:
    fs = GdpFileSystem()
    now = pinned.removesuffix("@v1.0")
    fs.cp_file(f"{pinned}/train/a", f"{now}/copies/a")
    assert fs.cat_file(f"{now}/copies/a") == b"one"
    path = f"{pinned}/train/a"
    for change in (
        lambda: fs.pipe_file(path, b"three"),
        lambda: fs.rm(path),
        lambda: fs.mv(path, f"{now}/moved"),
        lambda: fs.mv(f"{now}/train/a", path),
        lambda: fs.mkdir(f"{pinned}/new"),
        lambda: fs.cp_file(f"{now}/train/a", path),
        lambda: fs.touch(path, truncate=False),
        lambda: fs.open(path, "wb"),
        lambda: fs.open(path, "ab"),
    ):
        with pytest.raises(PermissionError, match="a state of the past"):
            change()
    assert fs.cat_file(path) == b"one"
    assert fs.cat_file(f"{now}/train/a") == b"two"


def test_a_name_that_there_is_not_and_two_moments_are_refused(pinned: str) -> None:
    fs = GdpFileSystem()
    now = pinned.removesuffix("@v1.0")
    with pytest.raises(FileNotFoundError, match='snapshot "v2"'):
        fs.cat_file(f"{now}@v2/train/a")
    with pytest.raises(FileNotFoundError, match='snapshot "v2"'):
        fs.cat_file(f"{now}/train/a", at="v2")
    with pytest.raises(GdpfsError, match='that at "2" is asked for'):
        fs.cat_file(f"{pinned}/train/a", at=2)
    with pytest.raises(GdpfsError, match="neither the name of a snapshot nor a seq"):
        fs.cat_file(f"{now}@V1/train/a")


def test_a_seq_pins_a_path_too_and_a_new_name_is_found(home: Server, volume: str) -> None:
    fs = GdpFileSystem()
    fs.pipe_file(f"{volume}/a", b"one")
    seq = fs.info(f"{volume}/a")["seq"]
    fs.pipe_file(f"{volume}/a", b"two")
    assert fs.cat_file(f"{volume}@{seq}/a") == b"one"
    home.admin("snapshot", "create", f"{volume}@{seq}", "first")
    assert fs.cat_file(f"{volume}@first/a") == b"one"
    root = volume.removeprefix("gdp://")
    assert fs.ls(f"{volume}@first", detail=False) == [f"{root}@first/a"]
