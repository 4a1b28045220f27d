/** Padding in segments: where it is, that nothing but its space is lost by it, and who writes none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { fc } from '../../test/support/property.ts';
import { chunkFrame, commitFrame, openSegments, replayed } from '../../test/support/segments.ts';
import { bytesOf, flip, OPEN, patch, SEALED } from '../../test/support/small-segments.ts';
import { concatBytes } from '../base/bytes.ts';
import { DIRECT_BLOCK_BYTES as BLOCK } from '../base/direct-io.ts';
import {
  CHUNK_PREFIX_BYTES,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  PADDING_BYTES_MAX,
  paddingBefore,
} from '../format/segment.ts';
import type { Disk } from './disk.ts';
import { readSegmentHeader, SegmentReader } from './segment-files.ts';
import type { FrameInput, FrameLocation } from './segment-layout.ts';
import { SegmentLayout } from './segment-layout.ts';
import { readTable } from './sealed-segment.ts';

const BEFORE_DATA = FRAME_HEADER_BYTES + CHUNK_PREFIX_BYTES;
const LIMITS = { paddedFrameBytesMin: 1000, segmentBytesMax: 40_000, segmentEntriesMax: 11 };

/** Chunks on both sides of the limit, whole blocks too, and commits. */
const frameArbitrary = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 6000 }), fc.constantFrom(BLOCK, 2 * BLOCK)),
    isChunk: fc.boolean(),
  })
  .map(({ length, isChunk }): FrameInput => {
    const data = new Uint8Array(length).fill(length % 251);
    return isChunk ? chunkFrame(data) : commitFrame(data);
  });

test('padding is nothing or a frame, and brings the data of a chunk to a block', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (offset) => {
      const bytes = paddingBefore(offset);
      assert(bytes === 0 || (bytes >= FRAME_HEADER_BYTES && bytes <= PADDING_BYTES_MAX));
      assert.equal((offset + bytes + BEFORE_DATA) % BLOCK, 0);
    }),
    { examples: [[BLOCK - BEFORE_DATA], [BLOCK - BEFORE_DATA - 1], [BLOCK - BEFORE_DATA + 1]] },
  );
});

test('frames and padding lie one behind the other; large chunks, and no others, begin with a block', () => {
  const frames = fc.array(frameArbitrary, { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(frames, fc.nat(100_000), (all, tail) => {
      const place = { segment: 1, storeId: new Uint8Array(16), tail };
      const layout = new SegmentLayout(place, LIMITS.paddedFrameBytesMin);
      const locations = all.map((frame) => layout.add(frame));
      let end = tail;
      for (const { offset, length } of layout.entries) {
        assert.equal(offset, end);
        end += FRAME_HEADER_BYTES + length;
      }
      assert.equal(layout.tail, end);
      assert.equal(concatBytes(layout.parts).length, end - tail);
      const paddings = layout.entries.filter(({ kind }) => kind === FRAME_KIND.padding);
      const large = all.filter(isLarge);
      assert(paddings.length <= large.length);
      for (const [index, { offset, length }] of locations.entries()) {
        const frame = all[index] ?? assert.fail();
        assert.equal(length, concatBytes(frame.payload).length);
        if (isLarge(frame)) assert.equal((offset + BEFORE_DATA) % BLOCK, 0);
      }
    }),
  );
});

test('segments with padding are replayed from any frame, sealed and open, and by their headers', async () => {
  const disk = new FaultDisk({ seed: 11 });
  const written = await write(disk, 24);
  const expected = written.map(({ frame, location }) => replayed(frame, location));
  const paddings = await paddingsOf(disk, 1);
  assert(paddings.length > 2);
  for (const [index, { location }] of written.entries()) {
    const { frames, damages, store } = await openSegments(disk, { limits: LIMITS, from: location });
    assert.deepEqual([frames, damages], [expected.slice(index), []]);
    await store.close();
  }
  // Without the footer there is no table.
  const size = (await bytesOf(disk, SEALED)).length;
  await flip(disk, SEALED, size - 1);
  const { frames, damages, store } = await openSegments(disk, { limits: LIMITS });
  assert.deepEqual([frames, damages], [expected, []]);
  await store.close();
});

test('a table lists padding, and never more than it may', async () => {
  const disk = new FaultDisk({ seed: 12 });
  const { store } = await openSegments(disk, { limits: LIMITS });
  const group = Array.from({ length: 5 }, (_, at) => chunkFrame(new Uint8Array(2000).fill(at)));
  await Promise.all([1, 2, 3, 4].map(async () => store.append(group)));
  await store.close();
  const reader = new SegmentReader(disk);
  for (const segment of [1, 2, 3]) {
    const { entries } = await readTable(reader, segment);
    assert(entries.length <= LIMITS.segmentEntriesMax, `${entries.length} entries`);
    assert.equal(entries.filter(({ kind }) => kind === FRAME_KIND.padding).length, 5);
  }
  await reader.close();
});

test('damaged padding is reported as that, and no frame is lost', async () => {
  const disk = new FaultDisk({ seed: 13 });
  const { store } = await openSegments(disk, { limits: { paddedFrameBytesMin: 1000 } });
  const frames = [chunkFrame(new Uint8Array(1500)), chunkFrame(new Uint8Array(1600))];
  const [first, second] = await store.append(frames);
  assert(first && second);
  await store.close();
  const at = first.offset + FRAME_HEADER_BYTES + first.length;
  await flip(disk, OPEN, at + FRAME_HEADER_BYTES + 5);
  const again = await openSegments(disk);
  assert.equal(again.frames.length, 2);
  const length = second.offset - at;
  assert.deepEqual(again.damages, [{ segment: 1, offset: at, length, frame: FRAME_KIND.padding }]);
  await again.store.close();
});

test('an open segment of the first version goes on without padding, the next one has it', async () => {
  const disk = new FaultDisk({ seed: 14 });
  const { store: first } = await openSegments(disk);
  await first.close();
  const file = await disk.open(OPEN);
  const { storeId } = await readSegmentHeader(file, 1);
  await file.close();
  await patch(disk, OPEN, 0, encodeSegmentHeader({ version: 1, storeId, segment: 1 }).slice(0, 32));
  const written = await write(disk, 24);
  assert.deepEqual(await paddingsOf(disk, 1), []);
  assert((await paddingsOf(disk, 2)).length > 0);
  const { frames, damages, store } = await openSegments(disk, { limits: LIMITS });
  const expected = written.map(({ frame, location }) => replayed(frame, location));
  assert.deepEqual([frames, damages], [expected, []]);
  await store.close();
});

function isLarge({ kind, payload }: FrameInput): boolean {
  const length = payload.reduce((sum, part) => sum + part.length, 0);
  return kind === FRAME_KIND.chunk && length >= LIMITS.paddedFrameBytesMin;
}

/** Writes `count` frames, one by one, and closes the store. */
async function write(
  disk: Disk,
  count: number,
): Promise<{ readonly frame: FrameInput; readonly location: FrameLocation }[]> {
  const { store } = await openSegments(disk, { limits: LIMITS });
  const written = [];
  for (let index = 0; index < count; index += 1) {
    const data = new Uint8Array(index % 3 === 0 ? 300 : 5000).fill(index);
    const frame = index % 4 === 0 ? commitFrame(data) : chunkFrame(data);
    const [location = assert.fail()] = await store.append([frame]);
    written.push({ frame, location });
  }
  await store.close();
  return written;
}

/** Offsets of the padding that the table of a sealed segment lists. */
async function paddingsOf(disk: Disk, segment: number): Promise<number[]> {
  const reader = new SegmentReader(disk);
  const { entries } = await readTable(reader, segment);
  await reader.close();
  return entries.filter(({ kind }) => kind === FRAME_KIND.padding).map(({ offset }) => offset);
}
