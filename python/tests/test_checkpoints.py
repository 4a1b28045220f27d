"""Signatures and proofs, against vectors, OpenSSL and the recursive definition."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from gdpfs import ed25519
from gdpfs.checkpoints import (
    Proof,
    is_consistent,
    name_bytes,
    parse_checkpoint,
    verify_continuation,
    verify_proof,
)
from gdpfs.errors import Corrupt, GdpfsError
from gdpfs.protobuf import MessageWriter

#: Section 7.1 of RFC 8032: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0"
        "595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
        "b4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=["empty", "one byte"])
def test_signatures_of_the_rfc_are_valid(vector: tuple[str, str, str]) -> None:
    key, message, signature = map(bytes.fromhex, vector)
    assert ed25519.verify(key, message, signature)


def test_signatures_of_openssl_are_valid_and_nothing_else_is(tmp_path: Path) -> None:
    def openssl(*arguments: str | Path) -> bytes:
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    secret, file = tmp_path / "key", tmp_path / "message"
    openssl("genpkey", "-algorithm", "ed25519", "-out", secret)
    key = openssl("pkey", "-in", secret, "-pubout", "-outform", "DER")[-32:]
    for length in (1, 50, 3000):
        message = os.urandom(length)
        file.write_bytes(message)
        signature = openssl("pkeyutl", "-sign", "-rawin", "-inkey", secret, "-in", file)
        assert ed25519.verify(key, message, signature)
        for whole, place in ((signature, 0), (signature, 1), (key, 0), (message, 2)):
            at = random.randrange(len(whole))
            wrong = whole[:at] + bytes([whole[at] ^ 1 << random.randrange(8)]) + whole[at + 1 :]
            parts = [key, message, signature]
            parts[(2, 2, 1)[place] if whole is not key else 0] = wrong
            assert not ed25519.verify(*parts)
        # The order added to S is the same number, and another signature.
        s = int.from_bytes(signature[32:], "little") + ed25519._ORDER
        assert not ed25519.verify(key, message, signature[:32] + s.to_bytes(32, "little"))
        assert not ed25519.verify(key, message, signature[:-1])
        assert not ed25519.verify(b"\xff" * 32, message, signature)


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def proof_of(leaves: list[bytes], first: int, *, is_whole: bool = True) -> list[bytes]:
    """Section 2.1.2 of RFC 6962, word for word."""
    if first == len(leaves):
        return [] if is_whole else [root_of(leaves)]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if first <= split:
        rest = proof_of(leaves[:split], first, is_whole=is_whole)
        return [*rest, root_of(leaves[split:])]
    rest = proof_of(leaves[split:], first - split, is_whole=False)
    return [*rest, root_of(leaves[:split])]


def test_a_log_continues_its_beginnings_and_no_others() -> None:
    leaves = [bytes([number]) for number in range(20)]
    other = hashlib.sha256(b"other").digest()
    for count in range(1, 21):
        root = root_of(leaves[:count])
        for first in range(1, count + 1):
            proof = proof_of(leaves[:count], first)
            beginning = root_of(leaves[:first])
            assert is_consistent(first, beginning, count, root, proof)
            assert not is_consistent(first, other, count, root, proof)
            assert not is_consistent(first, beginning, count, other, proof)
            assert not is_consistent(first, beginning, count, root, [*proof, other])
            for index in range(len(proof)):
                wrong = [*proof[:index], other, *proof[index + 1 :]]
                assert not is_consistent(first, beginning, count, root, wrong)
                assert not is_consistent(first, beginning, count, root, proof[:index])
    assert is_consistent(0, root_of([]), 5, root_of(leaves[:5]), [])
    assert not is_consistent(0, other, 5, root_of(leaves[:5]), [])
    assert not is_consistent(6, root_of(leaves[:6]), 5, root_of(leaves[:5]), [])


NAME = "gdpfs.v1/" + "A" * 43
ROOT = "A" * 43 + "="
SIGNATURE = f"\u2014 {NAME} {'A' * 92}"
GOOD = f"{NAME}\n7\n{ROOT}\ntime 5\nepoch 1\nstate {ROOT}\n\n{SIGNATURE}\n"


def test_a_checkpoint_is_read() -> None:
    checkpoint = parse_checkpoint(GOOD.encode())
    assert (checkpoint.count, checkpoint.time_ms, checkpoint.epoch) == (7, 5, 1)
    assert checkpoint.root == checkpoint.state == bytes(32)
    assert parse_checkpoint(GOOD.replace("epoch 1\n", "epoch 1\nmore\n").encode()) == checkpoint


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", f"\n{2**53}\n"),
        ("time 5", "time -5"),
        ("time 5\n", ""),
        ("epoch 1\n", "epoch 1\nepoch 1\n"),
        (f"state {ROOT}", "state AAAA"),
        ("gdpfs.v1/", "gdpfs.v2/"),
        ("\n\n", "\n"),
        (SIGNATURE, "\u2014 someone"),
        (SIGNATURE, "someone else"),
        ("more", "\x01"),
    ],
)
def test_a_malformed_checkpoint_is_refused(part: str, instead: str) -> None:
    text = GOOD.replace("epoch 1\n", "epoch 1\nmore\n").replace(part, instead)
    with pytest.raises(Corrupt):
        parse_checkpoint(text.encode())


FIXTURES = Path(__file__).parents[2] / "test" / "fixtures" / "format" / "v1"
#: The volume of the fixtures.
VOLUME = "mGPsiRluMm-PmoxRjzrTLpaGSyhGmpaixiggmZawcs4"


def fixture(name: str) -> bytes:
    data = (FIXTURES / name).read_bytes()
    return data if name.endswith(".note") else bytes.fromhex(data.decode())


def rotated(policy: bytes | None = None, note: bytes | None = None) -> Proof:
    """What shows the checkpoint of a volume whose owner key was replaced twice."""
    return Proof(
        note or fixture("checkpoint-rotated.note"),
        fixture("record-meta-directory.hex"),
        policy or fixture("record-volume-policy-rotated.hex"),
        [],
    )


def test_the_name_leads_through_the_owners_to_the_checkpoint() -> None:
    proven = verify_proof(VOLUME, rotated())
    checkpoint, owners = proven.checkpoint, proven.owner_keys
    assert proven.snapshots == {}
    assert (checkpoint.count, checkpoint.epoch, len(owners)) == (6, 2, 2)
    assert checkpoint.owner == (2, owners[1])
    assert owners[0].hex().startswith("fc51cd8e6218a1a3")


def test_a_policy_with_any_bit_changed_leads_nowhere() -> None:
    policy = fixture("record-volume-policy-rotated.hex")
    # The tags around what is signed are not; what they say is.
    for bit in range(6 * 8, len(policy) * 8, 31):
        wrong = bytearray(policy)
        wrong[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(GdpfsError):
            verify_proof(VOLUME, rotated(bytes(wrong)))


def test_an_owner_of_the_past_and_one_of_another_succession_are_refused() -> None:
    proven = verify_proof(VOLUME, rotated())
    newest = proven.checkpoint
    verify_continuation(newest, proven, [])
    first, second = proven.owner_keys
    for seen in (None, (1, first), (2, second)):
        verify_continuation(replace(newest, owner=seen), proven, [])
    for seen in ((1, second), (2, first), (3, first)):
        with pytest.raises(GdpfsError, match="its owner"):
            verify_continuation(replace(newest, owner=seen), proven, [])
    with pytest.raises(GdpfsError, match="replaced 0 times, and 2 were seen"):
        verify_continuation(newest, proven._replace(owner_keys=[]), [])
    # The policy of the first owner goes with none of these checkpoints.
    with pytest.raises(GdpfsError):
        verify_proof(VOLUME, rotated(fixture("record-volume-policy.hex")))


#: Of the volume's owner and of its writer, RFC 8032 section 7.1.
OWNER = ed25519.PrivateKey(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
WRITER = ed25519.PrivateKey(
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)


def named(*snapshots: tuple[bytes, int], count: int = 6) -> Proof:
    """What shows a checkpoint over so many records, with a policy that names these states."""
    policy = MessageWriter()
    policy.number(1, 2)
    policy.data(2, WRITER.public)
    for name, seq in snapshots:
        snapshot = MessageWriter()
        snapshot.data(1, name)
        snapshot.number(2, seq)
        policy.data(5, snapshot.wrapped(1)[2:])
    said = policy.wrapped(1)
    said = said[2 if len(said) < 130 else 3 :]
    record = MessageWriter()
    record.data(1, said)
    domain = b"gdpfs/v1 volume policy\n" + name_bytes(VOLUME)
    record.data(2, OWNER.sign(domain + said))
    origin = f"gdpfs.v1/{VOLUME}"
    root = base64.b64encode(bytes(32)).decode()
    text = f"{origin}\n{count}\n{root}\ntime 1\nepoch 2\n".encode()
    key_id = hashlib.sha256(f"{origin}\n".encode() + b"\x01" + WRITER.public).digest()[:4]
    signature = base64.b64encode(key_id + WRITER.sign(text)).decode()
    note = text + f"\n\u2014 {origin} {signature}\n".encode()
    return Proof(note, fixture("record-meta-directory.hex"), record.wrapped(4), [])


def test_a_policy_names_states_of_the_past_by_names_of_their_own() -> None:
    proven = verify_proof(VOLUME, named((b"first", 0), (b"v1.0", 4)))
    assert proven.snapshots == {"first": 0, "v1.0": 4}
    policy = fixture("record-volume-policy-snapshots.hex")
    kept = Proof(named().note, fixture("record-meta-directory.hex"), policy, [])
    assert verify_proof(VOLUME, kept).snapshots == {"first": 0, "v1.0": 4}
    for snapshots, why in (
        ([(b"v1.0", 5)], "a state to come"),
        ([(b"v1.0", 4), (b"v1.0", 3)], "as none may"),
        ([(b"V1", 4)], "as none may"),
        ([(b"17", 4)], "as none may"),
        ([(b"", 4)], "as none may"),
        ([(b"v\xff", 4)], "as none may"),
    ):
        with pytest.raises(GdpfsError, match=why) as failure:
            verify_proof(VOLUME, named(*snapshots))
        assert failure.value.code == "untrusted"


@pytest.mark.parametrize(
    "line", ["owner 0 {}", "owner 01 {}", "owner {}", "owner 1 {} 2", "owner 1"]
)
def test_a_malformed_line_of_the_owner_is_refused(line: str) -> None:
    good = fixture("checkpoint-rotated.note").decode()
    key = "7Bcrk61eVjv0kyxw4SRQNMNUZ+8u/U1k6/gZaDRn4r8="
    assert f"owner 2 {key}" in good
    with pytest.raises(Corrupt, match="malformed"):
        parse_checkpoint(good.replace(f"owner 2 {key}", line.format(key)).encode())
