import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32, sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ChunkFrameDecoder } from '../format/chunk-frame.ts';
import { BodyPool, ChunkBody, type Extent, groupChunks, sizeOfBody } from './chunk-body.ts';

const extentsArbitrary = fc
  .array(fc.record({ gap: fc.nat(1000), length: fc.integer({ min: 1, max: 2000 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((steps) => {
    let offset = 0;
    return steps.map(({ gap, length }): Extent => {
      const extent = { offset: offset + gap, length };
      offset += gap + length;
      return extent;
    });
  });

test('ChunkBody lays its data out as the frames that a decoder finds', async () => {
  await fc.assert(
    fc.asyncProperty(extentsArbitrary, fc.infiniteStream(fc.boolean()), async (extents, picks) => {
      const body = new ChunkBody(new Uint8Array(sizeOfBody(extents)), extents);
      for (const [index, view] of body.views().entries()) view.fill(index + 1);
      const chunks = await body.seal();
      assert(chunks.every((chunk, index) => body.hasHeader(index, chunk)));
      const picked = [...extents.keys()].filter(() => picks.next().value);
      const decoder = new ChunkFrameDecoder();
      const frames = decoder.push(body.pick(picked));
      decoder.end();
      const expected = picked.map((index) => {
        const { offset, length } = extents[index] ?? { offset: 0, length: 0 };
        const data = new Uint8Array(length).fill(index + 1);
        return { offset, length, checksum: crc32(data), data };
      });
      assert.deepEqual(frames, expected);
      for (const [at, index] of picked.entries()) {
        assert.deepEqual(chunks[index]?.digest, sha256(expected[at]?.data ?? new Uint8Array(0)));
      }
    }),
  );
});

test('groupChunks() keeps all chunks in order, in bodies of a bounded size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: LIMITS.chunkBytesMax }), { maxLength: 200 }),
      (lengths) => {
        let offset = 0;
        const chunks = lengths.map((length) => ({ offset: (offset += length) - length, length }));
        const groups = groupChunks(chunks);
        assert.deepEqual(groups.flat(), chunks);
        for (const group of groups) {
          const size = group.reduce((sum, { length }) => sum + length, 0);
          assert(group.length === 1 || size <= LIMITS.bodyBytesTarget);
          assert(group.length <= LIMITS.bodyChunksMax);
        }
      },
    ),
  );
});

test('BodyPool lends a bounded number of buffers, each to one at a time', async () => {
  const pool = new BodyPool();
  const lent = new Set<Uint8Array>();
  let lentMax = 0;
  const seen = new Set<Uint8Array>();
  const uses = Array.from({ length: 10 * LIMITS.transferConcurrency }, async (_, index) => {
    const use = pool.with(async (bytes) => {
      assert(!lent.has(bytes));
      lent.add(bytes);
      seen.add(bytes);
      lentMax = Math.max(lentMax, lent.size);
      await new Promise(setImmediate);
      lent.delete(bytes);
      if (index % 5 === 0) throw new Error('failed');
    });
    await use.catch(() => {});
  });
  await Promise.all(uses);
  assert.equal(lentMax, LIMITS.transferConcurrency);
  assert.equal(seen.size, LIMITS.transferConcurrency);
});
