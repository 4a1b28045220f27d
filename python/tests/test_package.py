"""The package as it is installed: from a wheel, in an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import fsspec
import pytest

import gdpfs
from gdpfs.filesystem import GdpFileSystem
from harness import PROJECT, Server

PROGRAM = """
import sys, gdpfs
from gdpfs.paths import parse_path
from gdpfs.ranges import read_ranges
from gdpfs.writing import write_whole
client = gdpfs.Client()
write_whole(client, parse_path(sys.argv[1]), b"written without Node")
print(gdpfs.__version__, read_ranges(client, parse_path(sys.argv[1]), [(0, 7)], None)[0].decode())
try:
    gdpfs.GdpFileSystem
except ImportError as error:
    print(error)
"""


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_source(to: Path) -> Path:
    """What is built leaves things in the source."""
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "tests")
    return Path(shutil.copytree(PROJECT / "python", to / "source", ignore=ignored))


def test_an_editable_installation_has_the_hook_for_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_source(tmp_path))
    program = "from setuptools.build_meta import build_editable; build_editable(sys.argv[1])"
    run(sys.executable, "-c", f"import sys; {program}", tmp_path, GDPFS_BUILD_TENSORFLOW="0")
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "gdpfs-tensorflow.pth" in names
    assert any(name.startswith("__editable__") for name in names)


def test_a_wheel_works_in_an_environment_that_has_nothing_else(
    home: Server, volume: str, tmp_path: Path
) -> None:
    wheels, source = tmp_path / "wheels", copy_source(tmp_path)
    build = ["--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source]
    # The plugin takes long to build; test_tensorflow_plugin.py looks at a wheel that has it.
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *build, GDPFS_BUILD_TENSORFLOW="0")
    (wheel,) = wheels.iterdir()
    assert "gdpfs/py.typed" in zipfile.ZipFile(wheel).namelist()
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", wheel)
    nowhere = str(tmp_path / "venv/bin")
    printed = run(python, "-c", PROGRAM, f"{volume}/file", PATH=nowhere).splitlines()
    assert printed[0] == f"{gdpfs.__version__} written"
    assert "fsspec" in printed[1]


def test_fsspec_finds_the_file_system_by_its_scheme(home: Server) -> None:
    specs = entry_points(group="fsspec.specs")
    assert "gdpfs.filesystem:GdpFileSystem" in [spec.value for spec in specs]
    assert isinstance(fsspec.filesystem("gdp"), GdpFileSystem)
    assert fsspec.core.url_to_fs("gdp://v/a/b") == (GdpFileSystem(), "v/a/b")
    assert gdpfs.GdpFileSystem is GdpFileSystem
