"""Measures TensorFlow over gdp:// beside the local disk; `npm run bench -- --only tensorflow` runs it.

`tensorflow_files.py STEP VOLUME FOLDER`, each step in a process of its own, so that nothing is in
memory that it did not put there itself. Prints JSON: seconds by name, those of this process's CPU
time by the name and `Cpu`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401

RECORD_BYTES = 100_000
CHECKPOINT_BYTES = 200_000_000


def measure(name: str, action: Callable[[], object]) -> dict[str, float]:
    start, cpu_start = time.perf_counter(), time.process_time()
    kept = action()
    figures = {name: time.perf_counter() - start, f"{name}Cpu": time.process_time() - cpu_start}
    del kept
    return figures


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: sorted(one[name] for one in rounds)[len(rounds) // 2] for name in rounds[0]}


def epoch(files: list[str], expected: int) -> object:
    """
    What is to be dropped later: an iterator's end may wait for the thread of TensorFlow's autotuning, which sleeps for
    10 ms, 20, 40 and so on; then an epoch takes 0.33 seconds, or 0.65, or 1.29, whatever is read.
    """
    batches = iter(tf.data.TFRecordDataset(files).map(tf.strings.length).batch(64))
    total = sum(int(tf.reduce_sum(lengths)) for lengths in batches)
    assert total == expected, "records are missing"
    return batches


def forget_cached(folder: Path) -> None:
    """The system reads these files from the disk next time."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def write(folder: Path, size: int) -> dict[str, float]:
    """Files of records for the others to read, with content that was never stored before."""
    source = np.random.default_rng()
    folder.mkdir()
    for number in range(4):
        with tf.io.TFRecordWriter(str(folder / f"{number}.tfrecord")) as writer:
            for _ in range(size // 4 // RECORD_BYTES):
                writer.write(source.bytes(RECORD_BYTES))
    return {}


def read(url: str, folder: Path, begins: str, stores: list[Path]) -> dict[str, float]:
    """An epoch over nothing that is cached anywhere, and three that follow; `local` or `remote` begins."""
    names = sorted(path.name for path in folder.iterdir())
    expected = sum(
        (folder / name).stat().st_size // (RECORD_BYTES + 16) * RECORD_BYTES for name in names
    )
    local = [str(folder / name) for name in names]
    remote = [f"{url}/{name}" for name in names]
    # Whatever TensorFlow does at its first use.
    epoch(local[:1], expected // len(names))
    for place in [folder, *stores]:
        forget_cached(place)

    def both(name_local: str, name_remote: str) -> dict[str, float]:
        pair = [(name_local, local), (name_remote, remote)]
        found: dict[str, float] = {}
        for name, files in pair if begins == "local" else reversed(pair):
            found |= measure(name, lambda: epoch(files, expected))  # noqa: B023
        return found

    first = both("cold", "first")
    return first | medians([both("local", "warm") for _ in range(3)]) | {"bytes": expected}


def checkpoint_of(value: np.ndarray[Any, Any]) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(value=tf.Variable(value))


def save(url: str, folder: Path) -> dict[str, float]:
    """A checkpoint goes to the disk, durably, and comes back; the same for the volume."""
    # Content that was never stored before.
    checkpoint = checkpoint_of(np.random.default_rng().random(CHECKPOINT_BYTES // 8))
    folder.mkdir(exist_ok=True)

    def durable() -> None:
        checkpoint.write(str(folder / "local"))
        for path in folder.iterdir():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    tf.train.Checkpoint(small=tf.Variable(1)).write(f"{url}/small")
    return (
        measure("localSave", durable)
        | measure("save", lambda: checkpoint.write(f"{url}/checkpoint"))
        | measure("localRestore", lambda: checkpoint.read(str(folder / "local")))
        | measure("restore", lambda: checkpoint.read(f"{url}/checkpoint"))
        | {"bytes": CHECKPOINT_BYTES}
    )


def restore(url: str, folder: Path) -> dict[str, float]:
    """What `save` has left, in a process that has none of it. The system has the local files in its cache."""
    checkpoint = checkpoint_of(np.zeros(CHECKPOINT_BYTES // 8))
    tf.train.Checkpoint(small=tf.Variable(1)).read(f"{url}/small")
    return measure("localRestore", lambda: checkpoint.read(str(folder / "local"))) | measure(
        "restore", lambda: checkpoint.read(f"{url}/checkpoint")
    )


def main() -> None:
    step, url, folder, *rest = sys.argv[1:]
    if step == "write":
        found = write(Path(folder), int(rest[0]))
    elif step == "read":
        found = read(url, Path(folder), rest[0], [Path(place) for place in rest[1:]])
    elif step == "save":
        found = save(url, Path(folder))
    else:
        found = restore(url, Path(folder))
    print(json.dumps(found))


main()
