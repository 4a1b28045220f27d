import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, sha256 } from '../base/digest.ts';
import type { Chunk } from '../format/manifest.ts';
import { ZeroChunks } from './zero-chunks.ts';

function chunksOf(parts: readonly Uint8Array[]): Chunk[] {
  let end = 0;
  return parts.map((data) => {
    const offset = end;
    end += data.length;
    return { offset, length: data.length, checksum: crc32(data), digest: sha256(data) };
  });
}

test('ZeroChunks knows chunks of zeros that repeat or are the last, and no others', () => {
  const ones = new Uint8Array(100).fill(1);
  const zeros = new Uint8Array(100);
  const chunks = chunksOf([ones, zeros, zeros, ones, new Uint8Array(30)]);
  const known = new ZeroChunks(chunks);
  assert.deepEqual(
    chunks.map((chunk) => known.has(chunk)),
    [false, true, true, false, true],
  );
  const [, zero] = chunks;
  assert(zero !== undefined);
  assert(!known.has({ ...zero, digest: sha256(ones) }), 'the checksum is not enough');
  assert(!new ZeroChunks([]).has(zero));
});
