"""
Measures fsspec reads of one large file: `fsspec_reads.py VOLUME_URL LOCAL_FILE`. The volume has it under the same name.
Prints one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fsspec

from gdpfs.filesystem import GdpFileSystem

READ_BYTES = 4 * 1024 * 1024
RANGE_BYTES = 64 * 1024
RANGES = 1000


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def read_all(open_file: Callable[[], object]) -> None:
    target = bytearray(READ_BYTES)
    with open_file() as file:  # type: ignore[attr-defined]
        while file.readinto(target):
            pass


def cold() -> GdpFileSystem:
    """Without anything in its caches."""
    from gdpfs import file_lookup

    file_lookup._clients.clear()
    fs: GdpFileSystem = fsspec.filesystem("gdp", skip_instance_cache=True)
    fs.ls("gdp://")
    return fs


def main(volume: str, local: Path) -> dict[str, float]:
    url = f"{volume}/{local.name}"
    size = local.stat().st_size
    chance = random.Random(1)
    starts = [chance.randrange(size - RANGE_BYTES) for _ in range(RANGES)]
    ends = [start + RANGE_BYTES for start in starts]

    def one_by_one(fs: GdpFileSystem) -> list[bytes]:
        return [fs.cat_file(url, start, end) for start, end in zip(starts, ends, strict=True)]

    def together(fs: GdpFileSystem) -> list[bytes]:
        return list(fs.cat_ranges([url] * RANGES, starts, ends, on_error="raise"))

    fs = cold()
    sequential = seconds(lambda: read_all(lambda: fs.open(url)))
    on_disk = seconds(lambda: read_all(lambda: local.open("rb", buffering=0)))
    digest = hashlib.sha256()
    hashed = seconds(lambda: read_hashed(local, digest))
    fs = cold()
    single = seconds(lambda: one_by_one(fs))
    fs = cold()
    batch = seconds(lambda: together(fs))
    return {
        "size": size,
        "sequentialSeconds": sequential,
        "localSeconds": on_disk,
        "localHashedSeconds": hashed,
        "oneByOneSeconds": single,
        "catRangesSeconds": batch,
    }


def read_hashed(local: Path, digest: hashlib._Hash) -> None:
    with local.open("rb", buffering=0) as file:
        while part := file.read(READ_BYTES):
            digest.update(part)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
