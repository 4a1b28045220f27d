"""The plugin's C++ under sanitizers: against the real server, with 32 threads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness import Server

PACKAGE = Path(__file__).parents[1]


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_no_sanitizer_finds_anything(home: Server, any_volume: str, sanitizer: str) -> None:
    subprocess.run(
        ["make", "-C", PACKAGE / "native", "--quiet", "stress", f"SANITIZER={sanitizer}"],
        check=True,
    )
    done = subprocess.run(
        [PACKAGE / f"build/native/stress-{sanitizer}", any_volume],
        env={**home.admin.environment, "GDPFS_MEMORY_SIZE": "16M"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
