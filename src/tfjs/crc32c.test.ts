import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { utf8Encode } from '../base/bytes.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';

/** As RFC 3720 appendix B.4 has them. */
const VECTORS: readonly [string, Uint8Array, number][] = [
  ['the digits 1 to 9', utf8Encode('123456789'), 0xe3069283],
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  ['31 to 0', Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
  ['nothing', new Uint8Array(0), 0],
];

for (const [what, bytes, expected] of VECTORS) {
  test(`crc32c() of ${what} is the published one`, () => assert.equal(crc32c(bytes), expected));
}

test('crc32c() of any bytes is what the definition says, bit by bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      let crc = 0xffffffff;
      for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit += 1)
          crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
      }
      assert.equal(crc32c(bytes), ~crc >>> 0);
    }),
  );
});

test('maskedCrc32c() rotates by 15 bits and adds the constant', () => {
  assert.equal(maskedCrc32c(new Uint8Array(0)), 0xa282ead8);
  // 0xe3069283 rotated right by 15 bits is 0x2507c60d.
  assert.equal(maskedCrc32c(utf8Encode('123456789')), (0x2507c60d + 0xa282ead8) % 2 ** 32);
});
