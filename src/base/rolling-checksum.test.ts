import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { Random } from '../../test/support/random.ts';
import { crc32 } from './digest.ts';
import { findByChecksum } from './rolling-checksum.ts';

test('findByChecksum() finds the first place with the bytes of a checksum, wherever they are', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.nat(),
      fc.nat(),
      (bytes, from, size) => {
        const offset = from % bytes.length;
        const length = 1 + (size % (bytes.length - offset));
        const wanted = bytes.subarray(offset, offset + length);
        const first = Buffer.from(bytes).indexOf(wanted);
        assert.equal(findByChecksum(bytes, length, crc32(wanted)), first);
      },
    ),
  );
});

test('findByChecksum() finds nothing where there is nothing', () => {
  // Always the same bytes: of others, some have the checksum by chance.
  const bytes = new Random(1).bytes(10_000);
  assert.equal(findByChecksum(bytes, 100, crc32(new Random(2).bytes(100))), undefined);
  assert.equal(
    findByChecksum(bytes.subarray(0, 99), 100, crc32(bytes.subarray(0, 100))),
    undefined,
  );
});
