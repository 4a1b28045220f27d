import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { fc } from '../../test/support/property.ts';
import { GDPfsMsgSchema, LogKind, NodeKind } from './generated/gdpfs_pb.js';
import { encodeCommonRecord, type MessageBody, type RecordInit } from './record-encoder.ts';

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const uint32 = fc.nat({ max: 0xffff_ffff });
const long = fc.oneof(fc.maxSafeNat().map(BigInt), fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 32n));
const shortText = fc.string({ unit: 'binary', maxLength: 100 });
/** Any of the fields may be absent. */
const some = { requiredKeys: [] as never[], noNullPrototype: true };

const record: fc.Arbitrary<MessageBody> = fc.oneof(
  fc
    .record(
      {
        version: uint32,
        kind: fc.constantFrom(LogKind.FILE, LogKind.DIRECTORY),
        nonce: fc.uint8Array({ maxLength: 16 }),
        hash: fc.constantFrom(0, 1),
        createdMs: long,
        chunkSize: uint32,
      },
      some,
    )
    .map((value) => ({ case: 'meta' as const, value })),
  fc
    .record({ offset: long, length: uint32, checksum: uint32, digest }, some)
    .map((value) => ({ case: 'fchunk' as const, value })),
  fc
    .record(
      {
        parent: long,
        name: shortText,
        node: long,
        kind: fc.constantFrom(NodeKind.FILE, NodeKind.DIRECTORY, NodeKind.SYMLINK),
        log: digest,
        size: long,
        root: digest,
        logCount: long,
        content: digest,
        mode: fc.nat({ max: 0o7777 }),
        mtimeUs: long,
        author: shortText,
        removed: fc.boolean(),
        target: fc.oneof(shortText, fc.constant('t'.repeat(4000))),
      },
      some,
    )
    .map((value) => ({ case: 'dentry' as const, value })),
);

describe('encodeCommonRecord()', () => {
  it('writes the bytes that the library writes', () => {
    fc.assert(
      fc.property(record, (body) => {
        const expected = toBinary(GDPfsMsgSchema, create(GDPfsMsgSchema, { body }));
        assert.deepEqual(encodeCommonRecord(body), expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves to the library what it cannot write', () => {
    const others: RecordInit[] = [
      { case: 'dentry', value: { mtimeUs: -1n } },
      { case: 'dentry', value: { size: 2n ** 53n } },
      { case: 'dentry', value: { target: 't'.repeat(6000) } },
      { case: 'fchunk', value: { offset: -1n } },
      { case: 'meta', value: { ownerKey: new Uint8Array(32) } },
      { case: 'system', value: {} },
    ];
    for (const body of others) assert.equal(encodeCommonRecord(body), undefined);
  });
});
