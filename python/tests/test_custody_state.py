"""Servers that have their clients sign changes of another state or history than the one that was seen: `untrusted`."""

from __future__ import annotations

from typing import Any

import pytest

from custody_lab import OTHER, Doctor, Own, directory
from gdpfs.checkpoints import Checkpoint, Proof, parse_checkpoint, sign_checkpoint
from gdpfs.errors import GdpfsError, NotPermitted
from gdpfs.keys import VolumeKeys
from gdpfs.prepared import Prepared, decode_prepared
from gdpfs.records import time_of_dentry
from gdpfs.state_map import (
    Child,
    StateProof,
    encode_entry,
    encode_node,
    hash_entry,
    hash_of_node,
    state_key,
)
from harness import Server


def test_an_earlier_state_another_history_and_a_replay_are_not_gone_on_from(
    own: Own, server: Server
) -> None:
    early, late = own.mkdir("early"), own.mkdir("late")
    before = early.prepared
    assert late.check().next is not None
    late.refuses(lambda _: before, "it has .* records, and .* were seen before")
    late.refuses(lambda now: now._replace(records=before.records), OTHER)
    late.refuses(lambda now: now._replace(frontier=before.frontier), "it does not go on from")
    name, key = late.options["volume"], writer_key(own, server)

    def shown(newest: Proof) -> Doctor:
        return lambda now: now._replace(evidence=now.evidence._replace(newest=newest))

    late.refuses(shown(before.evidence.newest), "records, and .* were seen before")

    def forged(**changes: Any) -> Doctor:
        """Whoever once had the key, or a signature that was never taken, shows another history."""
        newest = late.prepared.evidence.newest
        checkpoint = parse_checkpoint(newest.note)
        other = Checkpoint(**{**checkpoint.__dict__, **changes})
        return shown(newest._replace(note=sign_checkpoint(other, key)))

    assert forged()(late.prepared) == late.prepared
    count = late.options["seen"].count
    for changes, why in [
        ({"root": bytes(32)}, "its history is not the one that was seen before"),
        ({"count": count + 5, "root": bytes(32)}, "its history is not the one that was seen"),
        ({"epoch": 7}, "its epoch is 7, need"),
        ({"time_ms": 5}, "its time is before the one seen before"),
        ({"state": None}, "it says nothing of the state of the tree any more"),
        ({"owner": (1, bytes(32))}, "it says another owner"),
        ({"origin": f"gdpfs.v1/{'A' * 43}"}, "its writer has not signed it"),
        # Of another state nothing is proven.
        ({"state": bytes(32)}, "a node is missing"),
    ]:
        late.refuses(forged(**changes), why)
    assert name == own.client.volume(own.url[6:])["name"]


def writer_key(own: Own, server: Server) -> Any:
    trusted = own.client._trust.trusted(own.url[6:])
    assert trusted.writer_key is not None
    key = VolumeKeys(server.admin.home / "keys").writer(trusted.name, trusted.writer_key)
    assert key is not None
    return key


def test_what_is_not_proven_and_times_that_are_not_now_are_not_signed(own: Own) -> None:
    offer = own.mkdir("dir/late")
    hours_ms = 2 * 3600 * 1000

    def evidence(**changes: Any) -> Doctor:
        return lambda now: now._replace(evidence=now.evidence._replace(**changes))

    for doctor, why in [
        (evidence(nodes=[]), "a node is missing"),
        (evidence(entries=[]), "an entry is missing"),
        (lambda now: now._replace(time_ms=now.time_ms + hours_ms), "its time is far from now"),
        (lambda now: now._replace(time_ms=5), "its time is far from now"),
        (lambda now: now._replace(frontier=b""), "cannot decode Merkle frontier"),
    ]:
        offer.refuses(doctor, why)
    for body in (offer.body[:-1], offer.body + b"\0", offer.body[:9], bytes(200)):
        with pytest.raises(NotPermitted, match=r"the server prepared another one|cannot trust"):
            offer.check(body)


def test_whatever_bit_of_what_was_prepared_is_flipped_nothing_else_is_signed(own: Own) -> None:
    offers = [own.write("flipped/bits", b"content"), own.mkdir("flipped/dir")]
    offers.append(own.offered(lambda: own.client.copy(own.path("file"), own.path("flipped/copy"))))
    offers.append(own.offered(lambda: own.client.rename(own.path("flipped"), own.path("again"))))
    for offer in offers:
        truth = offer.check()
        accepted = 0
        for at in range(len(offer.body)):
            flipped = bytearray(offer.body)
            flipped[at] ^= 1 << (at * 5) % 8
            try:
                found = offer.check(bytes(flipped))
            except GdpfsError as error:
                assert error.code == "untrusted"
                continue
            accepted += 1
            require_same(decode_prepared(bytes(flipped)), offer.prepared)
            assert found.base == truth.base
        # The id, times about now, and what proves more than is needed.
        assert accepted < len(offer.body) / 2


def require_same(flipped: Prepared, truth: Prepared) -> None:
    """What is signed differs in no more than times."""
    assert flipped.parts == truth.parts
    for one, other in zip(flipped.records, truth.records, strict=True):
        differing = [at for at in range(len(one)) if one[at] != other[at]]
        assert len(differing) <= 1
        if differing:
            assert 0 < abs(time_of_dentry(one) - time_of_dentry(other)) < 3600 * 1_000_000


def test_an_entry_proves_nothing_of_another_place_than_its_own() -> None:
    here = encode_entry(directory("here"))
    children = [
        Child(state_key(0, name), True, hash_entry(here)) for name in ("here", "there", "where")
    ]
    shared = len(state_key(0, "")) - 1
    below = [child._replace(label=child.label[shared:]) for child in children]
    top = Child(children[0].label[:shared], False, hash_of_node(below))
    proof = StateProof(hash_of_node([top]), [encode_node([top]), encode_node(below)], [here])
    assert proof.entry(0, "here") == directory("here")
    assert proof.entry(0, "elsewhere") is None
    with pytest.raises(NotPermitted, match="an entry is not at its place"):
        proof.entry(0, "there")
