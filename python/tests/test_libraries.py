"""The libraries that people read and write data with, unmodified."""

from __future__ import annotations

import io
import multiprocessing
import random
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest
import zarr
from zarr.storage import FsspecStore

from gdpfs.filesystem import GdpFileSystem
from harness import Server

ROWS = 100_000


@pytest.fixture
def table() -> pd.DataFrame:
    numbers = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": range(ROWS),
            "value": numbers.random(ROWS),
            "name": [f"name {number % 97}" for number in range(ROWS)],
        }
    )


def test_pandas_writes_and_reads_csv(volume: str, table: pd.DataFrame) -> None:
    table.to_csv(f"{volume}/new/table.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(f"{volume}/new/table.csv"), table)
    parts = pd.read_csv(f"{volume}/new/table.csv", chunksize=30_000)
    assert [len(part) for part in parts] == [30_000, 30_000, 30_000, 10_000]
    table.to_csv(f"{volume}/table.csv.gz", index=False)
    pd.testing.assert_frame_equal(pd.read_csv(f"{volume}/table.csv.gz"), table)


def test_pandas_appends_to_csv(volume: str) -> None:
    pd.DataFrame({"a": [1]}).to_csv(f"{volume}/log.csv", index=False)
    for number in (2, 3):
        frame = pd.DataFrame({"a": [number]})
        frame.to_csv(f"{volume}/log.csv", index=False, header=False, mode="a")
    assert list(pd.read_csv(f"{volume}/log.csv")["a"]) == [1, 2, 3]


def test_pandas_writes_and_reads_parquet_and_pickle(volume: str, table: pd.DataFrame) -> None:
    table.to_parquet(f"{volume}/table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(f"{volume}/table.parquet"), table)
    column = pd.read_parquet(f"{volume}/table.parquet", columns=["value"])
    pd.testing.assert_frame_equal(column, table[["value"]])
    table.to_pickle(f"{volume}/table.pickle")
    pd.testing.assert_frame_equal(pd.read_pickle(f"{volume}/table.pickle"), table)


def test_pyarrow_reads_and_writes_partitioned_data_sets(
    fs: GdpFileSystem, volume: str, table: pd.DataFrame
) -> None:
    data = pa.Table.from_pandas(table)
    pa.dataset.write_dataset(
        data, f"{volume[6:]}/set", format="parquet", partitioning=["name"], filesystem=fs
    )
    read = pa.dataset.dataset(f"{volume[6:]}/set", partitioning=["name"], filesystem=fs)
    assert read.count_rows() == ROWS
    some = read.to_table(filter=pa.dataset.field("name") == "name 5", columns=["id"])
    assert sorted(some["id"].to_pylist()) == [number for number in range(ROWS) if number % 97 == 5]


def test_pyarrow_takes_urls_with_its_prefix_for_fsspec(volume: str, table: pd.DataFrame) -> None:
    data = pa.Table.from_pandas(table)
    pa.parquet.write_table(data, f"fsspec+{volume}/table.parquet")
    assert pa.parquet.read_table(f"fsspec+{volume}/table.parquet").equals(data)
    found, path = pa.fs.FileSystem.from_uri(f"fsspec+{volume}/table.parquet")
    assert found.get_file_info(path).size > 0
    wrapped = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(GdpFileSystem()))
    selected = wrapped.get_file_info(pa.fs.FileSelector(volume[6:], recursive=True))
    assert [info.path for info in selected] == [f"{volume[6:]}/table.parquet"]


def test_hugging_face_datasets_are_saved_loaded_and_streamed(
    tmp_path: Any, fs: GdpFileSystem, volume: str, table: pd.DataFrame
) -> None:
    data = datasets.Dataset.from_pandas(table)
    data.save_to_disk(f"{volume}/saved", num_shards=3)
    loaded = datasets.load_from_disk(f"{volume}/saved")
    assert loaded[77777] == data[77777]
    table.to_parquet(f"{volume}/parts/0.parquet")
    table.to_parquet(f"{volume}/parts/1.parquet")
    files = [f"{volume}/parts/0.parquet", f"{volume}/parts/1.parquet"]
    cache = str(tmp_path)
    local = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    assert len(local) == 2 * ROWS
    stream = datasets.load_dataset(
        "parquet", data_files=files, split="train", streaming=True, cache_dir=cache
    )
    assert next(iter(stream.skip(ROWS + 5)))["id"] == 5


def test_zarr_stores_arrays(home: Server, fs: GdpFileSystem, volume: str) -> None:
    values = np.arange(1_000_000, dtype="f4").reshape(1000, 1000)
    store = FsspecStore.from_url(f"{volume}/array.zarr")
    array = zarr.create_array(store, name="a", shape=(1000, 1000), chunks=(100, 250), dtype="f4")
    array[:] = values
    array[10:20, :] = -1
    expected = values.copy()
    expected[10:20, :] = -1
    read = zarr.open_array(f"{volume}/array.zarr", path="a", mode="r")
    assert np.array_equal(read[:], expected)
    assert np.array_equal(read[5:15, 240:260], expected[5:15, 240:260])
    group = zarr.open_group(FsspecStore.from_url(f"{volume}/array.zarr"), mode="a")
    assert [name for name, _ in group.arrays()] == ["a"]
    del group["a"]
    assert not fs.exists(f"{volume}/array.zarr/a")


def test_numpy_saves_and_loads(fs: GdpFileSystem, volume: str) -> None:
    values = np.random.default_rng(2).random((512, 512))
    with fs.open(f"{volume}/values.npy", "wb") as file:
        np.save(file, values)
    with fs.open(f"{volume}/values.npy") as file:
        assert np.array_equal(np.load(file), values)


class Samples:
    """What a PyTorch map-style data set is: it reads a fixed part of a file for each index, in any process."""

    SIZE = 4096

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self.count = count
        self.fs = GdpFileSystem()
        self.file = self.fs.open(url)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> bytes:
        if index % 2:
            return bytes(self.fs.cat_file(self.url, index * self.SIZE, (index + 1) * self.SIZE))
        self.file.seek(index * self.SIZE)
        return bytes(self.file.read(self.SIZE))


@pytest.fixture
def samples(volume: str, fs: GdpFileSystem) -> Iterator[tuple[Samples, bytes]]:
    data = random.Random(8).randbytes(Samples.SIZE * 600)
    fs.pipe_file(f"{volume}/samples", data)
    yield Samples(f"{volume}/samples", 600), data


def load_batch(samples: Samples, indexes: list[int]) -> list[bytes]:
    return [samples[index] for index in indexes]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_of_a_data_loader_read_their_samples(
    samples: tuple[Samples, bytes], method: str
) -> None:
    """As PyTorch does it (test_pytorch.py): the data set travels to workers that were just begun."""
    data_set, data = samples
    order = random.Random(9).sample(range(len(data_set)), len(data_set))
    batches = [order[start : start + 50] for start in range(0, len(order), 50)]
    data_set[0]
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context(method)) as workers:
        results = list(workers.map(load_batch, [data_set] * len(batches), batches))
    for batch, result in zip(batches, results, strict=True):
        for index, sample in zip(batch, result, strict=True):
            assert sample == data[index * Samples.SIZE : (index + 1) * Samples.SIZE]


def make_shard(count: int) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        for number in range(count):
            for extension, content in (("txt", f"text {number}"), ("cls", str(number % 10))):
                info = tarfile.TarInfo(f"{number:06}.{extension}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
    return memory.getvalue()


def test_web_datasets_are_read_through_fsspec_and_through_the_command_line(
    home: Server, fs: GdpFileSystem, volume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webdataset

    for number in range(2):
        fs.pipe_file(f"{volume}/shard-{number}.tar", make_shard(100))
    # A scheme that WebDataset does not know is a function of the program's.
    webdataset.gopen_schemes["gdp"] = lambda url, *_: GdpFileSystem().open(url)
    urls = f"{volume}/shard-{{0..1}}.tar"
    found = list(webdataset.WebDataset(urls, shardshuffle=False).decode())
    assert [sample["txt"] for sample in found] == [f"text {n}" for n in range(100)] * 2
    for name, value in home.admin.environment.items():
        monkeypatch.setenv(name, value)
    pipe = f"pipe:{home.admin.command} cat {volume}/shard-0.tar"
    found = list(webdataset.WebDataset(pipe, shardshuffle=False).decode())
    assert [sample["cls"] for sample in found] == [n % 10 for n in range(100)]


def test_web_datasets_are_read_over_plain_https(
    home: Server, fs: GdpFileSystem, volume: str
) -> None:
    import webdataset

    fs.pipe_file(f"{volume}/shard.tar", make_shard(50))
    profile = json_profile(home)
    options = " ".join(f"--{option} {profile[key]}" for option, key in CURL_OPTIONS.items())
    url = f"{profile['url']}/api/v1/storage/files?path=/{volume[6:]}/shard.tar"
    pipe = f"pipe:curl --silent --fail --retry 3 {options} '{url}'"
    found = list(webdataset.WebDataset(pipe, shardshuffle=False).decode())
    assert [sample["txt"] for sample in found] == [f"text {n}" for n in range(50)]


CURL_OPTIONS = {"cacert": "ca", "cert": "certificate", "key": "key"}


def json_profile(home: Server) -> dict[str, str]:
    from gdpfs.config import Home

    profile = Home(home.admin.home).profile()
    return {name: str(getattr(profile, name)) for name in ("url", *CURL_OPTIONS.values())}
