"""Writes a table to a volume from pandas, as Parquet and as CSV, reads both back, and some columns and rows of one."""

from __future__ import annotations

import sys

import pandas as pd
import pyarrow.dataset as pyarrow_dataset

URL = sys.argv[1]
ROWS = 10_000 if "--quick" in sys.argv else 1_000_000


def main() -> None:
    table = pd.DataFrame({"id": range(ROWS), "half": [0.5 * row for row in range(ROWS)]})
    table["group"] = table["id"] % 7

    table.to_parquet(f"{URL}/tables/all.parquet", index=False)
    compare("Parquet", pd.read_parquet(f"{URL}/tables/all.parquet"), table)

    # Only what is needed of the file is read.
    parquet = pyarrow_dataset.dataset(f"fsspec+{URL}/tables/all.parquet")
    rows = parquet.to_table(columns=["half"], filter=pyarrow_dataset.field("group") == 3)
    print(f"rows of group 3: {rows.num_rows}, sum {sum(rows['half'].to_pylist())}")

    # pyarrow closes files on threads of its own, a little later: a program had better not end right behind it.
    table.to_csv(f"{URL}/tables/all.csv", index=False)
    compare("CSV", pd.read_csv(f"{URL}/tables/all.csv"), table)


def compare(name: str, again: pd.DataFrame, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(again, table)
    print(f"{name}: {len(again)} rows, equal to what was written")


main()
