"""tf.data over gdp://: records, lines, shuffling readers, snapshots and caches."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from harness import Server, wait_until
from plugin_tables import Tables

gfile = tf.io.gfile


def records_of(seed: int, count: int, length: int = 5000) -> list[bytes]:
    """Records that say which they are, so that a missing or doubled one is seen."""
    source = random.Random(seed)
    return [struct.pack("<II", seed, i) + source.randbytes(length) for i in range(count)]


def write_records(path: str, records: list[bytes], compression: str = "") -> None:
    with tf.io.TFRecordWriter(path, options=compression) as writer:
        for record in records:
            writer.write(record)


def read_records(*paths: str, **options: object) -> list[bytes]:
    return [r.numpy() for r in tf.data.TFRecordDataset(list(paths), **options)]


def forget() -> None:
    """Drops what is cached in memory."""
    Tables().ops.filesystem.contents.flush_caches(None)


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_records_come_back_in_order(volume: str, compression: str) -> None:
    records = records_of(1, 3000)
    path = f"{volume}/train.tfrecord"
    write_records(path, records, compression)
    forget()
    for options in ({}, {"buffer_size": 1 << 20}, {"buffer_size": 0}):
        assert read_records(path, compression_type=compression, **options) == records


def test_interleaved_files_of_a_volume_that_is_cut_by_content(home: Server) -> None:
    home.volume("cut-data", chunking="cdc")
    shards = {f"gdp://cut-data/{i}.tfrecord": records_of(i, 400) for i in range(8)}
    for path, records in shards.items():
        write_records(path, records)
    forget()
    files = tf.data.Dataset.list_files("gdp://cut-data/*.tfrecord", shuffle=True)
    dataset = files.interleave(
        tf.data.TFRecordDataset, cycle_length=4, num_parallel_calls=tf.data.AUTOTUNE
    )
    found = sorted(record.numpy() for record in dataset.shuffle(100).prefetch(4))
    assert found == sorted(record for records in shards.values() for record in records)


def test_lines_and_whole_files(volume: str) -> None:
    lines = [f"line {i}" for i in range(10_000)]
    with gfile.GFile(f"{volume}/lines.txt", "w") as file:
        file.write("\n".join(lines))
    found = [line.numpy().decode() for line in tf.data.TextLineDataset(f"{volume}/lines.txt")]
    assert found == lines
    content = tf.io.read_file(f"{volume}/lines.txt").numpy()
    assert content == "\n".join(lines).encode()
    tf.io.write_file(f"{volume}/made/by/an/op", content)
    assert tf.io.read_file(f"{volume}/made/by/an/op").numpy() == content
    assert sorted(tf.io.matching_files(f"{volume}/*.txt").numpy()) == [
        f"{volume}/lines.txt".encode()
    ]


def test_fixed_length_records(volume: str) -> None:
    content = os.urandom(3_000_000)
    with gfile.GFile(f"{volume}/raw", "wb") as file:
        file.write(content)
    dataset = tf.data.FixedLengthRecordDataset(f"{volume}/raw", 1000, header_bytes=500_000)
    found = b"".join(record.numpy() for record in dataset)
    assert found == content[500_000:]


def test_a_constant_is_mapped_from_a_file(volume: str) -> None:
    values = tf.random.uniform([1000], seed=1).numpy()
    with gfile.GFile(f"{volume}/constant", "wb") as file:
        file.write(values.tobytes())
    found = tf.raw_ops.ImmutableConst(
        dtype=tf.float32, shape=[1000], memory_region_name=f"{volume}/constant"
    )
    assert (found.numpy() == values).all()


def test_32_threads_read_what_one_reads(volume: str) -> None:
    content = os.urandom(30_000_000)
    with gfile.GFile(f"{volume}/file", "wb") as file:
        file.write(content)
    forget()

    def read_some(seed: int) -> bool:
        places = random.Random(seed)
        with gfile.GFile(f"{volume}/file", "rb") as file:
            for _ in range(40):
                offset = places.randrange(len(content))
                length = places.choice([1, 20, 5000, 262_144, 3_000_000])
                file.seek(offset)
                if file.read(length) != content[offset : offset + length]:
                    return False
        return True

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(read_some, range(32)))
    # One file that all of them share.
    tables = Tables()
    outcome, handle = tables.open("new_random_access_file", f"{volume}/file")
    assert outcome.code == 0

    def read_shared(seed: int) -> bool:
        places = random.Random(seed)
        for _ in range(40):
            offset = places.randrange(len(content))
            found = tables.read_at(handle, offset, 100_000).value
            if found != content[offset : offset + 100_000]:
                return False
        return True

    with ThreadPoolExecutor(32) as threads:
        assert all(threads.map(read_shared, range(32)))
    tables.ops.reader.contents.cleanup(handle)


def test_holes_read_as_zeros(home: Server, volume: str, tmp_path: Path) -> None:
    local = tmp_path / "sparse"
    with local.open("wb") as file:
        file.write(b"begin")
        file.truncate(3_000_000)
        file.seek(5_000_000)
        file.write(b"middle")
        file.truncate(9_000_000)
    home.admin("cp", local, f"{volume}/sparse")
    with gfile.GFile(f"{volume}/sparse", "rb") as file:
        assert file.read() == local.read_bytes()
    # An append continues behind the hole at the end.
    with gfile.GFile(f"{volume}/sparse", "ab") as file:
        file.write(b"end")
    with gfile.GFile(f"{volume}/sparse", "rb") as file:
        assert file.read() == local.read_bytes() + b"end"


def test_a_read_that_is_too_long_for_the_memory_goes_past_it(
    own_home: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDPFS_MEMORY_SIZE", "16M")
    volume = own_home.volume("long")
    local = tmp_path / "sparse"
    with local.open("wb") as file:
        file.write(os.urandom(9_000_000))
        file.truncate(12_000_000)
        file.seek(13_000_000)
        file.write(os.urandom(9_000_000))
        file.truncate(25_000_000)
    content = local.read_bytes()
    own_home.admin("cp", local, f"{volume}/file")
    tables = Tables()
    _, handle = tables.open("new_random_access_file", f"{volume}/file")
    # Some of it is in memory, and is read from there.
    assert tables.read_at(handle, 3_000_000, 10).value == content[3_000_000:3_000_010]
    parts = [(0, 25_000_000), (5, 24_000_000), (1_000_000, 20_000_000), (11_000_000, 4_000_000)]

    def read_part(part: tuple[int, int]) -> bool:
        offset, length = part
        return tables.read_at(handle, offset, length).value == content[offset : offset + length]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read_part, parts * 4))
    # What is damaged is refused, wherever it goes.
    chunk = 262_144
    assert own_home.corrupt(content[20 * chunk : 21 * chunk]) == 1
    forget()
    outcome = tables.read_at(handle, 0, len(content))
    assert (outcome.code, outcome.value) == (tf.errors.DATA_LOSS, None)
    assert f"at offset {20 * chunk}" in outcome.message
    assert tables.read_at(handle, 21 * chunk, 3_000_000).value is not None
    tables.ops.reader.contents.cleanup(ctypes.byref(handle))


def test_a_data_set_is_cached_in_a_volume(volume: str) -> None:
    path = f"{volume}/cache/data"
    gfile.makedirs(f"{volume}/cache")
    source = tf.data.Dataset.range(5000).map(
        lambda x: tf.random.uniform([100]) + tf.cast(x, "float")
    )
    cached = source.cache(path)
    first = [value.numpy().tobytes() for value in cached]
    assert gfile.exists(path + ".index")
    again = [value.numpy().tobytes() for value in source.cache(path)]
    assert again == first


def test_a_snapshot_of_a_data_set_is_written_and_read(volume: str) -> None:
    def made() -> tf.data.Dataset:
        source = tf.data.Dataset.range(2000).map(
            lambda x: tf.random.uniform([50]) + tf.cast(x, "float")
        )
        return source.snapshot(f"{volume}/snapshot", compression="SNAPPY")

    first = sorted(value.numpy().tobytes() for value in made())
    again = sorted(value.numpy().tobytes() for value in made())
    assert again == first


def test_a_saved_data_set_is_loaded(volume: str) -> None:
    source = tf.data.Dataset.range(1000)
    source.save(f"{volume}/saved")
    loaded = tf.data.Dataset.load(f"{volume}/saved")
    assert sorted(int(value) for value in loaded) == list(range(1000))


def cached_files(folder: Path) -> list[Path]:
    """Those that are whole, in some order that stays."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and ".tmp-" not in file.name)


def cached_bytes(folder: Path) -> int:
    sizes = 0
    for file in cached_files(folder):
        # The plugin may remove it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            sizes += file.stat().st_size
    return sizes


def damage(files: list[Path]) -> None:
    """Flips a bit in some files, and cuts others."""
    for number, file in enumerate(files):
        damaged = bytearray(file.read_bytes())
        if number % 3 == 0:
            damaged[len(damaged) // 2] ^= 1
        elif number % 3 == 1:
            damaged = damaged[:-1]
        file.write_bytes(damaged)


def test_the_disk_cache_serves_what_memory_does_not_hold(
    volume: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GDPFS_CACHE_DIR", str(folder))
    monkeypatch.setenv("GDPFS_CACHE_SIZE", "20M")
    monkeypatch.setenv("GDPFS_MEMORY_SIZE", "16M")
    records = records_of(7, 2400)
    size = 2400 * (len(records[0]) + 16)
    write_records(f"{volume}/a", records)
    with gfile.GFile(f"{volume}/a", "rb") as file:
        content: bytes = file.read()
    tables = Tables()
    _, reader = tables.open("new_random_access_file", f"{volume}/a")

    def read_all() -> None:
        forget()
        assert read_records(f"{volume}/a") == records
        # Chunks that are read whole take a shorter way.
        assert tables.read_at(reader, 0, size).value == content
        wait_until(lambda: cached_bytes(folder) == size)

    read_all()
    # Whatever is wrong with a cached chunk, it is not handed out: not by the process that knows it by its seal,
    damage(cached_files(folder))
    read_all()
    damage(cached_files(folder))
    forget()
    assert tables.read_at(reader, 0, size).value == content
    wait_until(lambda: cached_bytes(folder) == size)
    # and not by another one, which finds it on the disk. Another size makes another client.
    damage(cached_files(folder))
    monkeypatch.setenv("GDPFS_CACHE_SIZE", "21M")
    read_all()
    monkeypatch.setenv("GDPFS_CACHE_SIZE", "20M")
    for number in range(4):
        write_records(f"{volume}/{number}", records_of(number, 2400))
        forget()
        assert len(read_records(f"{volume}/{number}")) == 2400
    wait_until(lambda: not list(folder.rglob("*.tmp-*")))
    wait_until(lambda: cached_bytes(folder) <= 20 * 1024**2 * (1 + 1 / 8))
    tables.ops.reader.contents.cleanup(ctypes.byref(reader))


def test_what_was_written_is_read_without_a_request(own_home: Server) -> None:
    path = own_home.volume("kept") + "/file"
    content = os.urandom(5_000_000)
    with gfile.GFile(path, "wb") as file:
        file.write(content)
    tables = Tables()
    _, reader = tables.open("new_random_access_file", path)
    own_home.kill()
    assert tables.read_at(reader, 0, len(content)).value == content
    tables.ops.reader.contents.cleanup(ctypes.byref(reader))


@pytest.mark.parametrize("size", ["much", "-1", "10X", "1.5G"])
def test_a_size_that_is_none_is_refused(
    volume: str, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("GDPFS_MEMORY_SIZE", size)
    with pytest.raises(tf.errors.InvalidArgumentError, match="GDPFS_MEMORY_SIZE"):
        gfile.exists(volume)
