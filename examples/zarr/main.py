"""Keeps an array in a volume, writes and reads parts of it, and looks at it as it was."""

from __future__ import annotations

import sys

import fsspec
import numpy as np
import zarr
from zarr.storage import FsspecStore

URL = f"{sys.argv[1]}/array.zarr"
ROWS = 1000 if "--quick" in sys.argv else 10_000


def main() -> None:
    store = FsspecStore.from_url(URL)
    array = zarr.create_array(
        store, name="a", shape=(ROWS, 1000), chunks=(250, 500), dtype="f4", overwrite=True
    )
    array[:] = np.arange(ROWS * 1000, dtype="f4").reshape(ROWS, 1000)
    fs, path = fsspec.url_to_fs(URL)
    seq = max(info["seq"] for info in fs.find(path, detail=True).values())
    array[:100, :] = 0
    now = zarr.open_array(URL, path="a", mode="r")
    then = zarr.open_array(URL, path="a", mode="r", storage_options={"at": seq})
    print(f"sum of the first 100 rows: {now[:100].sum()} now, {then[:100].sum()} as of record {seq}")


main()
