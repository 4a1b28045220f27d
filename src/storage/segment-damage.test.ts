import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { chunkFrame, openSegments } from '../../test/support/segments.ts';
import { FOOTER_BYTES, FRAME_HEADER_BYTES, WATERMARK_OFFSETS } from '../format/segment.ts';
import { SegmentReader } from './segment-files.ts';
import { readTable } from './sealed-segment.ts';
import {
  SMALL,
  SEALED,
  OPEN,
  fill,
  names,
  assertRefused,
  sizeOf,
  bytesOf,
  replace,
  flip,
} from '../../test/support/small-segments.ts';

describe('damage', () => {
  it('before the watermark is reported, cut from nothing, and the frames around it are replayed', async () => {
    const disk = new FaultDisk({ seed: 14 });
    const written = await fill(disk, { count: 6, limits: {} });
    const all = names(written);
    const size = await sizeOf(disk, OPEN);
    for (const [index, { location, frame }] of written.entries()) {
      const places = [0, FRAME_HEADER_BYTES - 1, FRAME_HEADER_BYTES, location.length + 31];
      for (const place of places) {
        const undo = await flip(disk, OPEN, location.offset + place);
        const { frames, damages, store } = await openSegments(disk);
        assert.deepEqual(frames, all.toSpliced(index, 1));
        assert.equal(damages.length, 1);
        const [damage] = damages;
        const isHeader = place < FRAME_HEADER_BYTES;
        assert.deepEqual(
          { ...damage },
          {
            segment: 1,
            offset: location.offset,
            length: FRAME_HEADER_BYTES + location.length,
            ...(isHeader ? {} : { frame: frame.kind }),
          },
        );
        assert.equal(await sizeOf(disk, OPEN), size);
        await store.close();
        await undo();
      }
    }
  });

  it('is reported when the open segment is cut anywhere, between frames too', async () => {
    const disk = new FaultDisk({ seed: 15 });
    const written = await fill(disk, { count: 6, limits: {} });
    const bytes = await bytesOf(disk, OPEN);
    const ends = written.map(({ location }) => location.offset);
    for (const end of [...ends, ...ends.map((each) => each + 40), bytes.length - 1]) {
      await replace(disk, OPEN, bytes.subarray(0, end));
      const { frames, damages, store } = await openSegments(disk);
      const whole = written.filter(
        ({ location }) => location.offset + FRAME_HEADER_BYTES + location.length <= end,
      );
      assert.deepEqual(frames, names(whole));
      assert(damages.length > 0, `cut at ${end}`);
      await store.close();
    }
  });

  it('in the table or footer of a sealed segment costs nothing: the frames are found', async () => {
    const disk = new FaultDisk({ seed: 16 });
    const written = await fill(disk, { count: 30 });
    const reader = new SegmentReader(disk);
    const { tableOffset } = await readTable(reader, 1);
    await reader.close();
    const size = await sizeOf(disk, SEALED);
    for (const offset of [tableOffset, tableOffset + 40, size - FOOTER_BYTES, size - 1]) {
      const undo = await flip(disk, SEALED, offset);
      const { frames, damages, store } = await openSegments(disk, { limits: SMALL });
      assert.deepEqual(frames, names(written));
      assert.deepEqual(damages, []);
      await store.close();
      await undo();
    }
  });

  it('is reported when a sealed segment is cut before its table, between frames too', async () => {
    const disk = new FaultDisk({ seed: 17 });
    const written = await fill(disk, { count: 30 });
    const bytes = await bytesOf(disk, SEALED);
    const inFirst = written.filter(({ location }) => location.segment === 1);
    for (const { location } of inFirst) {
      for (const end of [location.offset, location.offset + 40]) {
        await replace(disk, SEALED, bytes.subarray(0, end));
        const { frames, damages, store } = await openSegments(disk, { limits: SMALL });
        const whole = written.filter(
          (each) => each.location.segment > 1 || each.location.offset < location.offset,
        );
        assert.deepEqual(frames, names(whole));
        assert(damages.length > 0, `cut at ${end}`);
        await store.close();
      }
    }
  });

  it('of a frame in a sealed segment is reported with its kind', async () => {
    const disk = new FaultDisk({ seed: 18 });
    const written = await fill(disk, { count: 30 });
    const commit = written.find(({ frame }) => frame.kind === 2) ?? assert.fail();
    const { segment, offset } = commit.location;
    assert.equal(segment, 1);
    await flip(disk, SEALED, offset + FRAME_HEADER_BYTES + 3);
    const { damages, frames, store } = await openSegments(disk, { limits: SMALL });
    assert.deepEqual(
      damages.map((damage) => [damage.offset, damage.frame]),
      [[offset, 2]],
    );
    assert.equal(frames.length, written.length - 1);
    await store.close();
  });

  it('that a segment was sealed with is reported at every replay: its table has a gap', async () => {
    const disk = new FaultDisk({ seed: 25 });
    const limits = { segmentEntriesMax: 4 };
    const written = await fill(disk, { count: 3, limits });
    const [first, second, third] = written;
    assert(first && second && third);
    await flip(disk, OPEN, second.location.offset);
    const { store } = await openSegments(disk, { limits });
    for (let count = 0; count < 3; count++) await store.append([chunkFrame(Uint8Array.of(count))]);
    await store.close();
    assert((await disk.list('segments')).includes('0000000001.seg'));
    const { frames, damages, store: again } = await openSegments(disk, { limits });
    assert.deepEqual(frames.slice(0, 2), names([first, third]));
    assert.equal(frames.length, 5);
    const { segment, offset, length } = second.location;
    assert.deepEqual(damages, [{ segment, offset, length: FRAME_HEADER_BYTES + length }]);
    await again.close();
  });

  it('of a watermark costs nothing, and an operator is told', async () => {
    const disk = new FaultDisk({ seed: 19 });
    const written = await fill(disk, { count: 4, limits: {} });
    for (const offset of [WATERMARK_OFFSETS[0], WATERMARK_OFFSETS[1] + 9]) {
      const undo = await flip(disk, OPEN, offset);
      const { frames, damages, warnings, store } = await openSegments(disk);
      assert.deepEqual(frames, names(written));
      assert.deepEqual(damages, []);
      assert.match(warnings.join(), /a watermark slot is damaged/);
      await store.close();
      await undo();
    }
  });

  it('of a header is a refusal', async () => {
    const disk = new FaultDisk({ seed: 20 });
    await fill(disk, { count: 30 });
    for (const file of [SEALED, 'segments/0000000002.seg']) {
      for (const offset of [0, 9, 25, 31]) {
        const undo = await flip(disk, file, offset);
        await assertRefused(disk);
        await undo();
      }
    }
  });
});
