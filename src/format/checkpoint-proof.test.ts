import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import {
  type CheckpointProof,
  type ProvenCheckpoint,
  verifyCheckpointProof,
  verifyContinuation,
} from './checkpoint-proof.ts';
import { rawPublicKey } from './ed25519.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import { consistencyProof, leafHash, merkleRoot } from './merkle.ts';
import { checkpointOrigin, encodePolicyRecord } from './policy.ts';
import { encodeRecord, logName } from './records.ts';
import { signNote } from './signed-note.ts';
import type { Snapshot } from './snapshot.ts';

const LEAVES = Array.from({ length: 9 }, (_, index) => leafHash(Uint8Array.of(index)));

/** A volume of `owner`, with a writer for each epoch. */
function makeVolume() {
  const owner = generateKeyPairSync('ed25519').privateKey;
  const value = { version: 1, kind: LogKind.DIRECTORY, hash: 1, nonce: new Uint8Array(16) };
  const meta = encodeRecord({ case: 'meta', value: { ...value, ownerKey: rawPublicKey(owner) } });
  const volume = logName(meta);
  const signed = (
    epoch: number,
    snapshots: readonly Snapshot[],
    writer = generateKeyPairSync('ed25519').privateKey,
  ) => {
    const kept = { historyDays: 30, rotations: [], snapshots };
    const policy = { epoch, writerKey: rawPublicKey(writer), ...kept };
    return { writer, policy: encodePolicyRecord({ volume, policy, ownerKey: owner }) };
  };
  const epochs = [1, 2].map((epoch) => signed(epoch, []));
  const proofOf = (count: number, epoch: number, by = epoch): CheckpointProof => {
    return proofBy(epochs[by - 1] ?? assert.fail(), count, epoch);
  };
  const proofBy = (
    { writer, policy }: ReturnType<typeof signed>,
    count: number,
    epoch: number,
  ): CheckpointProof => {
    const origin = checkpointOrigin(volume);
    const root = merkleRoot(LEAVES.slice(0, count));
    const text = encodeCheckpoint({ origin, count, root, timeMs: 1000 + count, epoch });
    const checkpoint = signNote({ text, keyName: origin, privateKey: writer });
    return { checkpoint, meta, policy, consistency: [] };
  };
  const proofWith = (snapshots: readonly Snapshot[], count: number): ProvenCheckpoint =>
    verifyCheckpointProof(volume, proofBy(signed(3, snapshots), count, 3));
  return { volume, owner, signed, proofBy, proofOf, proofWith };
}

const { volume, proofOf } = makeVolume();
const other = makeVolume();

function assertUntrusted(action: () => unknown, state: RegExp): void {
  assert.throws(
    action,
    (error) =>
      error instanceof GdpfsError && error.code === 'untrusted' && state.test(error.message),
  );
}

function seen(count: number, epoch = 1): ProvenCheckpoint {
  return verifyCheckpointProof(volume, proofOf(count, epoch));
}

test('the name of a volume leads to the owner, the owner to the writer, the writer to the checkpoint', () => {
  assert.equal(seen(5).count, 5);
  assert.equal(seen(6, 2).epoch, 2);
});

test('proofs that lead elsewhere are refused: another volume, another policy, another key, another epoch', () => {
  const proof = proofOf(5, 1);
  const foreign = other.proofOf(5, 1);
  assertUntrusted(() => verifyCheckpointProof(volume, foreign), /it is of another volume/);
  const withPolicy = { ...proof, policy: foreign.policy };
  assertUntrusted(() => verifyCheckpointProof(volume, withPolicy), /not signed by the owner/);
  const withNote = { ...proof, checkpoint: foreign.checkpoint };
  assertUntrusted(() => verifyCheckpointProof(volume, withNote), /no signature of/);
  const withoutPolicy = { ...proof, policy: EMPTY_BYTES };
  assertUntrusted(() => verifyCheckpointProof(volume, withoutPolicy), /no signature of/);
  const withMeta = { ...proof, policy: proof.meta };
  assertUntrusted(() => verifyCheckpointProof(volume, withMeta), /is no policy/);
  // The writer of epoch 1 says that it is that of epoch 2.
  assertUntrusted(() => verifyCheckpointProof(volume, proofOf(5, 2, 1)), /its epoch is 2, need 1/);
});

test('a proof shows the snapshots that the owner has named, and is refused for one that is still to come', () => {
  const { proofWith } = makeVolume();
  const snapshot = { name: 'v1', seq: 3, createdMs: 9 };
  assert.deepEqual(proofWith([snapshot], 5).snapshots, [snapshot]);
  // The policy itself is record 4 at the latest.
  assertUntrusted(
    () => proofWith([{ ...snapshot, seq: 4 }], 5),
    /"v1" is the state after record 4/,
  );
});

test('a server that shows the policy of before, without a snapshot or with another, is refused', () => {
  const { volume: own, signed, proofBy } = makeVolume();
  const writer = generateKeyPairSync('ed25519').privateKey;
  const snapshot = { name: 'v1', seq: 1, createdMs: 9 };
  const proof = proofBy(signed(4, [snapshot], writer), 6, 4);
  assert.deepEqual(verifyCheckpointProof(own, proof).snapshots, [snapshot]);
  for (const snapshots of [[], [{ ...snapshot, seq: 2 }]]) {
    const { policy } = signed(3, snapshots, writer);
    assertUntrusted(() => verifyCheckpointProof(own, { ...proof, policy }), /epoch is 4, need 3/);
  }
});

test('any flipped bit in what is signed or hashed is found: checkpoint, meta, policy', () => {
  const proof = proofOf(5, 1);
  // The tag around a policy is not signed by itself; what it says is.
  const first = { checkpoint: 0, meta: 0, policy: 4 };
  for (const part of ['checkpoint', 'meta', 'policy'] as const) {
    for (let bit = first[part] * 8; bit < proof[part].length * 8; bit += 7) {
      const bytes = proof[part].slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => verifyCheckpointProof(volume, { ...proof, [part]: bytes }), GdpfsError);
    }
  }
});

test('a checkpoint continues another if the proof says so, and neither count, epoch nor time goes back', () => {
  const proof = consistencyProof(LEAVES, 5);
  verifyContinuation(seen(5), seen(9), proof);
  verifyContinuation(seen(5), seen(5), []);
  verifyContinuation(seen(5), seen(9, 2), proof);
  assertUntrusted(() => verifyContinuation(seen(9), seen(5), proof), /5 records, and 9 were seen/);
  assertUntrusted(() => verifyContinuation(seen(5, 2), seen(9), proof), /writer of epoch 1, and 2/);
  const late = { ...seen(5), timeMs: 5000 };
  assertUntrusted(() => verifyContinuation(late, seen(9), proof), /time is before/);
  const forked = { ...seen(5), root: merkleRoot(LEAVES.slice(1, 6)) };
  assertUntrusted(() => verifyContinuation(forked, seen(9), proof), /history is not the one/);
  const withState = { ...seen(5), state: new Uint8Array(32) };
  assertUntrusted(() => verifyContinuation(withState, seen(9), proof), /nothing of the state/);
});

test('truncated, extended, altered and oversized proofs are refused', () => {
  const proof = consistencyProof(LEAVES, 5);
  const hash = new Uint8Array(32);
  const bad = [
    proof.slice(1),
    proof.slice(0, -1),
    [...proof, hash],
    [hash, ...proof.slice(1)],
    [...proof.slice(1), new Uint8Array(31)],
    [],
    Array.from({ length: 100_000 }, () => hash),
  ];
  for (const hashes of bad) {
    assertUntrusted(() => verifyContinuation(seen(5), seen(9), hashes), /history is not the one/);
  }
});
