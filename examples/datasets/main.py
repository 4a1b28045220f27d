"""Reads files of a volume as a Hugging Face data set: whole, and streamed without a copy on this machine."""

from __future__ import annotations

import json
import sys
import tempfile

import datasets
import fsspec

URL = sys.argv[1]
FILES = 2 if "--quick" in sys.argv else 20
ROWS_PER_FILE = 1000


def main() -> None:
    for number in range(FILES):
        rows = (
            {"id": number * ROWS_PER_FILE + row, "text": f"line {row}"}
            for row in range(ROWS_PER_FILE)
        )
        with fsspec.open(f"{URL}/lines/part-{number:03}.jsonl", "w") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
    parts = f"{URL}/lines/*.jsonl"
    with tempfile.TemporaryDirectory() as cache:
        whole = datasets.load_dataset("json", data_files=parts, split="train", cache_dir=cache)
        print(f"whole: {whole.num_rows} rows, the last is {whole[-1]}")
        streamed = datasets.load_dataset("json", data_files=parts, split="train", streaming=True)
        print(f"streamed: {sum(1 for _ in streamed)} rows")


main()
