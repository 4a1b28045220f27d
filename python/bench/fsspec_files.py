"""
Measures fsspec on one large file: `fsspec_files.py VOLUME_URL LOCAL_FILE SERVER_PID [--only-ranges]`. The volume has it
under the same name. Prints one JSON object: bytes, and seconds of each thing, with the seconds of CPU that this process
and the server's took. Nothing is in the caches of the package at first; the local file is in those of the system.

One by one is what a program does that calls `cat_file(path, start, end)` in a loop, for the same ranges in the same
order as `cat_ranges` gets at once. The package's caches are on in both.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gdpfs.file_lookup import CLIENTS
from gdpfs.filesystem import GdpFileSystem

READ_BYTES = 4 * 1024 * 1024
RANGE_BYTES = 64 * 1024
RANGES = 1000
WRITE_BYTES = 200 * 1000 * 1000


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def server_seconds(pid: int) -> float:
    """Of CPU that the process has taken; 0 where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The program's name may hold spaces and parentheses; utime is the 12th field after it.
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def cold() -> GdpFileSystem:
    """Connected, and nothing in its caches."""
    CLIENTS.forget()
    fs = GdpFileSystem(skip_instance_cache=True)
    fs.ls("gdp://")
    return fs


def read_all(file: Any) -> None:
    target = bytearray(READ_BYTES)
    with file:
        while file.readinto(target):
            pass


def read_hashed(file: Any) -> None:
    digest = hashlib.sha256()
    with file:
        while part := file.read(READ_BYTES):
            digest.update(part)


def write_local(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())


def write_remote(fs: GdpFileSystem, url: str, data: bytes) -> None:
    view = memoryview(data)
    with fs.open(url, "wb") as file:
        for start in range(0, len(data), READ_BYTES):
            file.write(view[start : start + READ_BYTES])


def measure_ranges(url: str, size: int, server: int) -> dict[str, float]:
    chance = random.Random(1)
    starts = [chance.randrange(size - RANGE_BYTES) for _ in range(RANGES)]
    ends = [start + RANGE_BYTES for start in starts]

    def one_by_one(fs: GdpFileSystem) -> None:
        for start, end in zip(starts, ends, strict=True):
            fs.cat_file(url, start, end)

    def together(fs: GdpFileSystem) -> None:
        fs.cat_ranges([url] * RANGES, starts, ends, on_error="raise")

    result: dict[str, float] = {"ranges": RANGES}
    for name, action in {"oneByOne": one_by_one, "together": together}.items():
        fs = cold()
        before, server_before = time.process_time(), server_seconds(server)
        result[name] = seconds(lambda action=action, fs=fs: action(fs))  # type: ignore[misc]
        result[f"{name}Cpu"] = time.process_time() - before
        result[f"{name}ServerCpu"] = server_seconds(server) - server_before
    return result


def measure_files(url: str, local: Path) -> dict[str, float]:
    data = os.urandom(WRITE_BYTES)
    result: dict[str, float] = {"writeBytes": WRITE_BYTES}
    fs = cold()
    result["sequential"] = seconds(lambda: read_all(fs.open(url)))
    result["local"] = seconds(lambda: read_all(local.open("rb", buffering=0)))
    result["localHashed"] = seconds(lambda: read_hashed(local.open("rb", buffering=0)))
    fs = cold()
    result["write"] = seconds(lambda: write_remote(fs, f"{url}.written", data))
    result["localWrite"] = seconds(lambda: write_local(local.with_suffix(".written"), data))
    return result


def main(volume: str, local: Path, server: int, *, only_ranges: bool) -> dict[str, float]:
    url = f"{volume}/{local.name}"
    size = local.stat().st_size
    result = {"bytes": size, **measure_ranges(url, size, server)}
    return result if only_ranges else {**result, **measure_files(url, local)}


if __name__ == "__main__":
    only = "--only-ranges" in sys.argv
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), only_ranges=only)))
