import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { crc32Combine } from './crc-combine.ts';
import { crc32 } from './digest.ts';

test('crc32Combine() is the CRC-32 of both parts behind each other', () => {
  const bytes = fc.uint8Array({ maxLength: 5000 });
  fc.assert(
    fc.property(bytes, bytes, (first, second) => {
      const whole = crc32(Buffer.concat([first, second]));
      assert.equal(crc32Combine(crc32(first), crc32(second), second.length), whole);
    }),
  );
});

test('crc32Combine() knows lengths up to that of the largest chunk', () => {
  const second = new Uint8Array(4 * 1024 * 1024).fill(7);
  const first = Buffer.from('volume and digest');
  const whole = crc32(second, crc32(first));
  assert.equal(crc32Combine(crc32(first), crc32(second), second.length), whole);
});
