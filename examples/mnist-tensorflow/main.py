"""
Trains a classifier of MNIST in TensorFlow, from the TFRecord files that the TensorFlow.js example reads, saving a
checkpoint to the volume after each epoch; then restores the last one and measures it. The process may be killed at
any time: run again, it goes on behind the last checkpoint.
"""

from __future__ import annotations

import sys

import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401  gdp:// is a file system of TensorFlow from here on

URL = sys.argv[1]
QUICK = "--quick" in sys.argv
EPOCHS = 1 if QUICK else 3
#: Of an epoch.
BATCHES = 60 if QUICK else -1
BATCH = 64
PIXELS = 28 * 28


def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = tf.io.parse_single_example(
        record,
        {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    pixels = tf.reshape(tf.io.decode_raw(features["image"], tf.uint8), [PIXELS])
    return tf.cast(pixels, tf.float32) / 255, features["label"]


def examples(files: tf.data.Dataset) -> tf.data.Dataset:
    records = files.interleave(tf.data.TFRecordDataset, cycle_length=4)
    return records.map(parse).batch(BATCH).prefetch(2)


def create() -> tf.keras.Model:
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Input([PIXELS]),
            tf.keras.layers.Dense(64, "relu"),
            tf.keras.layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    train = examples(tf.data.Dataset.list_files(f"{URL}/mnist/train-*.tfrecord", seed=1))
    test = examples(tf.data.Dataset.list_files(f"{URL}/mnist/test.tfrecord"))
    model = create()
    epoch = tf.Variable(0, dtype=tf.int64)
    state = tf.train.Checkpoint(model=model, optimizer=model.optimizer, epoch=epoch)
    manager = tf.train.CheckpointManager(
        state, f"{URL}/checkpoints/mnist-tensorflow", max_to_keep=3
    )
    state.restore(manager.latest_checkpoint)
    while int(epoch) < EPOCHS:
        model.fit(train.take(BATCHES), shuffle=False, verbose=0)
        epoch.assign_add(1)
        manager.save()
        print(f"epoch {int(epoch)}: accuracy {accuracy(model, test):.2%}", flush=True)
    restored = create()
    again = tf.train.Checkpoint(model=restored)
    again.restore(manager.latest_checkpoint).expect_partial()
    print(f"restored from epoch {int(epoch)}: accuracy {accuracy(restored, test):.2%}")


def accuracy(model: tf.keras.Model, test: tf.data.Dataset) -> float:
    _, share = model.evaluate(test, verbose=0)
    return float(share)


main()
