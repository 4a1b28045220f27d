"""The plugin's C++ under sanitizers: against the real server, with 32 threads."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness import Server

PACKAGE = Path(__file__).parents[1]


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_no_sanitizer_finds_anything(home: Server, sanitizer: str) -> None:
    subprocess.run(
        ["make", "-C", PACKAGE / "native", "--quiet", "stress", f"SANITIZER={sanitizer}"],
        check=True,
    )
    for chunking in ("fixed", "cdc"):
        volume = home.volume(f"{sanitizer}-{chunking}", chunking=chunking)
        done = subprocess.run(
            [PACKAGE / f"build/native/stress-{sanitizer}", volume],
            env={**home.admin.environment, "GDPFS_MEMORY_SIZE": "16M"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""


def test_the_error_table_is_that_of_the_api() -> None:
    row = r'^\s*\{"?(\w+)"?, TF_\w+, (true|false)\}'
    ours = re.findall(row, (PACKAGE / "native/src/error.cc").read_text(), re.MULTILINE)
    table = (PACKAGE.parent / "src/base/errors.ts").read_text()
    theirs = re.findall(r"^  (\w+): \{ status: \d+, .*?retry: (true|false)", table, re.MULTILINE)
    assert ours == theirs
