/** Large writes and reads of the real disk: those that go past the page cache, where it can do that. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { temporaryDirectory } from '../../test/support/server.ts';
import { alignedBytes, DIRECT_BLOCK_BYTES as BLOCK, isDirect } from '../base/direct-io.ts';
import { splitParts } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { alignParts, directSpan, openDirect } from './direct-writer.ts';
import { openNodeDisk } from './node-disk.ts';
import { ROOM_BYTES, SegmentReader, segmentPath } from './segment-files.ts';

const MIB = 1024 * 1024;
const SOURCE = randomBytes(12 * MIB);
/** The same where a direct write takes it from. */
const ALIGNED = alignedBytes(SOURCE.length, { shared: true }) ?? assert.fail('no memory');
ALIGNED.set(SOURCE);

/** Parts of a write: sizes on both sides of what is worth a direct write, odd ones and whole blocks. */
const partsArbitrary = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 5000 }),
    fc.integer({ min: 0, max: 3 * MIB }),
    fc.constantFrom(BLOCK, MIB),
  ),
  { minLength: 1, maxLength: 4 },
);

test('writes of any size, one behind the other, are what is read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(partsArbitrary, { maxLength: 3 }),
      fc.oneof(fc.nat(9000), fc.constantFrom(0, BLOCK)),
      fc.constantFrom<Uint8Array>(SOURCE, ALIGNED),
      async (all, start, source) => {
        using folder = new Scratch();
        const file = await openNodeDisk(folder.path).open('a', { create: true });
        const expected = [Buffer.alloc(start)];
        let position = start;
        for (const sizes of all) {
          let from = 0;
          const parts = sizes.map((size) => source.subarray(from, (from += size)));
          await file.write(parts, position);
          await file.sync();
          position += from;
          expected.push(Buffer.concat(parts));
        }
        assert.equal(await file.size(), position === start ? 0 : position);
        await file.close();
        const content = readFileSync(join(folder.path, 'a'));
        assert(content.equals(Buffer.concat(expected).subarray(0, content.length)));
      },
    ),
    { numRuns: 25 },
  );
});

test('what is durable when it is written is what is read, and only such writes wait for the disk', async (t) => {
  // Not in memory, where there are no direct writes.
  await using folder = await temporaryDirectory();
  const file = await openNodeDisk(folder.path).open('a', { create: true });
  // The first can be one direct write, the others cannot.
  const pieces = [ALIGNED.subarray(0, 4 * MIB), SOURCE.subarray(4 * MIB, 9 * MIB + 77)];
  let position = 0;
  for (const piece of [...pieces, SOURCE.subarray(9 * MIB + 77, 9 * MIB + 99)]) {
    await file.writeDurably([piece], position);
    position += piece.length;
  }
  await file.close();
  assert(readFileSync(join(folder.path, 'a')).equals(SOURCE.subarray(0, position)));

  await using handle = await open(join(folder.path, 'a'), 'r+');
  for (const isDurable of [false, true]) {
    const direct = await openDirect(handle, { isDurable });
    if (direct === undefined) {
      t.skip('no direct writes on this file system');
      return;
    }
    const info = readFileSync(`/proc/self/fdinfo/${direct.fd}`, 'utf8');
    const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '', 8);
    await direct.close();
    assert.equal((flags & constants.O_DSYNC) !== 0, isDurable);
  }
});

test('writes that overlap in time do not mix', async () => {
  using folder = new Scratch();
  const file = await openNodeDisk(folder.path).open('a', { create: true });
  const size = 3 * MIB + 123;
  const all = [0, 1, 2, 3];
  await Promise.all(
    all.map(async (at) => file.write([SOURCE.subarray(at * 1000, at * 1000 + size)], at * size)),
  );
  await file.close();
  const expected = all.map((at) => SOURCE.subarray(at * 1000, at * 1000 + size));
  assert(readFileSync(join(folder.path, 'a')).equals(Buffer.concat(expected)));
});

test('alignParts() takes parts that lie as the disk wants them, and copies what is between', () => {
  const rooms = [BLOCK, 3 * BLOCK, MIB].map(
    (size) => alignedBytes(size) ?? assert.fail('no memory'),
  );
  const piece = fc.record({
    source: fc.constantFrom<Uint8Array>(SOURCE, ALIGNED),
    start: fc.oneof(fc.nat(MIB), fc.constantFrom(0, BLOCK)),
    size: fc.oneof(fc.nat(2 * BLOCK), fc.constantFrom(BLOCK, 64 * BLOCK)),
  });
  const pieces = fc.array(piece, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(pieces, fc.nat(3), fc.constantFrom(...rooms), (drawn, block, room) => {
      const parts = drawn.map(({ source, start, size }) => source.subarray(start, start + size));
      // A span ends with a block.
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      parts.push(SOURCE.subarray(0, BLOCK - (length % BLOCK)));
      let position = block * BLOCK;
      let left: readonly Uint8Array[] = parts;
      const written: Uint8Array[] = [];
      while (left.length > 0) {
        const aligned = alignParts(left, { position, room });
        assert(aligned.length > 0);
        for (const each of aligned.pieces) {
          assert(each.length > 0 && isDirect(each, position));
          position += each.length;
          written.push(each.slice());
        }
        [, left] = splitParts(left, aligned.length);
      }
      assert(Buffer.concat(written).equals(Buffer.concat(parts)));
    }),
  );
});

test('alignParts() copies nothing of a chunk that begins with a block, and stops where a call is long', () => {
  const room = alignedBytes(MIB) ?? assert.fail('no memory');
  const chunk = ALIGNED.subarray(0, 2 * MIB);
  const before = SOURCE.subarray(0, BLOCK);
  const parts = Array.from({ length: 20 }, () => [before, chunk]).flat();
  const { pieces, length } = alignParts(parts, { position: 0, room });
  assert(length >= LIMITS.directCallBytes && length < LIMITS.directCallBytes + 3 * MIB);
  assert.equal(pieces.filter(({ buffer }) => buffer === ALIGNED.buffer).length, pieces.length / 2);
  const short = Array.from({ length: 2000 }, () => chunk.subarray(0, BLOCK));
  assert(alignParts(short, { position: 0, room }).pieces.length <= LIMITS.writePartsMax);
});

test('directSpan() is the blocks within a write that is large, in large parts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * MIB }), fc.nat(), (size, position) => {
      const span = directSpan([new Uint8Array(size)], position);
      if (size < LIMITS.directWriteBytesMin) return assert.equal(span, undefined);
      assert(span !== undefined && span.before < BLOCK && span.length % BLOCK === 0);
      assert.equal((position + span.before) % BLOCK, 0);
      const behind = size - span.before - span.length;
      assert(behind >= 0 && behind < BLOCK);
    }),
  );
  const small = Array.from({ length: 100 }, () => new Uint8Array(LIMITS.directPartBytesMin - 1));
  assert.equal(directSpan(small, 0), undefined);
});

test('readAside() gives the bytes, the first time and again, with a block before them', async () => {
  using folder = new Scratch();
  const disk = openNodeDisk(folder.path);
  await disk.makeDirectory('segments');
  const file = await disk.open(segmentPath(1, 'open'), { create: true });
  const size = 2 * MIB + 77;
  await file.write([SOURCE.subarray(0, size)], 0);
  await file.close();
  const reader = new SegmentReader(disk);
  const room = alignedBytes(MIB + ROOM_BYTES);
  assert(room !== undefined);
  const rangeArbitrary = fc.record({
    offset: fc.nat(size),
    length: fc.integer({ min: 1, max: MIB }),
  });
  await fc.assert(
    fc.asyncProperty(rangeArbitrary, async ({ offset, length }) => {
      for (let round = 0; round < 3; round += 1) {
        room.fill(0);
        const reading = reader.readAside({ segment: 1, offset, length }, room, [offset]);
        if (offset + length > size) {
          await assert.rejects(reading, (error) => isGdpfsError(error, 'corrupt'));
          continue;
        }
        const bytes = await reading;
        assert(Buffer.from(bytes).equals(SOURCE.subarray(offset, offset + length)));
        assert.equal(bytes.buffer, room.buffer);
        assert(bytes.byteOffset >= BLOCK);
      }
    }),
    {
      numRuns: 60,
      examples: [[{ offset: size - MIB, length: MIB }], [{ offset: BLOCK, length: MIB }]],
    },
  );
  await reader.close();
});
