import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { alignedBytes, DIRECT_BLOCK_BYTES } from '../base/direct-io.ts';
import { LIMITS } from '../base/limits.ts';
import { CHUNK_HEADER_BYTES, ChunkFrameDecoder, encodeChunkHeader } from '../format/chunk-frame.ts';
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

test('ChunkBody lays its data out as the frames that a decoder finds', () => {
  fc.assert(
    fc.property(extentsArbitrary, fc.infiniteStream(fc.boolean()), (extents, picks) => {
      const bytes = new Uint8Array(sizeOfBody(extents));
      const body = new ChunkBody(bytes, extents);
      for (const [index, extent] of extents.entries()) {
        const view = body.view(index).fill(index + 1);
        const chunk = { ...extent, checksum: crc32(view), digest: sha256(view) };
        bytes.set(encodeChunkHeader(chunk), view.byteOffset - CHUNK_HEADER_BYTES);
        assert(body.hasHeader(index, chunk));
        assert(!body.hasHeader(index, { ...chunk, length: chunk.length + 1 }));
      }
      const picked = [...extents.keys()].filter(() => picks.next().value);
      const decoder = new ChunkFrameDecoder();
      const frames = decoder.push(body.pick(picked));
      decoder.end();
      const expected = picked.map((index) => {
        const { offset, length } = extents[index] ?? { offset: 0, length: 0 };
        const data = new Uint8Array(length).fill(index + 1);
        const checksum = crc32(data);
        return { offset, length, checksum, data };
      });
      assert.deepEqual(frames, expected);
    }),
  );
});

test('ChunkBody lays its data out for direct writes, at places like those in the file', () => {
  fc.assert(
    fc.property(extentsArbitrary, (extents) => {
      const bytes = alignedBytes(sizeOfBody(extents) + extents.length * DIRECT_BLOCK_BYTES);
      assert(bytes !== undefined);
      const body = new ChunkBody(bytes, extents, 'direct');
      assert.equal(body.size, sizeOfBody(extents));
      let end = 0;
      for (const [index, { offset, length }] of extents.entries()) {
        const { byteOffset, byteLength } = body.view(index);
        assert.equal(byteLength, length);
        assert.equal((byteOffset - offset) % DIRECT_BLOCK_BYTES, 0);
        const frame = body.frames[index];
        assert(frame !== undefined && frame.byteOffset >= end);
        assert.equal(frame.byteOffset, byteOffset - CHUNK_HEADER_BYTES);
        assert.equal(frame.length, CHUNK_HEADER_BYTES + length);
        end = byteOffset + length;
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
