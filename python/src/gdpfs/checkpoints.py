"""
What a volume's writer signs: docs/formats.md. How its name leads to a checkpoint, and how one checkpoint continues
another.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import ed25519
from .errors import GdpfsError, make_error
from .formats import DIGEST_BYTES
from .limits import CHECKPOINT_BYTES_MAX
from .policies import is_client_custody, owner_key, snapshots_of, untrusted, writer_of

_ORIGIN = "gdpfs.v1/"
_SIGNATURE_MARK = "\u2014 "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_SAFE_INTEGER_MAX = 2**53 - 1
_KEY_ID_BYTES, _ED25519 = 4, b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """So many records with this root were the volume's log at this time."""

    origin: str
    count: int
    root: bytes
    time_ms: int
    #: Which key of the writer has signed it.
    epoch: int
    #: Root of the state map.
    state: bytes | None
    #: How often the owner's key was replaced, and the one in force; none if that is the first.
    owner: tuple[int, bytes] | None = None


class Proven(NamedTuple):
    """A checkpoint of which it was shown who has signed it."""

    checkpoint: Checkpoint
    #: The owner keys that follow the first one.
    owner_keys: Sequence[bytes]
    #: Public key of who has signed it.
    writer_key: bytes
    #: By their names, the seqs of the states that the owner has named.
    snapshots: Mapping[str, int]


class Proof(NamedTuple):
    """What ties a checkpoint to the volume's name."""

    #: Signed note.
    note: bytes
    #: Record 0.
    meta: bytes
    #: The record by which the owner names the writer, and says how the first owner led to it; empty if the writer is
    #: the owner.
    policy: bytes
    consistency: Sequence[bytes]


def name_bytes(volume: str) -> bytes:
    return base64.urlsafe_b64decode(f"{volume}=")


def decode_base64(text: object) -> bytes:
    """`untrusted` for what is none."""
    try:
        data = base64.b64decode(str(text), validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise untrusted("the server shows no proof of it")
    return data


def parse_checkpoint(note: bytes) -> Checkpoint:
    """Without a look at its signatures. `corrupt` if it is malformed."""
    return _checkpoint_of(_split(note)[0])


def verify_proof(volume: str, proof: Proof) -> Proven:
    """
    The checkpoint, if the name leads to its signature: the name to the owner's first key, this one to the owner's key
    in force, that one to the writer's, and this one to the checkpoint. `untrusted` or `corrupt` otherwise.
    """
    key, epoch, owner_keys, policy = _writer(volume, proof)
    checkpoint = _checkpoint_of(_signed_text(volume, key, proof.note))
    if checkpoint.origin != f"{_ORIGIN}{volume}":
        raise untrusted("it is of another volume")
    if checkpoint.epoch != epoch:
        raise untrusted(f"its epoch is {checkpoint.epoch}, need {epoch}")
    if checkpoint.owner != ((len(owner_keys), owner_keys[-1]) if owner_keys else None):
        raise untrusted("it says another owner than the one that has named its writer")
    # A record that comes before the policy's own comes before the last one.
    snapshots = snapshots_of(policy, checkpoint.count - 1)
    return Proven(checkpoint, owner_keys, key, snapshots)


def is_signed_by_clients(volume: str, meta: bytes) -> bool:
    """Who has the writer key of the volume, as record 0 says, and so its name. `untrusted` if `meta` is not that."""
    _require_name(volume, meta)
    return is_client_custody(meta)


def sign_checkpoint(checkpoint: Checkpoint, key: ed25519.PrivateKey) -> bytes:
    """The note by which the holder of the key says it."""
    origin = checkpoint.origin
    lines = [origin, str(checkpoint.count), _base64(checkpoint.root)]
    lines += [f"time {checkpoint.time_ms}", f"epoch {checkpoint.epoch}"]
    if checkpoint.state is not None:
        lines.append(f"state {_base64(checkpoint.state)}")
    if checkpoint.owner is not None:
        rotations, owner_key = checkpoint.owner
        lines.append(f"owner {rotations} {_base64(owner_key)}")
    text = "".join(f"{line}\n" for line in lines)
    signature = _key_id(origin, key.public) + key.sign(text.encode())
    return f"{text}\n{_SIGNATURE_MARK}{origin} {_base64(signature)}\n".encode()


class View(NamedTuple):
    """What the writer signs for a reader who may see a part of the tree: the root of a state map of that part."""

    state: bytes
    #: The directory that was looked into last.
    directory: int
    #: Is what is not in the map not in the directory either?
    is_whole: bool


def verify_view(volume: str, proof: Proof, checkpoint: Checkpoint, note: bytes) -> View:
    """A view of this very checkpoint, which `proof` has proven. `untrusted` or `corrupt` otherwise."""
    key, *_ = _writer(volume, proof)
    lines = _signed_text(volume, key, note).decode().split("\n")
    if len(lines) != 6 or not lines[3].startswith("state "):
        raise _malformed("view")
    is_of = lines[1] == str(checkpoint.count) and _root(lines[2]) == checkpoint.root
    if lines[0] != f"{_ORIGIN}{volume}/view" or not is_of:
        raise untrusted("the view that is shown is of another state")
    word, _, number = lines[4].partition(" ")
    if word not in ("whole", "part"):
        raise _malformed("view")
    return View(_root(lines[3][6:]), _number(number, "view"), word == "whole")


def verify_continuation(older: Checkpoint, proven: Proven, consistency: Sequence[bytes]) -> None:
    """
    Whether what is proven goes on where `older`, verified, was, under the same owner or one that this one has named;
    `untrusted` says how it does not.
    """
    newer, owner_keys = proven.checkpoint, proven.owner_keys
    if newer.count < older.count:
        raise untrusted(f"it has {newer.count} records, and {older.count} were seen before")
    if not is_consistent(older.count, older.root, newer.count, newer.root, consistency):
        raise untrusted("its history is not the one that was seen before")
    if newer.epoch < older.epoch:
        raise untrusted(
            f"it is signed by the writer of epoch {newer.epoch}, and {older.epoch} was seen"
        )
    rotations, owner_key = older.owner or (0, b"")
    if len(owner_keys) < rotations:
        raise untrusted(
            f"its owner was replaced {len(owner_keys)} times, and {rotations} were seen"
        )
    if rotations and owner_keys[rotations - 1] != owner_key:
        raise untrusted(f"its owner after rotation {rotations} is not the one that was seen before")
    if newer.time_ms < older.time_ms:
        raise untrusted("its time is before the one seen before")
    if older.state is not None and newer.state is None:
        raise untrusted("it says nothing of the state of the tree any more")


def is_consistent(
    first_count: int, first_root: bytes, count: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 6962, section 2.1.2: the first tree is the beginning of the other."""
    if first_count > count or any(len(one) != DIGEST_BYTES for one in (first_root, root, *proof)):
        return False
    if first_count == count:
        return not proof and first_root == root
    if first_count == 0:
        return not proof and first_root == hashlib.sha256(b"").digest()
    path = list(proof) if first_count & (first_count - 1) else [first_root, *proof]
    # Nothing of the second tree is shown if the proof is only the first root.
    if len(path) < 2:
        return False
    node, last = first_count - 1, count - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = _node(sibling, first), _node(sibling, second)
            while node & 1 == 0 and node != 0:
                node, last = node >> 1, last >> 1
        else:
            second = _node(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == first_root and second == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _writer(volume: str, proof: Proof) -> tuple[bytes, int, list[bytes], bytes]:
    """Key and epoch of who signs the volume's checkpoints, the owner keys that follow the first one, the policy."""
    _require_name(volume, proof.meta)
    return writer_of(name_bytes(volume), owner_key(proof.meta), proof.policy)


def _require_name(volume: str, meta: bytes) -> None:
    if hashlib.sha256(meta).digest() != name_bytes(volume):
        raise untrusted("it is of another volume")


def _signed_text(volume: str, key: bytes, note: bytes) -> bytes:
    origin = f"{_ORIGIN}{volume}"
    text, signatures = _split(note)
    key_id = _key_id(origin, key)
    own = [signed for signed in signatures if signed[:2] == (origin, key_id)]
    if not own:
        raise untrusted("its writer has not signed it")
    if not all(ed25519.verify(key, text, signature) for *_, signature in own):
        raise untrusted("its signature is wrong")
    return text


def _key_id(origin: str, key: bytes) -> bytes:
    return hashlib.sha256(f"{origin}\n".encode() + _ED25519 + key).digest()[:_KEY_ID_BYTES]


_Signature = tuple[str, bytes, bytes]


def _split(note: bytes) -> tuple[bytes, list[_Signature]]:
    """What is signed, and by each signature the name of the key, its id, and the signature."""
    try:
        text = note.decode()
    except ValueError as cause:
        raise _malformed("text") from cause
    head, separator, tail = text.rpartition("\n\n")
    is_plain = all(letter >= " " or letter == "\n" for letter in text)
    if len(note) > CHECKPOINT_BYTES_MAX or not is_plain or not separator or tail[-1:] != "\n":
        raise _malformed("text")
    return f"{head}\n".encode(), [_signature_of(line) for line in tail[:-1].split("\n")]


def _signature_of(line: str) -> _Signature:
    name, _, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError as cause:
        raise _malformed("signature") from cause
    if not line.startswith(_SIGNATURE_MARK) or not name or len(data) <= _KEY_ID_BYTES:
        raise _malformed("signature")
    return name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:]


def _checkpoint_of(text: bytes) -> Checkpoint:
    lines = text.decode().split("\n")[:-1]
    if len(lines) < 3 or not lines[0].startswith(_ORIGIN) or "" in lines:
        raise _malformed("text")
    extensions: dict[str, str] = {}
    for line in lines[3:]:
        name, _, value = line.partition(" ")
        if name in extensions and name in ("time", "epoch", "state", "owner"):
            raise _malformed(name)
        extensions[name] = value
    state, owner = extensions.get("state"), extensions.get("owner")
    return Checkpoint(
        origin=lines[0],
        count=_number(lines[1], "record count"),
        root=_root(lines[2]),
        time_ms=_number(extensions.get("time", ""), "time"),
        epoch=_number(extensions.get("epoch", ""), "epoch"),
        state=None if state is None else _root(state),
        owner=None if owner is None else _owner(owner),
    )


def _owner(text: str) -> tuple[int, bytes]:
    number, _, key = text.partition(" ")
    rotations = _number(number, "owner")
    if rotations == 0:
        raise _malformed("owner")
    return rotations, _root(key)


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _SAFE_INTEGER_MAX:
        raise _malformed(what)
    return int(text)


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except ValueError as cause:
        raise _malformed("root") from cause
    if len(root) != DIGEST_BYTES:
        raise _malformed("root")
    return root


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _malformed(what: str) -> GdpfsError:
    return make_error("corrupt", f"cannot read checkpoint: malformed {what}")
