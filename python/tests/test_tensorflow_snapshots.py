"""TensorFlow reads a named state of a volume: always the same data, whatever happens in it."""

from __future__ import annotations

import pytest
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from gdpfs.filesystem import GdpFileSystem
from harness import Server

gfile = tf.io.gfile
LARGE = bytes(range(256)) * 4096 * 3


@pytest.fixture
def pinned(home: Server, volume: str) -> str:
    """URL of the snapshot `v1.0` of a volume that has changed since."""
    fs = GdpFileSystem()
    fs.pipe_file(f"{volume}/train/sub/large", LARGE)
    with tf.io.TFRecordWriter(f"{volume}/train/0.tfrecord") as writer:
        for number in range(5):
            writer.write(b"old %d" % number)
    home.admin("snapshot", "create", volume, "v1.0")
    with tf.io.TFRecordWriter(f"{volume}/train/0.tfrecord") as writer:
        writer.write(b"new")
    fs.rm(f"{volume}/train/sub", recursive=True)
    fs.pipe_file(f"{volume}/train/1.tfrecord", b"")
    return f"{volume}@v1.0"


def test_data_sets_and_names_are_those_of_the_snapshot(
    home: Server, volume: str, pinned: str
) -> None:
    files = f"{pinned}/train/*.tfrecord"
    assert gfile.glob(files) == [f"{pinned}/train/0.tfrecord"]
    records = tf.data.TFRecordDataset(tf.data.Dataset.list_files(files, shuffle=False))
    assert [*records.as_numpy_iterator()] == [b"old %d" % number for number in range(5)]
    assert sorted(gfile.listdir(f"{pinned}/train")) == ["0.tfrecord", "sub"]
    assert [*gfile.walk(f"{pinned}/train/sub")] == [(f"{pinned}/train/sub", [], ["large"])]
    assert gfile.stat(f"{pinned}/train/sub/large").length == len(LARGE)
    with gfile.GFile(f"{pinned}/train/sub/large", "rb") as file:
        file.seek(1_000_000)
        assert file.read() == LARGE[1_000_000:]
    assert not gfile.exists(f"{pinned}/train/1.tfrecord")
    # Without it, they are those of now; a seq pins a path as well.
    assert [*tf.data.TFRecordDataset(f"{volume}/train/0.tfrecord").as_numpy_iterator()] == [b"new"]
    seq = home.admin("snapshot", "ls", "--json", volume).split('"seq":')[1].split(",")[0]
    by_seq = tf.data.TFRecordDataset(f"{volume}@{seq}/train/0.tfrecord")
    assert len([*by_seq]) == 5


def test_it_can_be_copied_from_and_not_changed(volume: str, pinned: str) -> None:
    gfile.copy(f"{pinned}/train/sub/large", f"{volume}/copied")
    assert gfile.stat(f"{volume}/copied").length == len(LARGE)
    path = f"{pinned}/train/0.tfrecord"
    for change in (
        lambda: gfile.remove(path),
        lambda: gfile.rmtree(f"{pinned}/train"),
        lambda: gfile.rename(path, f"{volume}/moved"),
        lambda: gfile.rename(f"{volume}/train/0.tfrecord", path, overwrite=True),
        lambda: gfile.copy(f"{volume}/copied", path, overwrite=True),
        lambda: gfile.mkdir(f"{pinned}/new"),
        lambda: gfile.GFile(path, "w").write("x"),
        lambda: gfile.GFile(path, "a").write("x"),
    ):
        with pytest.raises(tf.errors.PermissionDeniedError, match="a state of the past"):
            change()
    assert len([*tf.data.TFRecordDataset(path)]) == 5


def test_a_name_that_there_is_not_is_not_found(volume: str) -> None:
    with pytest.raises(tf.errors.NotFoundError, match='snapshot "v2"'):
        gfile.GFile(f"{volume}@v2/a").read()
    assert not gfile.exists(f"{volume}@v2/a")
    with pytest.raises(tf.errors.OpError, match="neither the name of a snapshot nor a seq"):
        gfile.GFile(f"{volume}@V2/a").read()
