"""Reads pictures of a volume in PyTorch, with several worker processes, each of which has connections of its own."""

from __future__ import annotations

import sys

import fsspec
import torch
from torch.utils.data import DataLoader, Dataset

URL = sys.argv[1]
PICTURES = 200 if "--quick" in sys.argv else 5000
SIDE = 28


class Pictures(Dataset):  # type: ignore[type-arg]
    """The files of a directory; each is read when it is asked for."""

    def __init__(self, url: str) -> None:
        self.fs, path = fsspec.core.url_to_fs(url)
        self.paths = sorted(self.fs.find(path))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        content = bytearray(self.fs.cat_file(self.paths[index]))
        return torch.frombuffer(content, dtype=torch.uint8).reshape(SIDE, SIDE)


def main() -> None:
    fs, root = fsspec.core.url_to_fs(f"{URL}/pictures")
    contents = {f"{root}/{index:05}": bytes([index % 256]) * SIDE**2 for index in range(PICTURES)}
    fs.pipe(contents)
    loader = DataLoader(Pictures(f"{URL}/pictures"), batch_size=32, shuffle=True, num_workers=2)
    count = 0
    total = 0
    for batch in loader:
        count += len(batch)
        total += int(batch.sum())
    expected = sum(content[0] * SIDE**2 for content in contents.values())
    assert (count, total) == (PICTURES, expected)
    print(f"{count} pictures through 2 workers, sum {total}")


if __name__ == "__main__":
    main()
