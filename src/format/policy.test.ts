import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes, utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { rawPublicKey } from './ed25519.ts';
import { type GDPfsVolume, VolumePolicySchema } from './generated/gdpfs_pb.js';
import { checkpointOrigin, encodePolicyRecord, type Policy, verifyPolicy } from './policy.ts';
import { decodeRecord } from './records.ts';
import type { Snapshot } from './snapshot.ts';

const { privateKey: OWNER } = generateKeyPairSync('ed25519');
const OWNER_KEY = rawPublicKey(OWNER);
const VOLUME = sha256(Uint8Array.of(1));
const POLICY: Policy = {
  epoch: 3,
  writerKey: sha256(Uint8Array.of(2)),
  historyDays: 30,
  rotations: [],
  snapshots: [],
};

describe('checkpointOrigin()', () => {
  it('is the format and the name of the volume', () => {
    assert.match(checkpointOrigin(VOLUME), /^gdpfs\.v1\/[A-Za-z0-9_-]{43}$/);
    assert.notEqual(checkpointOrigin(VOLUME), checkpointOrigin(sha256(VOLUME)));
  });
});

describe('verifyPolicy()', () => {
  it('returns what the owner signed', () => {
    const plain = { noNullPrototype: true };
    const snapshot = fc.record<Snapshot>(
      {
        name: fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/),
        seq: fc.maxSafeNat(),
        createdMs: fc.maxSafeNat(),
      },
      plain,
    );
    const policies = fc.record<Policy>(
      {
        epoch: fc.maxSafeNat(),
        writerKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        historyDays: fc.nat(2 ** 32 - 1),
        rotations: fc.constant([]),
        snapshots: fc
          .uniqueArray(snapshot, { maxLength: 5, selector: ({ name }) => name })
          .map((all) => all.sort((left, right) => (left.name < right.name ? -1 : 1))),
      },
      plain,
    );
    fc.assert(
      fc.property(policies, (policy) => {
        assert.deepEqual(verifyPolicy(VOLUME, OWNER_KEY, signed(policy)), policy);
      }),
    );
  });

  it('refuses the policy of another volume, and the word of another owner', () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    assertUntrusted(() => verifyPolicy(sha256(VOLUME), OWNER_KEY, signed(POLICY)));
    assertUntrusted(() => verifyPolicy(VOLUME, rawPublicKey(other), signed(POLICY)));
  });

  it('refuses every flipped bit and truncation of policy and signature', () => {
    const snapshots = [{ name: 'v1.0', seq: 300, createdMs: 1_790_000_000_000 }];
    const record = signed({ ...POLICY, snapshots });
    for (const policy of [...bitFlips(record.policy), ...truncations(record.policy)]) {
      assertUntrusted(() => verifyPolicy(VOLUME, OWNER_KEY, { ...record, policy }));
    }
    const { ownerSignature: signature } = record;
    for (const ownerSignature of [...bitFlips(signature), ...truncations(signature)]) {
      assertUntrusted(() => verifyPolicy(VOLUME, OWNER_KEY, { ...record, ownerSignature }));
    }
  });

  it('says corrupt of nonsense that the owner did sign', () => {
    const encode = (policy: Parameters<typeof create<typeof VolumePolicySchema>>[1]): Uint8Array =>
      toBinary(VolumePolicySchema, create(VolumePolicySchema, policy));
    const { writerKey } = POLICY;
    for (const policy of [
      Uint8Array.of(0xff, 0xff),
      new Uint8Array(0),
      encode({ epoch: 1n, writerKey: writerKey.subarray(1) }),
      encode({ epoch: 2n ** 60n, writerKey }),
      encode({ epoch: 1n, writerKey, snapshots: [{ name: 'v1', seq: 2n ** 60n }] }),
      encode({ epoch: 1n, writerKey, snapshots: [{ name: 'v1', createdMs: -1n }] }),
      encode({ epoch: 1n, writerKey, snapshots: [{ name: 'V1' }] }),
      encode({ epoch: 1n, writerKey, snapshots: [{ name: 'v2' }, { name: 'v1' }] }),
      encode({ epoch: 1n, writerKey, snapshots: [{ name: 'v1' }, { name: 'v1', seq: 1n }] }),
    ]) {
      const text = concatBytes([utf8Encode('gdpfs/v1 volume policy\n'), VOLUME, policy]);
      const ownerSignature = new Uint8Array(sign(null, text, OWNER));
      assert.throws(
        () => verifyPolicy(VOLUME, OWNER_KEY, { ...signed(POLICY), policy, ownerSignature }),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    }
  });
});

function signed(policy: Policy): GDPfsVolume {
  const bytes = encodePolicyRecord({ volume: VOLUME, policy, ownerKey: OWNER });
  const body = decodeRecord(bytes);
  assert(body.case === 'volume');
  return body.value;
}

function assertUntrusted(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'untrusted'));
}
