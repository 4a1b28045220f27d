"""What a server has prepared for a volume's writer to sign, and whether that is what was asked for: docs/custody.md."""

from __future__ import annotations

from typing import NamedTuple

from .asked import Asked
from .change_check import check_change
from .checkpoints import Checkpoint, Proven, verify_continuation, verify_proof
from .content_check import ContentCheck, LogPart
from .errors import GdpfsError
from .evidence import Evidence, decode_evidence
from .formats import DIGEST_BYTES, MerkleTree
from .limits import (
    COMMIT_RECORDS_MAX,
    FILE_RECORDS_MAX,
    FRONTIER_BYTES_MAX,
    RECORD_BYTES_MAX,
    SIGNING_CLOCK_SKEW_SECONDS,
)
from .proven_state import ProvenState
from .record_check import RecordCheck, elsewise
from .state_map import Bytes, StateProof

ID_BYTES = 16


class Prepared(NamedTuple):
    """Nothing of it is checked yet."""

    id: bytes
    #: Of the checkpoint that will say so.
    time_ms: int
    #: Encoded, over the records before.
    frontier: bytes
    records: list[bytes]
    #: File logs that were not made here.
    parts: list[LogPart]
    #: The checkpoint before, and what its state has at the names that the change is about.
    evidence: Evidence


def decode_prepared(body: bytes) -> Prepared:
    """`corrupt` for anything but the whole of one."""
    fields = Bytes(body, "prepared commit")
    number = fields.take(ID_BYTES)
    time_ms = fields.number(8)
    frontier = fields.sized(4, FRONTIER_BYTES_MAX)
    records = _records(fields, COMMIT_RECORDS_MAX)
    parts = [
        LogPart(
            name=fields.take(DIGEST_BYTES),
            first_seq=fields.number(8),
            frontier=fields.sized(4, FRONTIER_BYTES_MAX),
            records=_records(fields, FILE_RECORDS_MAX),
        )
        for _ in range(fields.count(COMMIT_RECORDS_MAX))
    ]
    evidence = decode_evidence(fields.take(fields.left))
    return Prepared(number, time_ms, frontier, records, parts, evidence)


def _records(fields: Bytes, count_max: int) -> list[bytes]:
    return [fields.sized(4, RECORD_BYTES_MAX) for _ in range(fields.count(count_max))]


class Signable(NamedTuple):
    """What may be signed: all of it was checked."""

    id: bytes
    #: What the change continues.
    base: Proven
    #: What it leads to; None if it adds nothing.
    next: Checkpoint | None


def check_prepared(
    body: bytes, asked: Asked, *, volume: str, seen: Checkpoint, author: str, now_us: int
) -> Signable:
    """
    `untrusted` unless it goes on from `seen`, does what was asked for and nothing else. `volume` is its name, `author`
    the principal who asked.
    """
    try:
        prepared = decode_prepared(body)
        proof = prepared.evidence.newest
        base = verify_proof(volume, proof)
        verify_continuation(seen, base, proof.consistency)
        state = _check_records(prepared, base.checkpoint, asked, author=author, now_us=now_us)
        return Signable(prepared.id, base, _next(prepared, base.checkpoint, state, now_us=now_us))
    except GdpfsError as cause:
        if cause.code != "corrupt":
            raise
        raise elsewise(cause.detail) from cause


def _check_records(
    prepared: Prepared, base: Checkpoint, asked: Asked, *, author: str, now_us: int
) -> ProvenState:
    """The state after the change."""
    if base.state is None:
        raise elsewise("its state cannot be proven")
    evidence = prepared.evidence
    proof = StateProof(base.state, evidence.nodes, evidence.entries)
    state = ProvenState(proof, base.count)
    records = RecordCheck(state, prepared.records, count=base.count, author=author, now_us=now_us)
    contents = ContentCheck(prepared.parts)
    check_change(records, contents, asked)
    records.end()
    contents.end()
    return state


def _next(
    prepared: Prepared, base: Checkpoint, state: ProvenState, *, now_us: int
) -> Checkpoint | None:
    """The checkpoint after the change, of which nothing but the time is the server's word."""
    if not prepared.records:
        return None
    time_ms = prepared.time_ms
    if time_ms < base.time_ms or abs(time_ms - now_us / 1000) > SIGNING_CLOCK_SKEW_SECONDS * 1000:
        raise elsewise("its time is far from now")
    tree = MerkleTree.decode(prepared.frontier)
    if (tree.count, tree.root()) != (base.count, base.root):
        raise elsewise("it does not go on from the checkpoint that it shows")
    for record in prepared.records:
        tree.add(record)
    return Checkpoint(
        origin=base.origin,
        count=tree.count,
        root=tree.root(),
        time_ms=time_ms,
        epoch=base.epoch,
        state=state.root(),
        owner=base.owner,
    )
