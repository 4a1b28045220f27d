"""
The root that a state map has after some of its leaves have changed, from the nodes that a proof of them shows:
docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from .state_map import Child, StateProof, hash_of_node

#: A key, and the hash of its leaf from now on; None: there is none any more.
_Change = tuple[bytes, bytes | None]
_Leaf = TypeVar("_Leaf", bytes, bytes | None)


def root_after(proof: StateProof, changes: Mapping[bytes, bytes | None]) -> bytes:
    """
    `changes` has the hashes of leaves by their keys, none of which begins another. `untrusted` if the proof lacks a
    node on the way to one.
    """
    above = _Changer(proof)
    return hash_of_node(above.changed(b"", proof.children(proof.root), sorted(changes.items())))


class _Changer:
    """Goes down to all changes of one map at once. What becomes of it depends on nothing but what is in it."""

    def __init__(self, proof: StateProof) -> None:
        self._proof = proof

    def changed(
        self, path: bytes, children: Sequence[Child], changes: Sequence[_Change]
    ) -> list[Child]:
        """The children of the node at `path` after the changes, all of which are below it."""
        by_byte = {child.label[0]: child for child in children}
        for byte, group in _by_byte(changes, len(path)):
            child = self._child(path, by_byte.pop(byte, None), group)
            if child is not None:
                by_byte[byte] = child
        return [by_byte[byte] for byte in sorted(by_byte)]

    def _child(self, path: bytes, child: Child | None, changes: Sequence[_Change]) -> Child | None:
        """What becomes of one child; the keys share its first byte."""
        if child is None:
            return _built(path, _puts(dict(changes)))
        own = path + child.label
        if child.is_leaf:
            return _built(path, _puts({own: child.hash, **dict(changes)}))
        # What is not there need not be removed.
        relevant = [(key, leaf) for key, leaf in changes if leaf is not None or key.startswith(own)]
        if not relevant:
            return child
        shared = _common(min(own, relevant[0][0]), max(own, relevant[-1][0]))
        if len(shared) == len(own):
            below = self.changed(own, self._proof.children(child.hash), relevant)
            return _joined(path, own, below)
        # A key leaves the label in its middle: a node comes in between.
        lower = child._replace(label=own[len(shared) :])
        return _joined(path, shared, self.changed(shared, [lower], relevant))


def _puts(leaves: Mapping[bytes, bytes | None]) -> list[tuple[bytes, bytes]]:
    return sorted((key, leaf) for key, leaf in leaves.items() if leaf is not None)


def _built(path: bytes, puts: Sequence[tuple[bytes, bytes]]) -> Child | None:
    """The smallest tree with these keys, all of which begin with `path` and one byte more."""
    if len(puts) < 2:
        return next((Child(key[len(path) :], True, leaf) for key, leaf in puts), None)
    own = _common(puts[0][0], puts[-1][0])
    children = [_built(own, group) for _, group in _by_byte(puts, len(own))]
    return _joined(path, own, [child for child in children if child is not None])


def _joined(path: bytes, own: bytes, children: Sequence[Child]) -> Child | None:
    """The node at `own`, if it has a reason to be: two children or more."""
    label = own[len(path) :]
    if len(children) > 1:
        return Child(label, False, hash_of_node(children))
    return next((child._replace(label=label + child.label) for child in children), None)


def _by_byte(
    changes: Sequence[tuple[bytes, _Leaf]], index: int
) -> Iterator[tuple[int, list[tuple[bytes, _Leaf]]]]:
    """Runs whose keys have the same byte there."""
    for byte, group in groupby(changes, key=lambda change: change[0][index]):
        yield byte, list(group)


def _common(first: bytes, last: bytes) -> bytes:
    """What both begin with, and so all that lies between them."""
    length = 0
    for left, right in zip(first, last):  # noqa: B905
        if left != right:
            break
        length += 1
    return first[:length]
