import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignedBytes, blockStart, DIRECT_BLOCK_BYTES as BLOCK, isDirect } from './direct-io.ts';

test('isDirect() wants aligned memory, and places and lengths in blocks', () => {
  for (const shared of [false, true]) {
    const bytes = alignedBytes(4 * BLOCK, { shared });
    assert(bytes !== undefined);
    assert.equal(bytes.buffer instanceof SharedArrayBuffer, shared);
    assert(isDirect(bytes, 0));
    assert(isDirect(bytes.subarray(BLOCK, 3 * BLOCK), 7 * BLOCK));
    assert(!isDirect(bytes, 1));
    assert(!isDirect(bytes.subarray(1, 1 + BLOCK), 0));
    assert(!isDirect(bytes.subarray(0, BLOCK + 1), 0));
  }
  assert(!isDirect(new Uint8Array(BLOCK), 0), 'nobody knows where it lies');
});

test('blockStart() rounds up', () => {
  assert.deepEqual([0, 1, BLOCK, BLOCK + 1].map(blockStart), [0, BLOCK, BLOCK, 2 * BLOCK]);
});
