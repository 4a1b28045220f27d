"""Volumes whose changes are signed here, with the key that the command line made."""

from __future__ import annotations

import base64
import hashlib
import itertools
import multiprocessing
import random
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from custody_lab import own_volume
from gdpfs.checkpoints import parse_checkpoint
from gdpfs.client import Client
from gdpfs.ed25519 import PrivateKey
from gdpfs.errors import Changed, GdpfsError, NotPermitted
from gdpfs.filesystem import GdpFileSystem
from gdpfs.keys import VolumeKeys
from gdpfs.limits import MIB, WHOLE_FILE_BYTES
from gdpfs.paths import parse_path
from harness import Server

_numbers = itertools.count(1)


def new_volume(server: Server, chunking: str = "fixed") -> str:
    return own_volume(server, f"own{next(_numbers)}-{chunking}", chunking)


def homes(server: Server, folder: Path, *, keys: bool) -> Path:
    """Another machine of the admin's."""
    ignored = [] if keys else ["keys"]
    to = folder / "home"
    shutil.copytree(server.admin.home, to, ignore=shutil.ignore_patterns("*.lock", *ignored))
    return to


def contents(fs: GdpFileSystem, url: str) -> dict[str, bytes | None]:
    """Of files, and None of directories, by their paths below."""
    found = fs.find(url, withdirs=True, detail=True)
    inside = {name[len(url) - 5 :]: info["type"] for name, info in found.items()}
    return {
        path: fs.cat_file(f"{url}/{path}") if kind == "file" else None
        for path, kind in inside.items()
    }


@pytest.mark.parametrize("chunking", ["fixed", "cdc"])
def test_everything_that_changes_a_volume_works_and_is_signed(
    home: Server, fs: GdpFileSystem, tmp_path: Path, chunking: str
) -> None:
    url = new_volume(home, chunking)
    large = random.Random(1).randbytes(WHOLE_FILE_BYTES + 300_000)
    local = tmp_path / "local"
    local.write_bytes(large)
    fs.pipe_file(f"{url}/a/small", b"small")
    fs.pipe_file(f"{url}/a/small", b"other")
    fs.pipe_file(f"{url}/a/empty", b"")
    fs.put_file(str(local), f"{url}/a/large")
    with fs.open(f"{url}/a/written", "wb") as file:
        file.write(large[:MIB])
    with fs.open(f"{url}/a/log", "ab") as file:
        file.write(b"one")
        file.flush(True)
        file.write(b"two")
    with fs.open(f"{url}/a/new", "xb") as file:
        file.write(b"new")
    fs.mkdir(f"{url}/b/c")
    fs.makedirs(f"{url}/b/c", exist_ok=True)
    fs.mv(f"{url}/a/small", f"{url}/b/moved")
    fs.mv(f"{url}/a/new", f"{url}/b/moved")
    fs.cp(f"{url}/a", f"{url}/copies", recursive=True)
    seq = fs.info(f"{url}/b/moved")["seq"]
    fs.touch(f"{url}/b/moved", truncate=False)
    fs.rm_file(f"{url}/b/moved")
    fs.cp_file(f"{url}/b/moved", f"{url}/b/back", at=seq)
    # Both go on from one log.
    for name in ("a/log", "copies/log"):
        with fs.open(f"{url}/{name}", "ab") as file:
            file.write(name.encode())
    fs.rmdir(f"{url}/b/c")
    fs.rm(f"{url}/copies/large")
    assert contents(fs, url) == {
        "": None,
        "a": None,
        "a/empty": b"",
        "a/large": large,
        "a/log": b"onetwoa/log",
        "a/written": large[:MIB],
        "b": None,
        "b/back": b"new",
        "copies": None,
        "copies/empty": b"",
        "copies/log": b"onetwocopies/log",
        "copies/written": large[:MIB],
    }
    fs.rm(f"{url}/a", recursive=True)
    assert sorted(fs.ls(url, detail=False)) == [f"{url[6:]}/b", f"{url[6:]}/copies"]
    # It has the key, verifies all signatures, records and states, and goes on from there.
    assert "good" in home.admin("verify", url)
    home.admin("mkdir", f"{url}/by-the-command-line")
    fs.pipe_file(f"{url}/by-the-command-line/file", b"x")


def test_what_the_server_refuses_is_refused_as_elsewhere_and_changes_nothing(
    signed_volume: str, fs: GdpFileSystem, volume: str
) -> None:
    for url in (signed_volume, volume):
        fs.pipe_file(f"{url}/refused/file", b"x")
        fs.pipe_file(f"{url}/refused/dir/file", b"y")
        before = contents(fs, f"{url}/refused")
        for code, change in _refusals(fs, f"{url}/refused").items():
            with pytest.raises(GdpfsError) as failure:
                change()
            assert failure.value.code == code
        assert contents(fs, f"{url}/refused") == before


def _refusals(fs: GdpFileSystem, url: str) -> dict[str, Callable[[], Any]]:
    return {
        "not_found": lambda: fs.rm_file(f"{url}/none"),
        "exists": lambda: fs.pipe_file(f"{url}/file", b"z", mode="create"),
        "is_a_directory": lambda: fs.pipe_file(f"{url}/dir", b"z"),
        "not_a_directory": lambda: fs.mkdir(f"{url}/file/below"),
        "not_empty": lambda: fs.rmdir(f"{url}/dir"),
    }


def test_random_changes_lead_to_the_tree_that_they_lead_to_elsewhere(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    url = new_volume(home)
    chance = random.Random(5)
    names = ["a", "é", "a/a", "a/é", "é/a", "a/a/a", "é/a/é"]
    made = 0
    for step in range(120):
        one, other = chance.choice(names), chance.choice(names)
        data = f"{step}".encode() * chance.choice([0, 1, 40_000])
        change = chance.randrange(6)
        codes = [_outcome(fs, base, change, one, other, data) for base in (url, volume)]
        assert codes[0] == codes[1], (step, change, one, other)
        made += codes[0] is None
    assert contents(fs, url) == contents(fs, volume)
    assert made > 30
    assert "good" in home.admin("verify", url)


def _outcome(
    fs: GdpFileSystem, url: str, change: int, one: str, other: str, data: bytes
) -> str | None:
    """The code of the error, if there was one."""
    client = fs.client
    path, to = parse_path(f"{url}/{one}"), parse_path(f"{url}/{other}")
    try:
        if change == 0:
            fs.pipe_file(str(path), data)
        elif change == 1:
            client.make_directory(path, parents=len(data) > 1)
        elif change == 2:
            client.rename(path, to)
        elif change == 3:
            client.copy(path, to)
        elif change == 4:
            client.remove(path, recursive=len(data) > 1)
        else:
            with fs.open(str(path), "ab") as file:
                file.write(data)
    except GdpfsError as error:
        return error.code
    return None


def test_without_its_writer_key_a_volume_is_read_and_not_written(
    server: Server, signed_volume: str, fs: GdpFileSystem, tmp_path: Path
) -> None:
    fs.pipe_file(f"{signed_volume}/kept", b"kept")
    reader = GdpFileSystem(home=homes(server, tmp_path, keys=False))
    large = bytes(WHOLE_FILE_BYTES + 1)
    changes: list[Callable[[], Any]] = [
        lambda: reader.pipe_file(f"{signed_volume}/new", b"x"),
        lambda: reader.pipe_file(f"{signed_volume}/new", large),
        lambda: reader.rm(f"{signed_volume}/kept"),
        lambda: reader.mv(f"{signed_volume}/kept", f"{signed_volume}/moved"),
        lambda: reader.mkdir(f"{signed_volume}/dir"),
        lambda: reader.open(f"{signed_volume}/kept", "ab").write(large),
    ]
    count = server.client.volume(signed_volume[6:])["count"]
    for change in changes:
        with pytest.raises(NotPermitted, match="key is not on this machine"):
            change()
    assert reader.cat_file(f"{signed_volume}/kept") == b"kept"
    assert server.client.volume(signed_volume[6:])["count"] == count


def test_a_key_of_something_else_and_what_is_no_key_are_refused(
    server: Server, signed_volume: str, tmp_path: Path
) -> None:
    home = homes(server, tmp_path, keys=True)
    name = server.client.volume(signed_volume[6:])["name"]
    (path,) = (home / "keys").glob(f"{name}.writer.*")
    (other,) = (home / "keys").glob(f"{name}.owner.*")
    pem = path.read_text()
    for text, state in [
        (other.read_text(), "it is the key of something else"),
        (pem.replace("PRIVATE", "PUBLIC"), "it is no private key"),
        (pem.replace("\n", "\n!", 1), "it is no private key"),
        ("", "it is no private key"),
        (pem.replace("-----BEGIN", "é-----BEGIN"), "it is no private key"),
    ]:
        path.write_text(text)
        with pytest.raises(GdpfsError, match=state) as failure:
            GdpFileSystem(home=home, skip_instance_cache=True).pipe_file(f"{signed_volume}/x", b"x")
        assert failure.value.code == "local_io"
    path.unlink()
    path.mkdir()
    with pytest.raises(GdpfsError, match="Is a directory"):
        Client(home=home).make_directory(parse_path(f"{signed_volume}/x"), parents=False)


def test_keys_and_signatures_are_those_of_openssl(tmp_path: Path) -> None:
    secret, message = tmp_path / "v.writer.x.key", tmp_path / "message"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", secret], check=True)
    command = ["openssl", "pkey", "-in", secret, "-pubout", "-outform", "DER"]
    public = subprocess.run(command, check=True, capture_output=True).stdout[-32:]
    number = base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:8]).decode().rstrip("=")
    secret.rename(tmp_path / f"v.writer.{number}.key")
    key = VolumeKeys(tmp_path).writer("v", public)
    assert key is not None
    message.write_bytes(b"message")
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-in", str(message), "-inkey"]
    command.append(str(tmp_path / f"v.writer.{number}.key"))
    signature = subprocess.run(command, check=True, capture_output=True).stdout
    assert key.sign(b"message") == signature
    assert VolumeKeys(tmp_path).writer("other", public) is None


@pytest.mark.parametrize(
    "vector",
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5"
            "f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2e"
            "aeb4302aeeb00d291612bb0c00",
        ),
    ],
)
def test_signatures_are_those_of_the_rfc(vector: tuple[str, str, str]) -> None:
    seed, message, signature = map(bytes.fromhex, vector)
    assert PrivateKey(seed).sign(message) == signature


def test_several_writers_at_once_lose_nothing(
    home: Server, fs: GdpFileSystem, tmp_path: Path
) -> None:
    url = new_volume(home)
    others = [Client(home=home.admin.home), Client(home=homes(home, tmp_path, keys=True))]

    def work(index: int) -> None:
        client = others[index % 2]
        for step in range(4):
            client.make_directory(parse_path(f"{url}/{index}/{step}"), parents=True)

    def append(index: int) -> None:
        with fs.open(f"{url}/log", "ab") as file:
            for step in range(3):
                file.write(f"{index}.{step}\n".encode())
                file.flush(True)

    with ThreadPoolExecutor(12) as threads:
        done = [threads.submit(work, index) for index in range(6)]
        done += [threads.submit(append, index) for index in range(4)]
        home.admin("mkdir", f"{url}/by-the-command-line")
        for one in done:
            one.result()
    assert len(fs.find(url, withdirs=True)) == 1 + 6 * 5 + 1 + 1
    lines = fs.cat_file(f"{url}/log").decode().split()
    assert sorted(lines) == [f"{index}.{step}" for index in range(4) for step in range(3)]
    assert "good" in home.admin("verify", url)


def test_an_append_to_what_somebody_has_changed_is_told(
    signed_volume: str, fs: GdpFileSystem
) -> None:
    fs.pipe_file(f"{signed_volume}/contested", b"one")
    client = fs.client
    path = parse_path(f"{signed_volume}/contested")
    version = client.version(path)
    fs.pipe_file(f"{signed_volume}/contested", b"two")
    with pytest.raises(Changed):
        client.open_upload(path, {"kind": "append", "content": version.etag, "size": 4})


def test_what_was_signed_is_remembered_for_other_programs_and_a_child_signs_too(
    server: Server, signed_volume: str, tmp_path: Path
) -> None:
    home = homes(server, tmp_path, keys=True)
    client = Client(home=home)
    client.make_directory(parse_path(f"{signed_volume}/parent"), parents=False)
    name = client.volume(signed_volume[6:])["name"]
    (note,) = (home / "checkpoints" / name).glob("*.note")
    assert parse_checkpoint(note.read_bytes()).count == client.volume(signed_volume[6:])["count"]
    context = multiprocessing.get_context("fork")
    child = context.Process(
        target=client.make_directory,
        args=(parse_path(f"{signed_volume}/child"),),
        kwargs={"parents": False},
    )
    child.start()
    child.join()
    assert child.exitcode == 0
    assert client.stat(parse_path(f"{signed_volume}/child"))["kind"] == "directory"


def test_the_key_that_counts_is_the_newest(server: Server, tmp_path: Path) -> None:
    url = new_volume(server)
    old = homes(server, tmp_path, keys=True)
    before, after = Client(home=old), Client(home=server.admin.home)
    before.make_directory(parse_path(f"{url}/before"), parents=False)
    after.make_directory(parse_path(f"{url}/after"), parents=False)
    server.admin("volume", "key", "rotate", url)
    server.admin("volume", "key", "rotate", "--owner", url)
    after.make_directory(parse_path(f"{url}/rotated"), parents=False)
    with pytest.raises(NotPermitted, match="its writer key is not on this machine"):
        before.make_directory(parse_path(f"{url}/stolen"), parents=False)
    assert [entry["name"] for entry in after.entries(parse_path(url))] == [
        "after",
        "before",
        "rotated",
    ]


def test_a_change_goes_nowhere_but_where_it_is_for(
    signed_volume: str, volume: str, fs: GdpFileSystem
) -> None:
    fs.pipe_file(f"{signed_volume}/here", b"here")
    client = fs.client
    for change in (client.rename, client.copy):
        with pytest.raises(GdpfsError, match="it is in another volume"):
            change(parse_path(f"{signed_volume}/here"), parse_path(f"{volume}/there"))
    fs.mv(f"{signed_volume}/here", f"{volume}/there")
    fs.cp(f"{volume}/there", f"{signed_volume}/back")
    assert (fs.cat_file(f"{volume}/there"), fs.cat_file(f"{signed_volume}/back")) == (
        b"here",
        b"here",
    )
    assert not fs.exists(f"{signed_volume}/here")


def test_what_is_signed_here_is_proven_too(signed_volume: str, home: Server) -> None:
    proving = GdpFileSystem(prove=True)
    large = random.Random(2).randbytes(WHOLE_FILE_BYTES + 1)
    proving.pipe_file(f"{signed_volume}/proven/small", b"small")
    proving.pipe_file(f"{signed_volume}/proven/large", large)
    with proving.open(f"{signed_volume}/proven/small", "ab") as file:
        file.write(b" and more")
    proving.mv(f"{signed_volume}/proven/small", f"{signed_volume}/proven/moved")
    assert contents(proving, f"{signed_volume}/proven").keys() == {"", "large", "moved"}
    assert proving.cat_file(f"{signed_volume}/proven/moved") == b"small and more"
