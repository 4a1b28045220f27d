import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import type { Chunk } from '../format/manifest.ts';
import { type ChunkPlace, supposePlaces } from './supposed-places.ts';

const BETWEEN = 96;

function chunkOf(length: number): Chunk {
  return { offset: 0, length, checksum: 0, digest: new Uint8Array(32) };
}

/** Chunks that lie in this order, in segments of so many. */
function lay(chunks: readonly Chunk[], perSegment: number): Map<Chunk, ChunkPlace> {
  let end = 0;
  return new Map(
    chunks.map((chunk, index) => {
      if (index % perSegment === 0) end = 0;
      const start = end + BETWEEN;
      end = start + chunk.length;
      return [chunk, { segment: Math.floor(index / perSegment), start }];
    }),
  );
}

function suppose(chunks: readonly Chunk[], places: ReadonlyMap<Chunk, ChunkPlace>) {
  const asked: Chunk[] = [];
  const supposed = supposePlaces(chunks, BETWEEN, (chunk) => {
    asked.push(chunk);
    const place = places.get(chunk);
    assert(place !== undefined);
    return place;
  });
  return { asked, supposed };
}

describe('supposePlaces()', () => {
  it('asks for one of 32 chunks that came together', () => {
    const chunks = Array.from({ length: 1000 }, (_, index) => chunkOf(1 + (index % 7)));
    const places = lay(chunks, chunks.length);
    const { asked, supposed } = suppose(chunks, places);
    assert.equal(asked.length, 1 + Math.ceil(999 / 32));
    assert.deepEqual(
      supposed.map(({ segment, start }) => ({ segment, start })),
      chunks.map((chunk) => places.get(chunk)),
    );
  });

  it('is right about chunks of all lengths in any order, or says that it supposes', () => {
    const order = fc.uniqueArray(fc.nat(99), { minLength: 0, maxLength: 100 });
    fc.assert(
      fc.property(order, fc.integer({ min: 1, max: 40 }), (indexes, perSegment) => {
        // No sum of lengths is that of others.
        const all = Array.from({ length: 100 }, (_, index) => chunkOf(1 + index * index * index));
        const places = lay(all, perSegment);
        const chunks = indexes.flatMap((index) => all[index] ?? []);
        const { asked, supposed } = suppose(chunks, places);
        assert.equal(supposed.length, chunks.length);
        assert.equal(new Set(asked).size, asked.length);
        for (const [index, { isSupposed, segment, start }] of supposed.entries()) {
          const chunk = chunks[index] ?? chunkOf(0);
          assert.equal(isSupposed, !asked.includes(chunk));
          if (!isSupposed) assert.deepEqual({ segment, start }, places.get(chunk));
        }
      }),
    );
  });
});
