import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import { BodyRoom } from './body-room.ts';
import { readContent } from './content.ts';
import { readAhead } from './read-ahead.ts';

interface Sparse {
  readonly bytes: Uint8Array;
  readonly chunks: readonly Chunk[];
}

/** A file of chunks and holes. */
const sparseFile = fc
  .array(fc.record({ hole: fc.nat(20), data: fc.uint8Array({ minLength: 1, maxLength: 20 }) }), {
    maxLength: 12,
  })
  .chain((parts) => fc.record({ parts: fc.constant(parts), tail: fc.nat(20) }))
  .map(({ parts, tail }): Sparse => {
    const pieces: Uint8Array[] = [];
    const chunks: Chunk[] = [];
    let offset = 0;
    for (const { hole, data } of parts) {
      pieces.push(new Uint8Array(hole), data);
      offset += hole;
      chunks.push({ offset, length: data.length, checksum: crc32(data), digest: sha256(data) });
      offset += data.length;
    }
    return { bytes: concatBytes([...pieces, new Uint8Array(tail)]), chunks };
  });

test('readContent() gives the bytes of any range, holes as zeros', async () => {
  await fc.assert(
    fc.asyncProperty(sparseFile, fc.nat(), fc.nat(), async ({ bytes, chunks }, a, b) => {
      const offset = a % (bytes.length + 1);
      const length = b % (bytes.length - offset + 1);
      const read = async (chunk: Chunk): Promise<Uint8Array> =>
        bytes.subarray(chunk.offset, chunk.offset + chunk.length);
      const pieces: Uint8Array[] = [];
      for await (const piece of readContent(chunks, { offset, length }, read)) pieces.push(piece);
      assert.deepEqual(concatBytes(pieces), bytes.slice(offset, offset + length));
    }),
  );
});

test('readContent() gives a hole larger than its piece size', async () => {
  let length = 0;
  for await (const piece of readContent([], { offset: 7, length: 600_000 }, neverRead)) {
    assert.ok(piece.every((byte) => byte === 0));
    length += piece.length;
  }
  assert.equal(length, 600_000);
});

function chunksOf(count: number, length: number): Chunk[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: index * length,
    length,
    checksum: 0,
    digest: new Uint8Array(32),
  }));
}

for (const { length, ahead } of [
  { length: 1, ahead: LIMITS.readAheadChunksMax },
  { length: LIMITS.readAheadBytesMax / 2, ahead: 2 },
  { length: LIMITS.chunkBytesMax, ahead: 1 },
]) {
  test(`readAhead() of chunks of ${length} bytes reads ${ahead} ahead, in order`, async () => {
    const started: number[] = [];
    const read = async (chunk: Chunk): Promise<Uint8Array> => {
      started.push(chunk.offset / length);
      return new Uint8Array(0);
    };
    let index = 0;
    for await (const { item: chunk } of readAhead(chunksOf(10, length), { read, bytesOf })) {
      assert.equal(chunk.offset, index * length);
      assert.equal(started.length, Math.min(10, index + 1 + ahead));
      index += 1;
    }
    assert.equal(index, 10);
  });
}

test('readAhead() reads ahead what has room, one in any case, and counts what the consumer has', async () => {
  const answers = new BodyRoom();
  using others = answers.forPieces('alice');
  await others.acquire(LIMITS.bodiesPerPrincipalBytesMax - 2);
  const read = async (): Promise<Uint8Array> => new Uint8Array(1);
  {
    using room = answers.forPieces('alice');
    const held: number[] = [];
    for await (const _ of readAhead(chunksOf(5, 1), { read, bytesOf, room })) {
      held.push(answers.all.bytesUsed - LIMITS.bodiesPerPrincipalBytesMax);
    }
    // One with the consumer, one ahead; nothing follows the last.
    assert.deepEqual(held, [0, 0, 0, 0, -1]);
  }
  assert.equal(answers.all.bytesUsed, LIMITS.bodiesPerPrincipalBytesMax - 2);
  await others.acquire(2);
  using room = answers.forPieces('alice');
  const waiting = readAhead(chunksOf(1, 1), { read, bytesOf, room }).next();
  others.release(1);
  assert.equal((await waiting).done, false);
});

test('readAhead() throws what a read threw, in its place', async () => {
  const read = async (chunk: Chunk): Promise<Uint8Array> => {
    if (chunk.offset === 2) throw new Error('rotten');
    return new Uint8Array(1);
  };
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const { item } of readAhead(chunksOf(5, 1), { read, bytesOf }))
      seen.push(item.offset);
  }, /rotten/);
  assert.deepEqual(seen, [0, 1]);
});

function bytesOf({ length }: Chunk): number {
  return length;
}

async function neverRead(): Promise<Uint8Array> {
  assert.fail('there is no chunk');
}
