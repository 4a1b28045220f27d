import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Checkpoint, encodeCheckpoint, parseCheckpoint } from './checkpoint.ts';
import {
  type CheckpointProof,
  verifyCheckpointProof,
  verifyContinuation,
} from './checkpoint-proof.ts';
import { rawPublicKey } from './ed25519.ts';
import { LogKind } from './generated/gdpfs_pb.js';
import { consistencyProof, leafHash, merkleRoot } from './merkle.ts';
import {
  type OwnerMark,
  type OwnerRotation,
  ownerMark,
  rotateOwner,
  verifyRotations,
} from './owner-rotation.ts';
import {
  checkpointOrigin,
  encodePolicyRecord,
  ownerAfter,
  readPolicy,
  verifyNextPolicy,
} from './policy.ts';
import { encodeRecord, logName } from './records.ts';
import { signNote } from './signed-note.ts';

const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const KEYS = Array.from({ length: 6 }, newKey);
const FIRST = keyAt(0);
const WRITER = newKey();
const META = encodeRecord({
  case: 'meta',
  value: {
    version: 1,
    kind: LogKind.DIRECTORY,
    hash: 1,
    nonce: new Uint8Array(16),
    ownerKey: rawPublicKey(FIRST),
  },
});
const VOLUME = logName(META);
const LEAVES = Array.from({ length: 9 }, (_, index) => leafHash(Uint8Array.of(index)));

function keyAt(index: number): KeyObject {
  return KEYS[index] ?? assert.fail();
}

/** The first key names the next of `path`, that one the next, and so on. */
function chain(path: readonly number[], first = FIRST): OwnerRotation[] {
  let before: OwnerRotation[] = [];
  let owner = first;
  for (const index of path) {
    before = rotateOwner({ volume: VOLUME, before, owner, next: rawPublicKey(keyAt(index)) });
    owner = keyAt(index);
  }
  return before;
}

function policyOf(path: readonly number[], epoch = path.length + 1): Uint8Array {
  const owner = keyAt(path.at(-1) ?? 0);
  const policy = {
    epoch,
    writerKey: rawPublicKey(WRITER),
    historyDays: 1,
    rotations: chain(path),
    snapshots: [],
  };
  return encodePolicyRecord({ volume: VOLUME, policy, ownerKey: owner });
}

/** What shows a checkpoint over `count` records after the rotations of `path`. */
function proofOf(
  path: readonly number[],
  count: number,
  change: { owner?: OwnerMark | undefined; epoch?: number } = {},
): CheckpointProof {
  const origin = checkpointOrigin(VOLUME);
  const policy = policyOf(path, change.epoch);
  const owner = 'owner' in change ? change.owner : ownerAfter(policy);
  const text = encodeCheckpoint({
    origin,
    count,
    root: merkleRoot(LEAVES.slice(0, count)),
    timeMs: count,
    epoch: change.epoch ?? path.length + 1,
    ...(owner && { owner }),
  });
  const checkpoint = signNote({ text, keyName: origin, privateKey: WRITER });
  return { checkpoint, meta: META, policy, consistency: [] };
}

/** As it is remembered: what the note says, and nothing else. */
function remembered(path: readonly number[], count: number): Checkpoint {
  return parseCheckpoint(proofOf(path, count).checkpoint).checkpoint;
}

function isUntrusted(action: () => unknown, state: RegExp): void {
  assert.throws(action, (error) => isGdpfsError(error, 'untrusted') && state.test(error.message));
}

describe('rotateOwner() and verifyRotations()', () => {
  it('lead from the first key to the one in force', () => {
    const keys = verifyRotations(VOLUME, rawPublicKey(FIRST), chain([1, 2, 3]));
    assert.deepEqual(
      keys,
      [1, 2, 3].map((index) => rawPublicKey(keyAt(index))),
    );
    assert.deepEqual(verifyRotations(VOLUME, rawPublicKey(FIRST), []), []);
    assert.equal(ownerMark([]), undefined);
  });

  it('refuse another volume, another first key, another order, and what is left out', () => {
    const good = chain([1, 2, 3]);
    const first = rawPublicKey(FIRST);
    const state = /is not signed by the owner before/;
    isUntrusted(() => verifyRotations(sha256(VOLUME), first, good), state);
    isUntrusted(() => verifyRotations(VOLUME, rawPublicKey(keyAt(4)), good), state);
    isUntrusted(() => verifyRotations(VOLUME, first, good.slice(1)), state);
    isUntrusted(() => verifyRotations(VOLUME, first, good.toSpliced(1, 1)), state);
    isUntrusted(() => verifyRotations(VOLUME, first, good.toReversed()), state);
  });

  it('refuse a rotation that is repeated, and one back to a key of the past', () => {
    const first = rawPublicKey(FIRST);
    const [one, two] = chain([1, 2]);
    assert(one && two);
    isUntrusted(() => verifyRotations(VOLUME, first, [one, one]), /a key comes twice/);
    isUntrusted(() => verifyRotations(VOLUME, first, chain([1, 0])), /a key comes twice/);
    // The signature of rotation 1, as if it were rotation 2 of the same two keys.
    const [, , three] = chain([1, 2, 3]);
    assert(three);
    const replayed = chain([2, 3], keyAt(1)).at(-1);
    assert(replayed);
    isUntrusted(
      () => verifyRotations(VOLUME, first, [one, two, replayed]),
      /number 3 is not signed/,
    );
    assert.equal(verifyRotations(VOLUME, first, [one, two, three]).length, 3);
  });

  it('refuse every flipped bit and truncation', () => {
    const [good] = chain([1]);
    assert(good);
    for (const part of ['ownerKey', 'signature'] as const) {
      for (const bytes of [...bitFlips(good[part]), ...truncations(good[part])]) {
        const bad = [{ ...good, [part]: bytes }];
        isUntrusted(() => verifyRotations(VOLUME, rawPublicKey(FIRST), bad), /rotations/);
      }
    }
  });

  it('end at the limit, and refuse more', () => {
    let before: OwnerRotation[] = [];
    let owner = FIRST;
    for (let number = 0; number < LIMITS.ownerRotationsMax; number += 1) {
      const next = newKey();
      before = rotateOwner({ volume: VOLUME, before, owner, next: rawPublicKey(next) });
      owner = next;
    }
    const first = rawPublicKey(FIRST);
    assert.equal(verifyRotations(VOLUME, first, before).length, LIMITS.ownerRotationsMax);
    const options = { volume: VOLUME, before, owner, next: rawPublicKey(newKey()) };
    assert.throws(
      () => rotateOwner(options),
      (error) => isGdpfsError(error, 'bad_request') && /replaced 32 times/.test(error.message),
    );
    const [one] = chain([1]);
    assert(one);
    isUntrusted(() => verifyRotations(VOLUME, first, [...before, one]), /too many/);
  });
});

describe('a policy behind rotations', () => {
  it('is signed by the owner in force, and by no other', () => {
    assert.equal(verifyCheckpointProof(VOLUME, proofOf([1, 2], 5)).count, 5);
    const rotations = chain([1, 2]);
    for (const index of [0, 1, 3]) {
      const policy = {
        epoch: 3,
        writerKey: rawPublicKey(WRITER),
        historyDays: 1,
        rotations,
        snapshots: [],
      };
      const record = encodePolicyRecord({ volume: VOLUME, policy, ownerKey: keyAt(index) });
      const proof = { ...proofOf([1, 2], 5), policy: record };
      isUntrusted(() => verifyCheckpointProof(VOLUME, proof), /not signed by the owner/);
    }
  });

  it('follows another if its owner is the same, or one that this one has named', () => {
    const follow = (before: readonly number[], after: readonly number[], epoch = 9): void =>
      verifyNextPolicy(policyOf(before), readPolicy(policyOf(after, epoch)), 5);
    follow([], [1]);
    follow([1], [1]);
    follow([1], [1, 2]);
    verifyNextPolicy(EMPTY_BYTES, readPolicy(policyOf([1])), 5);
    isUntrusted(() => follow([1], []), /there are 0, and 1 were seen/);
    isUntrusted(() => follow([1], [2]), /number 1 is not the one/);
    isUntrusted(() => follow([1], [2, 1]), /number 1 is not the one/);
    isUntrusted(() => follow([1, 2], [1, 3]), /number 2 is not the one/);
    isUntrusted(() => follow([1], [1, 2], 2), /epoch 2 is not new/);
  });
});

describe('a checkpoint behind rotations', () => {
  it('says the owner in force: none, another and one too few are refused', () => {
    const { owner } = verifyCheckpointProof(VOLUME, proofOf([1, 2], 5));
    assert.deepEqual(owner, { rotations: 2, ownerKey: rawPublicKey(keyAt(2)) });
    assert.equal(verifyCheckpointProof(VOLUME, proofOf([], 5)).owner, undefined);
    const other = { rotations: 2, ownerKey: rawPublicKey(keyAt(3)) };
    const before = { rotations: 1, ownerKey: rawPublicKey(keyAt(1)) };
    for (const wrong of [undefined, other, before]) {
      const proof = proofOf([1, 2], 5, { owner: wrong });
      isUntrusted(() => verifyCheckpointProof(VOLUME, proof), /another owner/);
    }
    const proof = proofOf([], 5, { owner: before });
    isUntrusted(() => verifyCheckpointProof(VOLUME, proof), /another owner/);
  });

  it('continues one of the same owner and of those before, and no other', () => {
    const consistency = consistencyProof(LEAVES, 5);
    const goOn = (seen: readonly number[], shown: readonly number[]): void => {
      const newest = verifyCheckpointProof(VOLUME, proofOf(shown, 9, { epoch: 9 }));
      verifyContinuation(remembered(seen, 5), newest, consistency);
    };
    goOn([], [1, 2]);
    goOn([1], [1, 2]);
    goOn([1, 2], [1, 2]);
    goOn([1], [1, 2, 3, 4]);
    // Who has only an owner key of the past signs what nobody takes that has seen the next one.
    isUntrusted(() => goOn([1], []), /there are 0, and 1 were seen/);
    isUntrusted(() => goOn([1, 2], [1]), /there are 1, and 2 were seen/);
    isUntrusted(() => goOn([1], [2]), /number 1 is not the one/);
    isUntrusted(() => goOn([1, 2], [1, 3, 4]), /number 2 is not the one/);
    isUntrusted(() => goOn([1], [2, 3, 4]), /number 1 is not the one/);
  });

  it('has a line that is refused when it is malformed', () => {
    const text = new TextDecoder().decode(proofOf([1], 5).checkpoint);
    const [line = ''] = /^owner .*$/m.exec(text) ?? [];
    assert.match(line, /^owner 1 [A-Za-z0-9+/]{43}=$/);
    const key = line.split(' ')[2] ?? '';
    for (const bad of [
      `owner 0 ${key}`,
      `owner 01 ${key}`,
      `owner ${key}`,
      `owner 1 ${key} 2`,
      'owner 1 abcd',
      'owner 1',
      'owner',
      `${line}\n${line}`,
    ]) {
      const note = new TextEncoder().encode(text.replace(line, bad));
      assert.throws(
        () => parseCheckpoint(note),
        (error) => isGdpfsError(error, 'corrupt') && /owner/.test(error.message),
        bad,
      );
    }
  });
});
