"""TFRecord files go between Python's TensorFlow and `gdpfs/tfjs`, both ways, in one volume."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from typing import Any

import numpy as np
import tensorflow as tf

import gdpfs.tensorflow  # noqa: F401
from harness import PROJECT, Server

PROGRAM = PROJECT / "test/tfjs/record-program.ts"
#: By name: a kind and values; bytes in base64, numbers as text.
Line = dict[str, tuple[str, list[str]]]


def run(server: Server, action: str, url: str, text: str = "") -> str:
    done = subprocess.run(
        ["node", str(PROGRAM), action, url],
        input=text.encode(),
        capture_output=True,
        env=server.admin.environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def some_lines(seed: int, count: int) -> list[Line]:
    chance = random.Random(seed)

    def values(kind: str) -> list[str]:
        length = chance.choice([0, 1, 2, 50])
        if kind == "bytes":
            blobs = [chance.randbytes(chance.choice([0, 1, 900])) for _ in range(length)]
            return [base64.b64encode(blob).decode() for blob in blobs]
        if kind == "float":
            return [str(np.float32(chance.uniform(-1e9, 1e9))) for _ in range(length)]
        return [str(chance.randint(-(2**63), 2**63 - 1)) for _ in range(length)]

    def line() -> Line:
        kinds = chance.choices(["bytes", "float", "int64"], k=chance.randint(0, 5))
        return {f"name {index} ü": (kind, values(kind)) for index, kind in enumerate(kinds)}

    return [line() for _ in range(count)]


def encode(line: Line) -> bytes:
    def feature(kind: str, values: list[str]) -> Any:
        if kind == "bytes":
            blobs = [base64.b64decode(value) for value in values]
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=blobs))
        if kind == "float":
            numbers = [float(value) for value in values]
            return tf.train.Feature(float_list=tf.train.FloatList(value=numbers))
        whole = [int(value) for value in values]
        return tf.train.Feature(int64_list=tf.train.Int64List(value=whole))

    features = {name: feature(kind, values) for name, (kind, values) in line.items()}
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(message.SerializeToString())


def decode(record: bytes) -> Line:
    def values(feature: Any) -> tuple[str, list[str]]:
        kind = feature.WhichOneof("kind").removesuffix("_list")
        found = getattr(feature, f"{kind}_list").value
        if kind == "bytes":
            return kind, [base64.b64encode(value).decode() for value in found]
        if kind == "float":
            return kind, [str(np.float32(value)) for value in found]
        return kind, [str(value) for value in found]

    message = tf.train.Example.FromString(record)
    return {name: values(feature) for name, feature in message.features.feature.items()}


def comparable(line: Any) -> Line:
    """With numbers as one side prints them."""
    return {
        name: (kind, [str(np.float32(value)) for value in values] if kind == "float" else values)
        for name, (kind, values) in line.items()
    }


def test_records_that_tensorflow_wrote_are_read_in_tensorflow_js(home: Server, volume: str) -> None:
    lines = some_lines(1, 300)
    url = f"{volume}/python.tfrecord"
    with tf.io.TFRecordWriter(url) as writer:
        for line in lines:
            writer.write(encode(line))
    read = [comparable(json.loads(text)) for text in run(home, "read", url).splitlines()]
    assert read == lines


def test_records_that_tensorflow_js_wrote_are_read_in_tensorflow(home: Server, volume: str) -> None:
    lines = some_lines(2, 300)
    url = f"{volume}/javascript.tfrecord"
    run(home, "write", url, "".join(f"{json.dumps(line)}\n" for line in lines))
    records = tf.data.TFRecordDataset(url).as_numpy_iterator()
    assert [decode(record) for record in records] == lines
