import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { crc32Short } from './crc-short.ts';
import { crc32 } from './digest.ts';

describe('crc32Short()', () => {
  it('is the CRC-32 of the library, from any earlier value', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.nat({ max: 200 }), fc.nat({ max: 0xffff_ffff }), (all, end, seed) => {
        const length = Math.min(end, all.length);
        const first = all.subarray(0, length);
        assert.equal(crc32Short(all, length, seed), crc32(first, seed));
        assert.equal(crc32Short(all, length), crc32(first));
      }),
    );
  });
});
