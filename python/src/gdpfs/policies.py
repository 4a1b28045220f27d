"""What the first records of a volume's log say, and what its owner signs: docs/formats.md."""

from __future__ import annotations

from . import ed25519
from .errors import GdpfsError, make_error, shown
from .formats import NONCE_BYTES
from .limits import OWNER_ROTATIONS_MAX, SNAPSHOTS_MAX
from .paths import is_snapshot_name
from .protobuf import Value, read_fields

_POLICY_DOMAIN = b"gdpfs/v1 volume policy\n"
_OWNER_DOMAIN = b"gdpfs/v1 volume owner\n"
_SAFE_INTEGER_MAX = 2**53 - 1
_VERSION, _DIRECTORY, _SHA256, _CUSTODY_CLIENT = 1, 1, 1, 2


def untrusted(why: str) -> GdpfsError:
    return make_error("untrusted", f"cannot trust checkpoint: {why}")


def is_client_custody(meta: bytes) -> bool:
    """Is the writer key not on the server, as record 0 says, which was verified?"""
    return _message(_message(meta).get(1)).get(7) == _CUSTODY_CLIENT


def created_ms_of(meta: bytes) -> int:
    """When the volume was made, as record 0 says, which was verified."""
    created = _message(_message(meta).get(1)).get(5, 0)
    return created if isinstance(created, int) else 0


def owner_key(meta: bytes) -> bytes:
    fields = _message(_message(meta).get(1))
    is_ours = (fields.get(1), fields.get(2), fields.get(4)) == (_VERSION, _DIRECTORY, _SHA256)
    nonce = fields.get(3)
    if not is_ours or not isinstance(nonce, bytes) or len(nonce) != NONCE_BYTES:
        raise untrusted("the volume's first record is none")
    return _key(fields.get(6))


def writer_of(
    name: bytes, first_key: bytes, record: bytes
) -> tuple[bytes, int, list[bytes], bytes]:
    """Key and epoch, the owner keys that follow the first one, and the policy that says so."""
    if not record:
        return first_key, 0, [], b""
    fields = _message(_message(record).get(4))
    policy, signature = fields.get(1, b""), fields.get(2, b"")
    if not isinstance(policy, bytes) or not isinstance(signature, bytes):
        raise untrusted("what names its writer is no policy")
    owner_keys = _owner_keys(name, first_key, policy)
    newest = owner_keys[-1] if owner_keys else first_key
    if not ed25519.verify(newest, _POLICY_DOMAIN + name + policy, signature):
        raise untrusted("what names its writer is not signed by the owner")
    named = _message(policy)
    epoch = named.get(1, 0)
    if not isinstance(epoch, int) or epoch > _SAFE_INTEGER_MAX:
        raise untrusted("what names its writer is no policy")
    return _key(named.get(2)), epoch, owner_keys, policy


def snapshots_of(policy: bytes, count: int) -> dict[str, int]:
    """By their names, the seqs of the states that the owner has named, which are among the first `count`."""
    snapshots: dict[str, int] = {}
    for snapshot in _repeated(policy, 5):
        fields = _message(snapshot)
        name, seq = fields.get(1, b""), fields.get(2, 0)
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else ""
        if not is_snapshot_name(text) or text in snapshots or len(snapshots) == SNAPSHOTS_MAX:
            raise untrusted("its policy names snapshots as none may")
        if not isinstance(seq, int) or seq >= count:
            raise untrusted(f"its policy names a state to come {shown(text)}")
        snapshots[text] = seq
    return snapshots


def _owner_keys(name: bytes, first_key: bytes, policy: bytes) -> list[bytes]:
    """Those that follow the first one: each is named by the one before, and none twice."""
    keys = [first_key]
    for rotation in _repeated(policy, 4):
        fields = _message(rotation)
        key, signature = _key(fields.get(1)), fields.get(2)
        text = _OWNER_DOMAIN + name + len(keys).to_bytes(8, "big") + key
        if len(keys) > OWNER_ROTATIONS_MAX or key in keys:
            raise untrusted("its owner was replaced too often, or by one that was there before")
        if not isinstance(signature, bytes) or not ed25519.verify(keys[-1], text, signature):
            raise untrusted(f"its owner number {len(keys)} is not signed by the one before")
        keys.append(key)
    return keys[1:]


def _key(value: bytes | int | None) -> bytes:
    if not isinstance(value, bytes) or len(value) != ed25519.KEY_BYTES:
        raise untrusted("a key has a wrong length")
    return value


def _message(data: bytes | int | None) -> dict[int, Value]:
    """The fields of a Protocol Buffers message by their numbers; `untrusted` for what is none."""
    return dict(_all_fields(data))


def _repeated(data: bytes, number: int) -> list[Value]:
    """All fields of a message with this number; `untrusted` for what is none."""
    return [value for field, value in _all_fields(data) if field == number]


def _all_fields(data: Value | None) -> list[tuple[int, Value]]:
    try:
        if isinstance(data, bytes):
            return list(read_fields(data))
    except ValueError as cause:
        raise untrusted("a record is malformed") from cause
    raise untrusted("a record is malformed")
