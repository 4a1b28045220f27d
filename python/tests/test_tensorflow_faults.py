"""What goes wrong around TensorFlow: the code that it gets, the message, and that no byte is wrong or lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from gdpfs import renewal
from gdpfs.config import Home
from gdpfs.renewal import renew_if_due
from harness import Server, sign
from plugin_tables import Tables

gfile = tf.io.gfile


def write(path: str, content: bytes) -> None:
    with gfile.GFile(path, "wb") as file:
        file.write(content)


def read(path: str) -> bytes:
    with gfile.GFile(path, "rb") as file:
        content: bytes = file.read()
        return content


def numbered(count: int) -> list[bytes]:
    return [struct.pack("<Q", number) + os.urandom(20_000) for number in range(count)]


def test_an_epoch_goes_on_when_the_server_is_killed_and_started_again(own_home: Server) -> None:
    url = own_home.volume("train")
    shards = {f"{url}/{shard}": numbered(600) for shard in range(4)}
    for path, records in shards.items():
        with tf.io.TFRecordWriter(path) as writer:
            for record in records:
                writer.write(record)
    Tables().ops.filesystem.contents.flush_caches(None)
    found = []
    for record in tf.data.TFRecordDataset(list(shards)):
        found.append(record.numpy())
        if len(found) in (50, 1500):
            own_home.restart_later()
    assert found == [record for records in shards.values() for record in records]


def test_a_write_goes_on_when_the_server_is_killed_and_started_again(own_home: Server) -> None:
    path = own_home.volume("out") + "/large"
    pieces = [os.urandom(1_500_000) for _ in range(20)]
    with gfile.GFile(path, "wb") as file:
        for number, piece in enumerate(pieces):
            file.write(piece)
            if number == 8:
                own_home.restart_later()
    assert read(path) == b"".join(pieces)
    assert "good" in own_home.admin("verify", "gdp://out")


def test_a_damaged_chunk_is_data_loss_that_names_file_and_offset(own_home: Server) -> None:
    path = own_home.volume("rotten") + "/file"
    content = os.urandom(3_000_000)
    write(path, content)
    # Of a file whose size is not known before it is written.
    chunk = 1_048_576
    assert own_home.corrupt(content[chunk : 2 * chunk]) == 1
    Tables().ops.filesystem.contents.flush_caches(None)
    with pytest.raises(tf.errors.DataLossError) as failure:
        read(path)
    assert path in failure.value.message
    assert f"at offset {chunk}" in failure.value.message
    with gfile.GFile(path, "rb") as file:
        assert file.read(chunk) == content[:chunk], "what is good can be read"
    # An upload of the content heals it.
    write(path, content)
    assert read(path) == content


@pytest.fixture
def home_copy(home: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A login of this test's own, to be broken."""
    folder = tmp_path / "home"
    shutil.copytree(home.admin.home, folder)
    monkeypatch.setenv("GDPFS_HOME", str(folder))
    return folder


def change_profile(home: Path, **members: object) -> None:
    config = json.loads((home / "config.json").read_text())
    config["profiles"]["default"].update(members)
    (home / "config.json").write_text(json.dumps(config))


def test_without_a_login_the_error_says_how_to_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDPFS_HOME", str(tmp_path))
    with pytest.raises(tf.errors.UnauthenticatedError, match="gdpfs login"):
        gfile.exists("gdp://anything/at/all")


def test_an_unknown_profile_is_unauthenticated(
    volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDPFS_PROFILE", "nobody")
    with pytest.raises(tf.errors.UnauthenticatedError, match='profile "nobody"'):
        gfile.exists(volume)


def test_a_profile_that_wants_proofs_is_refused_and_not_read_without_them(
    volume: str, home_copy: Path
) -> None:
    change_profile(home_copy, prove=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match='without "prove": true'):
        gfile.exists(volume)
    change_profile(home_copy, prove=False)
    assert gfile.exists(volume)


def test_an_expired_certificate_is_unauthenticated_and_a_renewed_one_is_picked_up(
    home: Server, volume: str, home_copy: Path
) -> None:
    write(f"{volume}/file", b"content")
    sign(home, home_copy, start="20200101000000Z", end="20200201000000Z")
    with pytest.raises(tf.errors.UnauthenticatedError, match="gdpfs login") as failure:
        read(f"{volume}/file")
    assert "expired" in failure.value.message
    sign(home, home_copy, start="20200101000000Z", end="20400101000000Z")
    assert read(f"{volume}/file") == b"content"


def test_a_certificate_that_ends_soon_is_renewed_while_the_process_runs(
    home: Server, volume: str, home_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"{volume}/file", b"content")
    assert "gdpfs-renewal" in {thread.name for thread in threading.enumerate()}
    # The thread shall not be faster than the test.
    monkeypatch.setattr(renewal, "renew_if_due", lambda: None)
    soon = time.gmtime(time.time() + 24 * 3600)
    sign(home, home_copy, start="20200101000000Z", end=time.strftime("%Y%m%d%H%M%SZ", soon))
    certificate = Home(home_copy).profile().certificate
    before = certificate.read_text()
    # What the thread does each minute.
    renew_if_due()
    assert certificate.read_text() != before
    assert read(f"{volume}/file") == b"content"
    renewed = certificate.read_text()
    renew_if_due()
    assert certificate.read_text() == renewed, "once is enough"


def test_an_address_where_nothing_listens_is_unavailable(volume: str, home_copy: Path) -> None:
    change_profile(home_copy, url="https://127.0.0.1:1")
    with pytest.raises(tf.errors.UnavailableError, match="check the address of the profile"):
        gfile.exists(volume)


def test_a_server_with_another_authority_is_not_trusted(
    volume: str, own_server: Server, home_copy: Path
) -> None:
    change_profile(home_copy, url=own_server.url)
    with pytest.raises(tf.errors.UnauthenticatedError, match="log in again"):
        gfile.exists(volume)


def test_another_volume_under_a_known_alias_is_not_trusted(volume: str, home_copy: Path) -> None:
    alias = volume.removeprefix("gdp://")
    change_profile(home_copy, volumes={alias: "A" * 43})
    with pytest.raises(tf.errors.UnauthenticatedError, match="another volume"):
        gfile.exists(volume)


def test_an_alias_is_pinned_when_it_is_first_used(volume: str, home_copy: Path) -> None:
    assert gfile.isdir(volume)
    config = json.loads((home_copy / "config.json").read_text())
    name = config["profiles"]["default"]["volumes"][volume.removeprefix("gdp://")]
    assert gfile.isdir(f"gdp://{name}"), "a volume also has the name that certifies it"


def test_a_volume_of_somebody_else_is_permission_denied(
    home: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = home.new_user("reader")
    home.volume("private-one")
    monkeypatch.setenv("GDPFS_HOME", str(user.home))
    for use in (read, gfile.exists, gfile.makedirs, lambda path: write(path, b"x")):
        with pytest.raises(tf.errors.PermissionDeniedError, match="ask its owner"):
            use("gdp://private-one/file")


@pytest.mark.parametrize("path", ["gdp://UPPER/x", "gdp://a_b/x", f"gdp://{'a' * 33}/x"])
def test_what_is_no_volume_is_an_invalid_argument(home_copy: Path, path: str) -> None:
    assert home_copy.exists()
    with pytest.raises(tf.errors.InvalidArgumentError, match="no name of a volume"):
        gfile.exists(path)


def run_python(program: str, home: Server, *arguments: str) -> subprocess.Popen[str]:
    head = "import sys, os, gdpfs.tensorflow, tensorflow as tf\ngfile = tf.io.gfile\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**home.admin.environment, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )


def test_a_killed_writer_leaves_the_old_file_or_what_it_flushed(home: Server, volume: str) -> None:
    write(f"{volume}/old", b"old content")
    program = """
old = gfile.GFile(sys.argv[1] + "/old", "wb")
old.write(os.urandom(9_000_000)); old.flush()
new = gfile.GFile(sys.argv[1] + "/new", "wb")
new.write(b"first"); new.flush(); new.write(b"second")
hidden = gfile.GFile(sys.argv[1] + "/hidden", "wb")
hidden.write(os.urandom(9_000_000))
print("ready", flush=True)
sys.stdin.read()
"""
    process = run_python(program, home, volume)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read(f"{volume}/old") == b"old content"
    assert read(f"{volume}/new") == b"first"
    assert not gfile.exists(f"{volume}/hidden")


def test_a_file_that_was_never_closed_is_what_was_written(volume: str) -> None:
    file = gfile.GFile(f"{volume}/file", "w")
    file.write("content")
    del file
    assert read(f"{volume}/file") == b"content"


def test_files_work_after_a_fork_and_those_from_before_fail_loudly(
    home: Server, volume: str
) -> None:
    content = os.urandom(3_000_000)
    write(f"{volume}/file", content)
    program = """
path = sys.argv[1] + "/file"
reader = gfile.GFile(path, "rb"); reader.read(10)
writer = gfile.GFile(sys.argv[1] + "/parent", "wb"); writer.write(b"of the parent")
if os.fork() == 0:
    try:
        reader.read()
        print("read what belongs to the parent")
    except tf.errors.FailedPreconditionError as error:
        print(error.message)
    try:
        writer.write(b"of the child"); writer.close()
        print("wrote what belongs to the parent")
    except tf.errors.FailedPreconditionError as error:
        print(error.message)
    with gfile.GFile(sys.argv[1] + "/child", "wb") as copy:
        copy.write(gfile.GFile(path, "rb").read())
    print("done", flush=True)
    os._exit(0)
os.wait()
writer.close()
assert len(reader.read()) == 2_999_990
"""
    process = run_python(program, home, volume)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert output.count("open it again here") == 2, output
    assert output.endswith("done\n")
    assert read(f"{volume}/child") == content
    assert read(f"{volume}/parent") == b"of the parent"


def test_two_closes_are_one(volume: str) -> None:
    tables = Tables()
    outcome, handle = tables.open("new_writable_file", f"{volume}/file")
    assert outcome.code == 0
    assert tables.append(handle, b"content").code == 0
    assert [tables.on_writer("close", handle).code for _ in range(3)] == [0, 0, 0]
    tables.cleanup(handle)
    assert read(f"{volume}/file") == b"content"


def test_an_append_to_a_file_that_somebody_else_changed_is_aborted(
    home: Server, volume: str, tmp_path: Path
) -> None:
    write(f"{volume}/log", b"one")
    file = gfile.GFile(f"{volume}/log", "ab")
    file.write(b"two")
    (tmp_path / "other").write_bytes(b"other")
    home.admin("cp", tmp_path / "other", f"{volume}/log")
    with pytest.raises(tf.errors.AbortedError, match="not the one that the append continues"):
        file.close()
    assert read(f"{volume}/log") == b"other"


def test_what_is_removed_or_renamed_while_it_is_written_is_not_resurrected(volume: str) -> None:
    gone = gfile.GFile(f"{volume}/gone", "wb")
    gone.write(os.urandom(5_000_000))
    gfile.remove(f"{volume}/gone")
    gone.close()
    assert not gfile.exists(f"{volume}/gone")
    gfile.makedirs(f"{volume}/before")
    moved = gfile.GFile(f"{volume}/before/file", "wb")
    content = os.urandom(5_000_000)
    moved.write(content)
    gfile.rename(f"{volume}/before", f"{volume}/after")
    moved.write(b"end")
    moved.close()
    assert gfile.listdir(volume) == ["after"]
    assert read(f"{volume}/after/file") == content + b"end"


def test_more_files_are_written_at_once_than_there_are_connections(volume: str) -> None:
    files = [gfile.GFile(f"{volume}/{number}", "wb") for number in range(60)]
    contents = [os.urandom(1_200_000) for _ in files]
    for file, content in zip(files, contents, strict=True):
        file.write(content)
    for file in files:
        file.close()
    assert [read(f"{volume}/{number}") for number in range(60)] == contents


def test_a_program_may_end_while_something_is_fetched_ahead(home: Server, volume: str) -> None:
    write(f"{volume}/large", os.urandom(60_000_000))
    program = """
reader = gfile.GFile(sys.argv[1] + "/large", "rb")
reader.read(3_000_000)
unclosed = gfile.GFile(sys.argv[1] + "/unclosed", "wb")
unclosed.write(b"content")
print("done")
"""
    for _ in range(2):
        process = run_python(program, home, volume)
        output, errors = process.communicate()
        assert (process.returncode, output) == (0, "done\n"), errors
    assert read(f"{volume}/unclosed") == b"content"
