"""PyTorch, where it can be imported: `npm run test:python` looks for an interpreter that can."""

from __future__ import annotations

import io
import pickle
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gdpfs.errors import GdpfsError
from gdpfs.filesystem import GdpFileSystem
from harness import Server

torch = pytest.importorskip(
    "torch", reason="PyTorch cannot be imported: data loaders and checkpoints were not tested"
)

SIZE = 4096
COUNT = 600
#: As PyTorch begins its workers.
METHODS = ["fork", "spawn", "forkserver"]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


class Samples(torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
    """A fixed part of a file for each index, by path or through a file that was opened before the workers began."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs = GdpFileSystem()
        self.file = self.fs.open(url)

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Any:
        if index % 2:
            part = self.fs.cat_file(self.url, index * SIZE, (index + 1) * SIZE)
        else:
            self.file.seek(index * SIZE)
            part = self.file.read(SIZE)
        return index, torch.frombuffer(bytearray(part), dtype=torch.uint8)


class Batches(Samples):
    """The same, a batch at a time: docs/python.md recommends it."""

    def __getitem__(self, indexes: list[int]) -> Any:  # type: ignore[override]
        starts = [index * SIZE for index in indexes]
        parts = self.fs.cat_ranges([self.url] * len(starts), starts, [at + SIZE for at in starts])
        rows = [torch.frombuffer(bytearray(part), dtype=torch.uint8) for part in parts]
        return torch.tensor(indexes), torch.stack(rows)


class Lines(torch.utils.data.IterableDataset):  # type: ignore[misc, name-defined]
    """Each worker reads its share of the files."""

    def __init__(self, urls: list[str]) -> None:
        self.urls = urls
        self.fs = GdpFileSystem()

    def __iter__(self) -> Iterator[int]:
        worker = torch.utils.data.get_worker_info()
        for url in self.urls[worker.id :: worker.num_workers]:
            with self.fs.open(url, "rt") as file:
                yield from map(int, file)


@pytest.fixture
def content(fs: GdpFileSystem, volume: str) -> bytes:
    data = random.Random(8).randbytes(SIZE * COUNT)
    fs.pipe_file(f"{volume}/samples", data)
    return data


def load(data_set: Any, method: str, **options: Any) -> Any:
    return torch.utils.data.DataLoader(
        data_set, num_workers=3, multiprocessing_context=method, **options
    )


def found_in(loader: Any) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for indexes, rows in loader:
        for index, row in zip(indexes.tolist(), rows, strict=True):
            assert index not in found
            found[index] = row.numpy().tobytes()
    return found


def parts_of(content: bytes) -> dict[int, bytes]:
    return {index: content[index * SIZE : (index + 1) * SIZE] for index in range(COUNT)}


@pytest.mark.parametrize("method", METHODS)
def test_a_data_loader_reads_with_several_workers(volume: str, content: bytes, method: str) -> None:
    data_set = Samples(f"{volume}/samples")
    # Connections and threads are in use when the workers begin.
    assert data_set[0][1].numpy().tobytes() == content[:SIZE]
    loader = load(data_set, method, batch_size=50, shuffle=True, persistent_workers=True)
    for _epoch in range(2):
        assert found_in(loader) == parts_of(content)


def test_a_data_loader_reads_a_batch_in_one_call(volume: str, content: bytes) -> None:
    order = torch.utils.data.RandomSampler(range(COUNT))
    batches = torch.utils.data.BatchSampler(order, batch_size=64, drop_last=False)
    loader = load(Batches(f"{volume}/samples"), "fork", sampler=batches, batch_size=None)
    assert found_in(loader) == parts_of(content)


@pytest.mark.parametrize("method", METHODS)
def test_an_iterable_data_set_is_shared_among_workers(
    fs: GdpFileSystem, volume: str, method: str
) -> None:
    urls = [f"{volume}/lines-{number}" for number in range(5)]
    for number, url in enumerate(urls):
        fs.pipe_file(url, "".join(f"{number * 100 + line}\n" for line in range(100)).encode())
    batches = list(load(Lines(urls), method, batch_size=10))
    assert sorted(torch.cat(batches).tolist()) == list(range(500))


def test_an_error_in_a_worker_reaches_the_program(volume: str, content: bytes) -> None:
    data_set = Samples(f"{volume}/samples")
    data_set.url = f"{volume}/missing"
    with pytest.raises((FileNotFoundError, RuntimeError), match="missing"):
        list(load(data_set, "fork", batch_size=50))


def test_a_data_set_is_pickled_with_its_open_file(volume: str, content: bytes) -> None:
    data_set = pickle.loads(pickle.dumps(Samples(f"{volume}/samples")))
    for index in (0, 1):
        assert data_set[index][1].numpy().tobytes() == content[index * SIZE :][:SIZE]


def test_a_checkpoint_is_saved_and_loaded(fs: GdpFileSystem, volume: str) -> None:
    torch.manual_seed(5)
    model = torch.nn.Linear(1000, 3000)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1000)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 7}
    with fs.open(f"{volume}/state.pt", "wb") as file:
        torch.save(state, file)
    # Random access: PyTorch looks for the directory at the end of the file first.
    with fs.open(f"{volume}/state.pt") as file:
        loaded = torch.load(file, map_location="cpu")
    assert loaded["epoch"] == 7
    for name, tensor in state["model"].items():
        assert torch.equal(loaded["model"][name], tensor)
    fresh = torch.optim.Adam(torch.nn.Linear(1000, 3000).parameters())
    fresh.load_state_dict(loaded["optimizer"])


def test_a_save_that_fails_leaves_the_checkpoint_before_it(fs: GdpFileSystem, volume: str) -> None:
    with fs.open(f"{volume}/state.pt", "wb") as file:
        torch.save({"epoch": 1}, file)
    cannot_be_pickled = pytest.raises((AttributeError, pickle.PicklingError))
    with cannot_be_pickled, fs.open(f"{volume}/state.pt", "wb") as file:
        torch.save({"epoch": 2, "function": lambda: None}, file)
    with fs.open(f"{volume}/state.pt") as file:
        assert torch.load(file) == {"epoch": 1}


def test_web_datasets_feed_a_data_loader(fs: GdpFileSystem, volume: str) -> None:
    webdataset = pytest.importorskip("webdataset", reason="WebDataset cannot be imported")
    for number in range(4):
        memory = io.BytesIO()
        with tarfile.open(fileobj=memory, mode="w") as tar:
            for sample in range(50):
                info = tarfile.TarInfo(f"{number}-{sample:03}.cls")
                text = str(number * 50 + sample).encode()
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        fs.pipe_file(f"{volume}/shard-{number}.tar", memory.getvalue())
    webdataset.gopen_schemes["gdp"] = lambda url, *_: GdpFileSystem().open(url)
    data_set = webdataset.WebDataset(
        f"{volume}/shard-{{0..3}}.tar", shardshuffle=False, nodesplitter=None
    )
    loader = torch.utils.data.DataLoader(
        data_set.decode().to_tuple("cls"), num_workers=2, batch_size=None
    )
    assert sorted(number for (number,) in loader) == list(range(200))


def test_writing_belongs_to_the_process_that_opened_the_file(
    fs: GdpFileSystem, volume: str
) -> None:
    with fs.open(f"{volume}/out", "wb") as file, pytest.raises((TypeError, GdpfsError)):
        pickle.dumps(file)


def test_mosaicml_streaming_reads_what_sync_brought(
    home: Server, volume: str, tmp_path: Path
) -> None:
    streaming = pytest.importorskip(
        "streaming", reason="MosaicML Streaming cannot be imported: its recipe was not run"
    )
    written, local = tmp_path / "written", tmp_path / "local"
    columns = {"number": "int", "bytes": "bytes"}
    with streaming.MDSWriter(out=str(written), columns=columns, size_limit=1 << 18) as out:
        for number in range(500):
            out.write({"number": number, "bytes": bytes([number % 256]) * 1000})
    home.admin("sync", written, f"{volume}/mds")
    home.admin("sync", f"{volume}/mds", local)
    samples = streaming.StreamingDataset(local=str(local), shuffle=True, batch_size=10)
    found = {sample["number"]: sample["bytes"] for sample in samples}
    assert found == {number: bytes([number % 256]) * 1000 for number in range(500)}
