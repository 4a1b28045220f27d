"""What goes wrong says what it is and what to do, and never gives wrong bytes."""

from __future__ import annotations

import datetime
import json
import os
import pickle
import random
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gdpfs import limits, session
from gdpfs.client import Client
from gdpfs.config import Home
from gdpfs.credentials import Credentials, validity_of
from gdpfs.errors import Corrupt, GdpfsError, NotPermitted, Unavailable, make_error
from gdpfs.filesystem import GdpFileSystem
from harness import PROJECT, Server, sign

MIB = 1024 * 1024


@pytest.fixture
def own_fs(own_home: Server) -> GdpFileSystem:
    own_home.volume("v")
    return GdpFileSystem()


def test_a_server_that_is_killed_in_mid_read_and_comes_back_does_not_end_the_read(
    own_server: Server, own_fs: GdpFileSystem
) -> None:
    data = random.Random(1).randbytes(48 * MIB)
    own_fs.pipe_file("gdp://v/file", data)
    with own_fs.open("gdp://v/file") as file:
        parts = [file.read(MIB)]
        own_server.kill()
        starting = threading.Timer(1, own_server.start)
        starting.start()
        while part := file.read(MIB):
            parts.append(part)
        starting.join()
    assert b"".join(parts) == data


def test_a_server_that_is_killed_in_mid_write_and_comes_back_does_not_end_the_write(
    own_server: Server, own_fs: GdpFileSystem
) -> None:
    data = random.Random(2).randbytes(40 * MIB)
    with own_fs.open("gdp://v/file", "wb") as file:
        file.write(data[: 20 * MIB])
        own_server.restart()
        file.write(data[20 * MIB :])
        own_server.restart()
    assert own_fs.cat_file("gdp://v/file") == data


@pytest.mark.parametrize("size", [100_000, 3 * MIB])
def test_a_damaged_chunk_is_an_error_that_names_file_and_offset_and_heals_by_an_upload(
    own_server: Server, own_fs: GdpFileSystem, size: int
) -> None:
    data = random.Random(size).randbytes(size)
    own_fs.pipe_file("gdp://v/dir/file", data)
    own_fs.pipe_file("gdp://v/other", data[:1000])
    offset = min(2 * MIB, size - size % (256 * 1024))
    own_server.stop()
    assert own_server.corrupt(data[offset : offset + 50_000]) == 1
    own_server.start()
    fresh = Client()
    fs = GdpFileSystem()
    for read in (
        lambda: fs.open("gdp://v/dir/file").read(),
        lambda: fs.cat_file("gdp://v/dir/file", offset, offset + 10),
    ):
        with pytest.raises(Corrupt, match=rf"gdp://v/dir/file.* at byte {offset}\b") as caught:
            read()
        assert "upload the file again" in str(caught.value)
    if offset > 0:
        assert fs.cat_file("gdp://v/dir/file", 0, offset) == data[:offset]
    assert fs.cat_file("gdp://v/other") == data[:1000]
    fs.pipe_file("gdp://v/dir/file", data)
    assert fs.cat_file("gdp://v/dir/file") == data
    assert fresh.principal == "admin"


def test_without_a_login_the_error_says_how_to_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDPFS_HOME", str(tmp_path))
    with pytest.raises(PermissionError, match="gdpfs login") as caught:
        GdpFileSystem().ls("gdp://v")
    assert isinstance(caught.value, GdpfsError)
    assert caught.value.code == "certificate_required"


def test_a_certificate_that_the_server_does_not_accept_any_more_says_how_to_get_another(
    tmp_path: Path, server: Server
) -> None:
    """One of another authority than the server's stands for one that has expired: the server refuses both alike."""
    home = copy_home(server, tmp_path)
    entry = json.loads((home / "config.json").read_text())["profiles"]["default"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-nodes", "-subj", "/CN=nobody", "-days", "1"]
        + ["-keyout", str(home / entry["key"]), "-out", str(home / entry["certificate"])],
        check=True,
        capture_output=True,
    )
    with pytest.raises(NotPermitted, match="gdpfs login"):
        GdpFileSystem(home=home).ls("gdp://v")


def test_a_server_at_another_address_is_an_error_that_names_the_address(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "FIRST_CONTACT_PATIENCE_SECONDS", 0.5)
    home = copy_home(server, tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}"
        change_profile(home, url=url)
        with pytest.raises(Unavailable, match=rf"{url}.*nothing listens there.*attempts"):
            GdpFileSystem(home=home).exists("gdp://v/file")
    other = copy_home(server, tmp_path / "other")
    change_profile(other, url="https://no.such.host.invalid:7443")
    with pytest.raises(Unavailable, match="the host name is unknown"):
        GdpFileSystem(home=other).exists("gdp://v/file")


def test_a_server_that_is_not_the_one_of_the_login_is_not_trusted(
    tmp_path: Path, server: Server, own_server: Server
) -> None:
    home = copy_home(server, tmp_path)
    change_profile(home, url=own_server.url)
    with pytest.raises(NotPermitted, match="certificate is not the expected one"):
        GdpFileSystem(home=home).ls("gdp://v")


def test_an_alias_that_stands_for_another_volume_now_is_refused(
    tmp_path: Path, server: Server, volume: str
) -> None:
    home = copy_home(server, tmp_path)
    GdpFileSystem(home=home).ls(volume)
    known = change_profile(home)["volumes"]
    assert len(known[volume[6:]]) == 43
    change_profile(home, volumes={**known, volume[6:]: "q" * 43})
    with pytest.raises(NotPermitted, match="another volume there now"):
        GdpFileSystem(home=home, profile="default").ls(volume)
    # By its own name it is still there.
    assert GdpFileSystem(home=home).ls(f"gdp://{known[volume[6:]]}/") == []


def test_a_home_that_cannot_be_written_is_as_good_for_reading(
    tmp_path: Path, server: Server, volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copy_home(server, tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gdpfs.config.os.open", refuse)
    assert GdpFileSystem(home=home).ls(volume) == []


def test_who_may_only_read_reads_and_is_told_so_when_writing(
    server: Server, fs: GdpFileSystem, volume: str
) -> None:
    name = f"user{os.getpid()}"
    user = server.new_user(name)
    theirs = GdpFileSystem(home=user.home)
    theirs.pipe_file(f"gdp://{name}/file", b"mine")
    fs.pipe_file(f"{volume}/data/file", bytes(3 * MIB))
    fs.pipe_file(f"{volume}/other/file", b"")
    for read in (theirs.cat_file, theirs.open, theirs.info, theirs.exists):
        with pytest.raises(PermissionError, match=f"{volume[6:]}.*no access.*grant"):
            read(f"{volume}/data/file")
    server.admin("admin", "grant", "read", name, f"{volume}/data")
    with theirs.open(f"{volume}/data/file") as file:
        assert file.read() == bytes(3 * MIB)
    assert theirs.find(volume) == [f"{volume[6:]}/data/file"]
    changes = (
        lambda: theirs.pipe_file(f"{volume}/data/new", b"x"),
        lambda: theirs.rm(f"{volume}/data/file"),
        lambda: theirs.mv(f"{volume}/data/file", f"{volume}/data/moved"),
        lambda: theirs.mkdir(f"{volume}/data/dir"),
        lambda: write_through(theirs, f"{volume}/data/file", bytes(20 * MIB)),
    )
    for change in changes:
        with pytest.raises(PermissionError, match=f"{volume[6:]}.*write"):
            change()
    assert fs.find(f"{volume}/data", detail=True)[f"{volume[6:]}/data/file"]["size"] == 3 * MIB


def write_through(fs: GdpFileSystem, path: str, data: bytes) -> None:
    with fs.open(path, "wb") as file:
        file.write(data)


def test_a_missing_file_is_what_python_calls_it(fs: GdpFileSystem, volume: str) -> None:
    for read in (fs.open, fs.cat_file, fs.info, fs.rm, fs.ls, fs.checksum):
        with pytest.raises(FileNotFoundError, match="nothing"):
            read(f"{volume}/nothing")
    assert not fs.exists(f"{volume}/nothing")
    assert not fs.isfile(f"{volume}/nothing")


def test_errors_can_be_pickled() -> None:
    error = make_error("not_found", "cannot read: nothing there", "look elsewhere", {"seq": 1})
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, FileNotFoundError)
    assert (copy.code, str(copy), copy.details) == ("not_found", str(error), {"seq": 1})
    error.filename = "gdp://v/file"
    assert pickle.loads(pickle.dumps(error)).filename == "gdp://v/file"


def test_a_configuration_that_is_damaged_says_what_to_do(tmp_path: Path) -> None:
    for text in ["no JSON", "[]", '{"version": 2, "profiles": {}}']:
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(GdpfsError, match=r"config\.json.*move it away"):
            Home(tmp_path).profile()


def test_the_environment_chooses_a_profile_where_none_is_named(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(copy_home(server, tmp_path))
    current = home.profile().name
    monkeypatch.setenv("GDPFS_PROFILE", "none")
    with pytest.raises(GdpfsError, match='cannot use profile "none": there is none'):
        home.profile()
    assert home.profile(current).name == current
    monkeypatch.setenv("GDPFS_PROFILE", "")
    assert home.profile().name == current


def test_a_certificate_is_renewed_in_time_and_stored_for_other_processes(
    tmp_path: Path, server: Server, volume: str
) -> None:
    home = copy_home(server, tmp_path)
    expire(server, home, days=-5)
    certificate = Home(home).profile().certificate
    before = certificate.read_text()
    client = Client(home=home)
    assert client.volumes()
    after = certificate.read_text()
    assert after != before
    # And it works.
    assert client.volumes()
    assert Client(home=home).volumes()
    assert certificate.read_text() == after


def expire(server: Server, home: Path, *, days: int) -> None:
    """The certificate becomes one that ended so many days ago, after a life of years."""
    end = time.gmtime(time.time() - days * 24 * 3600)
    sign(server, home, start="20240101000000Z", end=time.strftime("%Y%m%d%H%M%SZ", end))


def test_a_certificate_that_has_expired_is_renewed_for_a_month(
    tmp_path: Path, server: Server, volume: str
) -> None:
    home = copy_home(server, tmp_path)
    certificate = Home(home).profile().certificate
    expire(server, home, days=20)
    before = certificate.read_text()
    client = Client(home=home)
    # All threads meet it at once, and one renews it.
    with ThreadPoolExecutor(8) as threads:
        for listed in threads.map(lambda _: client.volumes(), range(16)):
            assert listed
    assert certificate.read_text() != before
    expire(server, home, days=31)
    with pytest.raises(NotPermitted, match="gdpfs login"):
        Client(home=home).volumes()


def test_a_certificate_that_another_process_has_renewed_is_taken_over(
    tmp_path: Path, server: Server
) -> None:
    home = copy_home(server, tmp_path)
    profile = Home(home).profile()
    credentials = Credentials(Home(home), profile)
    renewed = (server.admin.home / "config.json").parent
    other = Home(renewed).profile().certificate.read_text()
    assert credentials.load() is False
    profile.certificate.write_text(other + "\n")
    assert credentials.load() is True


def test_the_validity_of_a_certificate_is_what_openssl_says(server: Server) -> None:
    certificate = Home(server.admin.home).profile().certificate
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", str(certificate)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    end = datetime.datetime.strptime(shown.strip(), "notAfter=%b %d %H:%M:%S %Y GMT")
    expected = end.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert validity_of(certificate.read_text()).end == expected


def test_every_code_of_the_error_table_that_may_be_repeated_is_known() -> None:
    """The table is in TypeScript; what it says of `retry` must be what Python does."""
    lines = (PROJECT / "src/base/errors.ts").read_text().splitlines()
    repeated = {line.split(":")[0].strip() for line in lines if "retry: true" in line}
    assert {code for code in repeated if make_error(code, "").may_retry} == repeated
    assert limits.RETRY_PATIENCE_SECONDS == 120


def copy_home(server: Server, to: Path) -> Path:
    home = to / "home"
    shutil.copytree(server.admin.home, home)
    return home


def change_profile(home: Path, **members: object) -> dict[str, dict[str, str]]:
    """Its entry as it is then."""
    path = home / "config.json"
    config = json.loads(path.read_text())
    entry: dict[str, dict[str, str]] = config["profiles"]["default"]
    entry.update(members)  # type: ignore[arg-type]
    path.write_text(json.dumps(config))
    return entry
