"""What a server prepares, taken apart and put together again: for servers that lie."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gdpfs.evidence import Evidence
from gdpfs.prepared import Prepared


def encode_prepared(prepared: Prepared) -> bytes:
    number, time_ms, frontier, records, parts, evidence = prepared
    out = [number, struct.pack(">Q", time_ms), _sized(frontier), _list(records)]
    out.append(struct.pack(">I", len(parts)))
    for part in parts:
        out += [part.name, struct.pack(">Q", part.first_seq), _sized(part.frontier)]
        out.append(_list(part.records))
    return b"".join(out) + _encode_evidence(evidence)


def _encode_evidence(evidence: Evidence) -> bytes:
    note, meta, policy, consistency = evidence.newest
    out = [_sized(note), _sized(meta), _sized(policy)]
    out += [struct.pack(">I", len(consistency)), *consistency]
    out += [_list(evidence.nodes), _list(evidence.entries), _sized(evidence.last.encode())]
    return b"".join(out)


def _sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _list(parts: Sequence[bytes]) -> bytes:
    return struct.pack(">I", len(parts)) + b"".join(map(_sized, parts))
