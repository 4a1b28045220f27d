"""The examples do what they say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from harness import PROJECT, Server

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="PyTorch cannot be imported: its example was not run",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pandas", ""),
        ("datasets", "streamed: 2000 rows"),
        ("zarr", "0.0 now"),
        ("webdataset", "2000 samples, 200 of class 7"),
        pytest.param("pytorch", "", marks=needs_torch),
    ],
)
def test_an_example_runs_and_says_what_it_found(
    home: Server, volume: str, name: str, expected: str
) -> None:
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
