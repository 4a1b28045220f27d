"""What a volume has at some names, as its writer has signed it, and what it has there after some changes."""

from __future__ import annotations

from .state_changes import root_after
from .state_map import (
    StateEntry,
    StateProof,
    directory_range,
    encode_entry,
    hash_entry,
    state_key,
)


class ProvenState:
    """A state, and changes of it. What must be known and is not proven is `untrusted`."""

    def __init__(self, proof: StateProof, count: int) -> None:
        """`proof` is of the state after so many records."""
        self._proof = proof
        self._count = count
        self._changed: dict[tuple[int, str], StateEntry | None] = {}

    def at(self, parent: int, name: str) -> StateEntry | None:
        if (parent, name) in self._changed:
            return self._changed[parent, name]
        # A directory that was made since has nothing from before.
        return None if parent >= self._count else self._proof.entry(parent, name)

    def is_empty(self, directory: int) -> bool:
        """Before any change."""
        return not self._proof.entries(directory_range(directory, "", ""))

    def place(self, entry: StateEntry) -> None:
        self._changed[entry.parent, entry.name] = entry

    def remove(self, entry: StateEntry) -> None:
        self._changed[entry.parent, entry.name] = None

    def root(self) -> bytes:
        """After all changes."""
        if not self._changed:
            return self._proof.root
        leaves = {
            state_key(*place): None if entry is None else hash_entry(encode_entry(entry))
            for place, entry in self._changed.items()
        }
        return root_after(self._proof, leaves)
