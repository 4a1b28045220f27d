"""Models and logs in gdp://: checkpoints, SavedModels, Keras, summaries with TensorBoard."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import gdpfs.tensorflow  # noqa: F401
from harness import Server, wait_until

gfile = tf.io.gfile


def test_a_checkpoint_is_saved_and_restored(any_volume: str) -> None:
    values = np.random.default_rng(1).random(700_000)
    saved = tf.train.Checkpoint(
        large=tf.Variable(values), small=tf.Variable(7), text=tf.Variable("x")
    )
    prefix = saved.save(f"{any_volume}/checkpoint")
    restored = tf.train.Checkpoint(
        large=tf.Variable(np.zeros_like(values)), small=tf.Variable(0), text=tf.Variable("")
    )
    restored.restore(prefix).assert_consumed()
    assert (restored.large.numpy() == values).all()
    assert (restored.small.numpy(), restored.text.numpy()) == (7, b"x")
    assert tf.train.latest_checkpoint(any_volume) == prefix
    assert sorted(gfile.listdir(any_volume)) == [
        "checkpoint",
        "checkpoint-1.data-00000-of-00001",
        "checkpoint-1.index",
    ]


def test_a_manager_keeps_the_newest_checkpoints(home: Server, volume: str) -> None:
    value = tf.Variable(0)
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(value=value), f"{volume}/a/b", max_to_keep=2
    )
    for step in range(5):
        value.assign(step)
        manager.save(checkpoint_number=step)
    assert manager.checkpoints == [f"{volume}/a/b/ckpt-3", f"{volume}/a/b/ckpt-4"]
    assert len(gfile.listdir(f"{volume}/a/b")) == 5
    other = tf.Variable(-1)
    again = tf.train.CheckpointManager(
        tf.train.Checkpoint(value=other), f"{volume}/a/b", max_to_keep=2
    )
    assert again.restore_or_initialize() == f"{volume}/a/b/ckpt-4"
    assert int(other) == 4
    assert "good" in home.admin("verify", volume)


class Doubler(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def __call__(self, x: Any) -> Any:
        return self.factor * x


def test_a_saved_model_is_loaded(volume: str) -> None:
    tf.saved_model.save(Doubler(), f"{volume}/models/1")
    loaded = tf.saved_model.load(f"{volume}/models/1")
    assert loaded(tf.constant([1.0, 3.0])).numpy().tolist() == [2.0, 6.0]
    # Saved again over itself.
    model = Doubler()
    model.factor.assign(5.0)
    tf.saved_model.save(model, f"{volume}/models/1")
    loaded = tf.saved_model.load(f"{volume}/models/1")
    assert loaded(tf.constant([1.0])).numpy().tolist() == [5.0]


@pytest.fixture(scope="module")
def model() -> Any:
    made = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64), keras.layers.Dense(1)])
    made.compile(optimizer="adam", loss="mse")
    return made


INPUTS = np.random.default_rng(2).random((16, 8))


def test_a_keras_model_is_saved_and_loaded(volume: str, model: Any) -> None:
    model.save(f"{volume}/model.keras")
    loaded = keras.models.load_model(f"{volume}/model.keras")
    assert (loaded.predict(INPUTS, verbose=0) == model.predict(INPUTS, verbose=0)).all()
    model.save(f"{volume}/model.keras", overwrite=True)
    assert keras.models.load_model(f"{volume}/model.keras").count_params() == model.count_params()


def test_keras_weights_are_saved_and_loaded(volume: str, model: Any) -> None:
    model.save_weights(f"{volume}/model.weights.h5")
    other = keras.models.clone_model(model)
    other.load_weights(f"{volume}/model.weights.h5")
    assert (other.predict(INPUTS, verbose=0) == model.predict(INPUTS, verbose=0)).all()


def test_a_keras_model_is_exported_and_trained_with_callbacks(volume: str, model: Any) -> None:
    model.export(f"{volume}/exported", verbose=False)
    assert gfile.exists(f"{volume}/exported/saved_model.pb")
    callbacks = [
        keras.callbacks.BackupAndRestore(f"{volume}/backup", delete_checkpoint=False),
        keras.callbacks.TensorBoard(f"{volume}/logs"),
    ]
    model.fit(INPUTS, INPUTS[:, :1], epochs=2, verbose=0, callbacks=callbacks)
    assert gfile.glob(f"{volume}/logs/train/events.out.tfevents.*")


def test_tensorboard_reads_events_while_they_are_written(volume: str) -> None:
    writer = tf.summary.create_file_writer(f"{volume}/run")
    reader = EventAccumulator(f"{volume}/run", size_guidance={"tensors": 0})

    def steps() -> list[int]:
        reader.Reload()
        if "loss" not in reader.Tags()["tensors"]:
            return []
        return [event.step for event in reader.Tensors("loss")]

    with writer.as_default():
        for step in range(1, 4):
            tf.summary.scalar("loss", 1.0 / step, step=step)
            writer.flush()
            # A flush soon after another one may be left to the next.
            wait_until(lambda: (writer.flush(), steps())[1] == list(range(1, step + 1)))  # noqa: B023
    writer.close()
    assert steps() == [1, 2, 3]


@pytest.fixture
def tensorboard(home: Server, volume: str, tmp_path: Path) -> Iterator[str]:
    """A TensorBoard of its own process over the volume: its URL."""
    # As `tensorboard --logdir`, in an environment that has the hook of an installation.
    start = (
        "import _gdpfs_autoload, sys; _gdpfs_autoload.install();"
        "from tensorboard.main import run_main; sys.exit(run_main())"
    )
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", start, f"--logdir={volume}", "--port=0", "--reload_interval=1"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**home.admin.environment, "GDPFS_HOME": str(home.admin.home)},
        )
    wait_until(lambda: "http://" in log.read_text() or process.poll() is not None)
    assert process.poll() is None, log.read_text()
    yield "http://" + log.read_text().split("http://")[1].split()[0]
    process.kill()
    process.wait()


def test_a_tensorboard_process_shows_the_logs_of_a_volume(volume: str, tensorboard: str) -> None:
    with tf.summary.create_file_writer(f"{volume}/run1").as_default():
        tf.summary.scalar("loss", 0.5, step=1)

    def runs() -> str:
        url = f"{tensorboard.rstrip('/')}/data/runs"
        with urllib.request.urlopen(url) as answer:
            text: str = answer.read().decode()
            return text

    wait_until(lambda: "run1" in runs())
