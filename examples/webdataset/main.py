"""Writes shards of samples into a volume and goes through them as a WebDataset."""

from __future__ import annotations

import sys

import fsspec
import webdataset

URL = sys.argv[1]
SHARDS = 2 if "--quick" in sys.argv else 10
SAMPLES = 1000


def main() -> None:
    for shard in range(SHARDS):
        with fsspec.open(f"{URL}/shards/{shard:03}.tar", "wb") as file:
            writer = webdataset.TarWriter(file)
            for number in range(SAMPLES):
                key = f"{shard * SAMPLES + number:08}"
                writer.write({"__key__": key, "txt": f"sample {key}", "cls": number % 10})
            writer.close()
    # WebDataset takes a function for a scheme that it does not know.
    webdataset.gopen_schemes["gdp"] = lambda url, *_: fsspec.open(url).open()
    urls = f"{URL}/shards/{{000..{SHARDS - 1:03}}}.tar"
    data = webdataset.WebDataset(urls, shardshuffle=False).decode()
    classes = [sample["cls"] for sample in data]
    print(f"{len(classes)} samples, {classes.count(7)} of class 7")


main()
