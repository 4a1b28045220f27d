"""The examples do what they say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness import PROJECT, Server


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pandas", ""),
        ("datasets", "streamed: 2000 rows"),
        ("zarr", "0.0 now"),
        ("webdataset", "2000 samples, 200 of class 7"),
        ("pytorch", "200 pictures through 2 workers"),
    ],
)
def test_an_example_runs_and_says_what_it_found(
    home: Server, volume: str, name: str, expected: str
) -> None:
    if name == "pytorch":
        pytest.importorskip("torch", reason="PyTorch cannot be imported: its example was not run")
    program = PROJECT / "examples" / name / "main.py"
    done = subprocess.run(
        [sys.executable, str(program), f"{volume}/example", "--quick"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GDPFS_HOME": str(home.admin.home)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert expected in done.stdout
