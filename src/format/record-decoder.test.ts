import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { GDPfsMsgSchema, VolumePolicySchema } from './generated/gdpfs_pb.js';
import { decodeCommonPolicy, decodeCommonRecord } from './record-decoder.ts';
import type { MessageBody } from './record-encoder.ts';

const uint32 = fc.nat({ max: 0xffff_ffff });
const int32 = fc.nat({ max: 0x7fff_ffff });
const long = fc.oneof(fc.maxSafeNat().map(BigInt), fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 32n));
/** As the wire may have them, and no number can be here. */
const anyLong = fc.oneof(long, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const anyBytes = fc.uint8Array({ maxLength: 200 });
const some = { requiredKeys: [] as never[], noNullPrototype: true };

function metaOf(createdMs: fc.Arbitrary<bigint>): fc.Arbitrary<MessageBody> {
  const [kind, hash, custody, chunking] = [int32, int32, int32, int32];
  const [version, chunkSize, nonce, ownerKey] = [uint32, uint32, anyBytes, anyBytes];
  const fields = { version, kind, nonce, hash, createdMs, ownerKey, custody, chunking, chunkSize };
  return fc.record(fields, some).map((value) => ({ case: 'meta' as const, value }));
}

const volume: fc.Arbitrary<MessageBody> = fc
  .record({ policy: anyBytes, ownerSignature: anyBytes }, some)
  .map((value) => ({ case: 'volume' as const, value }));

function recordOf(body: MessageBody): Uint8Array {
  return toBinary(GDPfsMsgSchema, create(GDPfsMsgSchema, { body }));
}

/** Whatever is read is what the library reads. */
function checkRecord(bytes: Uint8Array): boolean {
  const body = decodeCommonRecord(bytes);
  if (body === undefined) return false;
  const expected = fromBinary(GDPfsMsgSchema, bytes);
  assert.deepEqual(expected.$unknown, undefined);
  assert.deepEqual({ ...body.value }, { ...expected.body.value });
  assert.equal(body.case, expected.body.case);
  return true;
}

function checkPolicy(bytes: Uint8Array): boolean {
  const policy = decodeCommonPolicy(bytes);
  if (policy === undefined) return false;
  const expected = fromBinary(VolumePolicySchema, bytes);
  assert.deepEqual({ ...policy }, { ...expected });
  return true;
}

describe('decodeCommonRecord()', () => {
  it('reads keys and policies as the library does', () => {
    fc.assert(
      fc.property(fc.oneof(metaOf(long), volume), (body) => {
        const bytes = recordOf(body);
        // An empty body may be there or not.
        assert.equal(checkRecord(bytes), bytes.length > 2);
      }),
    );
  });

  it('leaves to the library what has another form', () => {
    const wild = fc.oneof(metaOf(anyLong), volume).map(recordOf);
    fc.assert(
      fc.property(wild, fc.array(fc.tuple(fc.nat(), fc.nat(255))), (bytes, changes) => {
        for (const [place, value] of changes) bytes[place % Math.max(1, bytes.length)] = value;
        checkRecord(bytes);
      }),
    );
    const value = { version: 1, kind: 300, createdMs: 2n ** 40n, ownerKey: new Uint8Array(32) };
    const bytes = recordOf({ case: 'meta', value });
    assert(checkRecord(bytes));
    for (const damaged of [...bitFlips(bytes), ...truncations(bytes)]) {
      let isReadable = true;
      try {
        fromBinary(GDPfsMsgSchema, damaged);
      } catch {
        isReadable = false;
      }
      if (!isReadable) assert.equal(decodeCommonRecord(damaged), undefined);
      else checkRecord(damaged);
    }
    // Numbers that are longer than they need be, defaults, and what is behind the record.
    const odd = [
      [0x0a, 3, 0x08, 0x81, 0x00],
      [0x0a, 2, 0x08, 0],
      [0x0a, 2, 0x1a, 0],
      [0x0a, 2, 0x08, 1, 0x22, 2, 0x0a, 0],
      [0x0a, 2, 0x08, 1, 0],
      [0x0a, 4, 0x10, 1, 0x08, 1],
    ];
    for (const bytes of odd) assert.equal(decodeCommonRecord(Uint8Array.from(bytes)), undefined);
  });
});

describe('decodeCommonPolicy()', () => {
  const rotation = fc.record({ ownerKey: anyBytes, signature: anyBytes }, some);

  const snapshot = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9._-]{0,20}$/),
    seq: long,
    createdMs: long,
  });

  it('reads policies without rotations as the library does, and leaves it the others', () => {
    const fields = { epoch: long, writerKey: anyBytes, historyDays: uint32 };
    const lists = {
      rotations: fc.array(rotation, { maxLength: 2 }),
      snapshots: fc.array(snapshot, { maxLength: 3 }),
    };
    const policy = fc.record({ ...fields, ...lists }, some);
    fc.assert(
      fc.property(policy, (init) => {
        const bytes = toBinary(VolumePolicySchema, create(VolumePolicySchema, init));
        assert.equal(checkPolicy(bytes), (init.rotations ?? []).length === 0);
        for (const damaged of truncations(bytes)) {
          if (decodeCommonPolicy(damaged) !== undefined) checkPolicy(damaged);
        }
      }),
    );
  });

  it('leaves to the library what has another form, also inside a snapshot', () => {
    const fields = { epoch: long, snapshots: fc.array(snapshot, { minLength: 1, maxLength: 3 }) };
    const policy = fc.record({ ...fields, writerKey: fc.constant(new Uint8Array(2)) });
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)));
    fc.assert(
      fc.property(policy, changes, (init, changed) => {
        const bytes = toBinary(VolumePolicySchema, create(VolumePolicySchema, init));
        for (const [place, value] of changed) bytes[place % bytes.length] = value;
        checkPolicy(bytes);
      }),
    );
    // A name that is no text, and what is behind a snapshot's last field.
    const odd = [
      [0x2a, 3, 0x0a, 1, 0xff],
      [0x2a, 4, 0x0a, 1, 0x61, 0],
      [0x2a, 0],
      [0x2a, 2, 0x10, 1],
    ];
    for (const bytes of odd) assert.equal(decodeCommonPolicy(Uint8Array.from(bytes)), undefined);
  });
});
