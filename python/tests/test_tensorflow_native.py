"""The plugin's C++ under sanitizers: against the real server, with 32 threads."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from between import Between, Stream, plain
from gdpfs.limits import NEAR_ANSWER_SECONDS
from harness import Past, Server
from test_faults import copy_home

PACKAGE = Path(__file__).parents[1]


def make(sanitizer: str) -> Path:
    (PACKAGE / "build").mkdir(exist_ok=True)
    # Tests in other processes may want the same program.
    with (PACKAGE / f"build/stress-{sanitizer}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jobs = f"-j{os.cpu_count() or 1}"
        subprocess.run(
            ["make", "-C", PACKAGE / "native", "--quiet", jobs, "stress", f"SANITIZER={sanitizer}"],
            check=True,
        )
    return PACKAGE / f"build/native/stress-{sanitizer}"


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_no_sanitizer_finds_anything(home: Server, sanitizer: str) -> None:
    program = make(sanitizer)
    for chunking in ("fixed", "cdc"):
        volume = home.volume(f"{sanitizer}-{chunking}", chunking=chunking)
        done = subprocess.run(
            [program, volume],
            env={**home.admin.environment, "GDPFS_MEMORY_SIZE": "16M"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_a_server_that_is_set_back_while_it_is_used_is_refused(
    own_home: Server, tmp_path: Path
) -> None:
    volume = own_home.volume("v")
    (tmp_path / "file").write_bytes(b"content")
    own_home.admin("cp", tmp_path / "file", f"{volume}/file")
    past = Past(own_home, tmp_path)
    own_home.admin("mkdir", f"{volume}/later")
    program = subprocess.Popen(
        [make("address"), f"{volume}/file"],
        env=own_home.admin.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n", program.communicate()[1]
    past.come_back()
    _, errors = program.communicate("\n")
    assert program.returncode == 0, errors


def test_a_server_is_near_if_it_answers_soon_and_not_because_something_before_it_is(
    home: Server, tmp_path: Path
) -> None:
    def slowly(stream: Stream, head: list[str], body: bytes) -> bool:
        time.sleep(2 * NEAR_ANSWER_SECONDS)
        return plain(stream, head, body)

    def watch(own: Path, expected: str) -> None:
        environment = {**home.admin.environment, "GDPFS_HOME": str(own)}
        command = [make("address"), home.volume(expected), expected]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    watch(home.admin.home, "near")
    own = copy_home(home, tmp_path)
    with Between(home, slowly) as between:
        between.use_in(own)
        watch(own, "far")


def test_the_error_table_is_that_of_the_api() -> None:
    row = r'^\s*\{"?(\w+)"?, TF_\w+, (true|false)\}'
    ours = re.findall(row, (PACKAGE / "native/src/error.cc").read_text(), re.MULTILINE)
    table = (PACKAGE.parent / "src/base/errors.ts").read_text()
    theirs = re.findall(r"^  (\w+): \{ status: \d+, .*?retry: (true|false)", table, re.MULTILINE)
    assert ours == theirs
